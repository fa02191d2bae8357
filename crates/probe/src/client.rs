//! The controller's side: asks the observer and hands on what it sees.

use std::{net::SocketAddr, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use http_body_util::{BodyExt, Full};
use hyper::{Request, Response, StatusCode, body::Incoming, client::conn::http1, header::HOST};
use hyper_util::rt::TokioIo;
use timeline::{Sighting, WatchList};
use tokio::{net::TcpStream, time::timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::ProbeError;

/// A heartbeat comes each second: after this long without one the observer is lost.
const MOST_SILENCE: Duration = Duration::from_secs(3);

/// Asks the observer to watch everyone on the list. The stream ends with the first error; dropping it ends
/// the watch. Every member is sighted once at the beginning, then at each change.
///
/// # Errors
/// When the observer cannot be reached or refuses the list. Later, in the stream: when it is silent for
/// more than 3 s, breaks off, or sends something else than sightings.
pub async fn watch(
    observer: SocketAddr,
    list: &WatchList,
) -> Result<impl Stream<Item = Result<Sighting, ProbeError>> + Send + Unpin + use<>, ProbeError> {
    let unreachable = |reason: String| ProbeError::Unreachable { observer, reason };
    let body = serde_json::to_vec(list).map_err(|error| unreachable(error.to_string()))?;
    let (response, connection) = timeout(MOST_SILENCE, ask(observer, body.into()))
        .await
        .map_err(|_| ProbeError::Silent {
            observer,
            silence: MOST_SILENCE,
        })?
        .map_err(unreachable)?;
    let status = response.status();
    let mut lines = Lines {
        observer,
        body: response.into_body(),
        buffer: BytesMut::new(),
        _connection: connection,
    };
    if status != StatusCode::OK {
        let message = lines.next_line().await.unwrap_or_default();
        return Err(ProbeError::Refused {
            observer,
            status: status.as_u16(),
            message: String::from_utf8_lossy(&message).into_owned(),
        });
    }
    let sightings = stream::unfold(Some(lines), |lines| async move {
        let mut lines = lines?;
        let sighting = lines.next_sighting().await;
        let rest = sighting.is_ok().then_some(lines);
        Some((sighting, rest))
    });
    Ok(sightings.boxed())
}

async fn ask(
    observer: SocketAddr,
    body: Bytes,
) -> Result<(Response<Incoming>, AbortOnDropHandle<()>), String> {
    let words = |error: hyper::Error| error.to_string();
    let stream = TcpStream::connect(observer)
        .await
        .map_err(|error| error.kind().to_string())?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(words)?;
    let connection = AbortOnDropHandle::new(tokio::spawn(async move {
        // Its error reaches whoever reads the body.
        let _ = connection.await;
    }));
    let request = Request::post("/watch")
        .header(HOST, observer.to_string())
        .body(Full::new(body))
        .map_err(|error| error.to_string())?;
    let response = sender.send_request(request).await.map_err(words)?;
    Ok((response, connection))
}

/// The lines of the observer's answer. Dropping them hangs up.
struct Lines {
    observer: SocketAddr,
    body: Incoming,
    buffer: BytesMut,
    _connection: AbortOnDropHandle<()>,
}

impl Lines {
    /// The next sighting; heartbeats are passed over.
    async fn next_sighting(&mut self) -> Result<Sighting, ProbeError> {
        loop {
            let line = self.next_line().await?;
            if line.is_empty() {
                continue;
            }
            return serde_json::from_slice(&line).map_err(|source| ProbeError::Nonsense {
                observer: self.observer,
                line: String::from_utf8_lossy(&line).chars().take(120).collect(),
                source,
            });
        }
    }

    /// The next line without its end.
    async fn next_line(&mut self) -> Result<Bytes, ProbeError> {
        let observer = self.observer;
        let broke_off = |reason: String| ProbeError::BrokeOff { observer, reason };
        loop {
            if let Some(end) = self.buffer.iter().position(|&byte| byte == b'\n') {
                let mut line = self.buffer.split_to(end + 1);
                line.truncate(end);
                return Ok(line.freeze());
            }
            let frame = timeout(MOST_SILENCE, self.body.frame())
                .await
                .map_err(|_| ProbeError::Silent {
                    observer,
                    silence: MOST_SILENCE,
                })?
                .ok_or_else(|| broke_off("the stream ended".into()))?
                .map_err(|error| broke_off(error.to_string()))?;
            if let Some(data) = frame.data_ref() {
                self.buffer.extend_from_slice(data);
            }
        }
    }
}
