//! One kept connection to one HTTP interface: a look costs no handshake while the member lives.

use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, StatusCode,
    client::conn::http1::{SendRequest, handshake},
    header::{AUTHORIZATION, HOST, HeaderValue},
};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::{net::TcpStream, time::timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::look::{DEADLINE, LookError};

/// More than any answer that the observer asks for.
const MOST_BYTES: usize = 4 << 20;

/// An interface, and the connection to it while there is one.
pub(crate) struct Http {
    address: SocketAddr,
    authorization: Option<HeaderValue>,
    idle: Option<Connection>,
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
    port: u16,
}

impl Http {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            authorization: None,
            idle: None,
        }
    }

    /// Sends this header with every question.
    pub(crate) fn authorized(mut self, header: Option<HeaderValue>) -> Self {
        self.authorization = header;
        self
    }

    /// Asks on a new connection, so that the answer is from whoever has the address now.
    pub(crate) async fn get_afresh(&mut self, path: &str) -> Result<Answer, LookError> {
        self.idle = None;
        self.get(path).await
    }

    pub(crate) async fn get(&mut self, path: &str) -> Result<Answer, LookError> {
        self.ask(Method::GET, path, Bytes::new()).await
    }

    /// Asks within [`DEADLINE`]. A connection that did not answer is not used again.
    pub(crate) async fn ask(
        &mut self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Answer, LookError> {
        let port = self.address.port();
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().map_err(|_| LookError::Unclear {
            port,
            what: format!("{path:?} is not a path"),
        })?;
        let headers = request.headers_mut();
        headers.insert(HOST, HeaderValue::from_static("observed"));
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        match timeout(DEADLINE, self.exchange(request)).await {
            Ok(answer) => answer,
            Err(_) => Err(LookError::Silent { port }),
        }
    }

    /// The error for an answer that does not say what it should.
    pub(crate) fn unclear(&self, error: impl ToString) -> LookError {
        LookError::Unclear {
            port: self.address.port(),
            what: error.to_string(),
        }
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, LookError> {
        // Servers close idle connections: that one failed says nothing about the member.
        if let Some(mut connection) = self.idle.take()
            && let Ok(answer) = connection.send(request.clone()).await
        {
            self.idle = Some(connection);
            return Ok(answer);
        }
        let mut connection = Connection::open(self.address).await?;
        let answer = connection.send(request).await?;
        self.idle = Some(connection);
        Ok(answer)
    }
}

impl Answer {
    /// What a server with status 200 would have said.
    #[cfg(test)]
    pub(crate) fn of(text: &'static str) -> Self {
        Self {
            status: StatusCode::OK,
            body: Bytes::from_static(text.as_bytes()),
            port: 80,
        }
    }

    /// The answer itself when its status is 200.
    pub(crate) fn ok(self, path: &str) -> Result<Self, LookError> {
        if self.status == StatusCode::OK {
            return Ok(self);
        }
        Err(LookError::Status {
            port: self.port,
            path: path.into(),
            status: self.status.as_u16(),
        })
    }

    /// The body as JSON, whatever the status.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, LookError> {
        serde_json::from_slice(&self.body).map_err(|error| LookError::Unclear {
            port: self.port,
            what: error.to_string(),
        })
    }

    /// The body as text.
    pub(crate) fn text(&self) -> Result<&str, LookError> {
        std::str::from_utf8(&self.body).map_err(|error| LookError::Unclear {
            port: self.port,
            what: error.to_string(),
        })
    }
}

struct Connection {
    sender: SendRequest<Full<Bytes>>,
    port: u16,
    _driver: AbortOnDropHandle<()>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Result<Self, LookError> {
        let port = address.port();
        let stream = TcpStream::connect(address)
            .await
            .map_err(|source| LookError::connecting(port, source.kind()))?;
        let (sender, driver) = handshake(TokioIo::new(stream))
            .await
            .map_err(|source| LookError::Http { port, source })?;
        let driver = tokio::spawn(async move {
            // Its error reaches whoever waits for an answer.
            let _ = driver.await;
        });
        Ok(Self {
            sender,
            port,
            _driver: AbortOnDropHandle::new(driver),
        })
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, LookError> {
        let port = self.port;
        let broken = |source| LookError::Http { port, source };
        self.sender.ready().await.map_err(broken)?;
        let response = self.sender.send_request(request).await.map_err(broken)?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MOST_BYTES)
            .collect()
            .await
            .map_err(|error| LookError::Unclear {
                port,
                what: error.to_string(),
            })?
            .to_bytes();
        Ok(Answer { status, body, port })
    }
}
