//! One user's keep-alive connection to one site.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use timeline::Outcome;
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

use crate::ports::PORTS;
use crate::tally::Tally;
use crate::world::Patience;

/// The platform's public name. Addresses are given by the plan, as resolved from it.
pub(crate) const SITE: &str = "gameday.test";
/// Header with the user's id, by which the platform limits rates.
pub(crate) const CLIENT_ID: &str = "x-client-id";
/// How long one of several addresses may take to accept, as browsers do (RFC 8305 asks for 250 ms).
const CONNECT_TIMEOUT: Duration = Duration::from_millis(250);
/// No answer of the platform is as long as this.
const MAX_BODY_BYTES: usize = 1 << 20;

/// A request; it can be sent twice.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) body: Bytes,
}

impl Ask {
    pub(crate) fn get(path: String) -> Self {
        Self {
            method: Method::GET,
            path,
            body: Bytes::new(),
        }
    }
}

/// A complete answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Bytes,
}

/// What came of an [`Ask`].
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) answer: Result<Answer, Outcome>,
    /// Whether it went out a second time, or was offered to a second address; the answer is then the last one's.
    pub(crate) again: bool,
}

enum Failure {
    /// Closed or reset before the answer's head.
    Unanswered,
    Final(Outcome),
}

impl From<Failure> for Outcome {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Unanswered => Self::Broken,
            Failure::Final(outcome) => outcome,
        }
    }
}

/// A user's line to one site: at most one connection, opened on demand.
#[derive(Debug)]
pub(crate) struct Line {
    addresses: Arc<[SocketAddr]>,
    /// Index of the address to try first: the last that served.
    at: usize,
    /// Whether the latest request was offered to another address than the first, because that one did not accept.
    failed_over: bool,
    client_id: HeaderValue,
    open: Option<Connection>,
}

#[derive(Debug)]
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    _io: AbortOnDropHandle<()>,
}

impl Line {
    pub(crate) fn new(addresses: Arc<[SocketAddr]>, user: u32) -> Self {
        Self {
            at: user as usize % addresses.len().max(1),
            addresses,
            failed_over: false,
            client_id: client_id(user),
            open: None,
        }
    }

    /// Sends `ask` and waits for the whole answer.
    ///
    /// Where nothing is answered before the connection breaks, it goes out once more on a new one: to the next address
    /// where there are several, as who breaks off may be dying, and still accept; to the only one when a kept connection
    /// turned out to be dead. Every request of ours is idempotent (RFC 9110, 9.2.2).
    pub(crate) async fn ask(&mut self, ask: &Ask, patience: Patience, tally: &Tally) -> Asked {
        let kept = self.open.as_ref().is_some_and(|c| !c.sender.is_closed());
        self.failed_over = false;
        let first = self.attempt(ask, patience, tally).await;
        let again = matches!(first, Err(Failure::Unanswered)) && (kept || self.addresses.len() > 1);
        let last = match again {
            true => {
                self.turn_away();
                self.attempt(ask, patience, tally).await
            }
            false => first,
        };
        Asked {
            answer: last.map_err(Outcome::from),
            again: again || self.failed_over,
        }
    }

    /// Sends `ask` once, on the open connection or on a new one.
    async fn attempt(
        &mut self,
        ask: &Ask,
        patience: Patience,
        tally: &Tally,
    ) -> Result<Answer, Failure> {
        if self.open.as_ref().is_none_or(|c| c.sender.is_closed()) {
            let connected = self.connect(patience, tally).await;
            connected.map_err(Failure::Final)?;
        }
        self.exchange(ask, patience).await
    }

    /// From now on requests go out under another name.
    pub(crate) fn rename(&mut self, user: u32) {
        self.client_id = client_id(user);
    }

    /// Closes the connection: the user goes away.
    pub(crate) fn hang_up(&mut self) {
        self.open = None;
    }

    /// The next address is the one to begin with.
    fn turn_away(&mut self) {
        self.at = (self.at + 1) % self.addresses.len();
    }

    /// Uses the open connection, and keeps it only after a complete answer.
    async fn exchange(&mut self, ask: &Ask, patience: Patience) -> Result<Answer, Failure> {
        let mut connection = self.open.take().ok_or(Failure::Unanswered)?;
        let request = self.request(ask);
        let Some(result) = patience.during(connection.exchange(request)).await else {
            // Whoever accepts and then stays silent is not the address to begin with next time.
            self.turn_away();
            return Err(Failure::Final(Outcome::TimedOut));
        };
        let answer = result?;
        self.open = Some(connection);
        Ok(answer)
    }

    fn request(&self, ask: &Ask) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(ask.body.clone()));
        *request.method_mut() = ask.method.clone();
        if let Ok(uri) = ask.path.parse() {
            *request.uri_mut() = uri;
        }
        let headers = request.headers_mut();
        headers.insert(HOST, HeaderValue::from_static(SITE));
        headers.insert(CLIENT_ID, self.client_id.clone());
        if !ask.body.is_empty() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        request
    }

    /// Tries the addresses in turn until one accepts, all of them refuse, or patience ends.
    async fn connect(&mut self, patience: Patience, tally: &Tally) -> Result<(), Outcome> {
        let mut refused = 0;
        let first = self.at;
        while refused < self.addresses.len() && !patience.left().is_zero() {
            self.failed_over |= self.at != first;
            // With nowhere else to go, the kernel's own repetitions are all there is.
            let limit = match self.addresses.len() {
                1 => patience.left(),
                _ => CONNECT_TIMEOUT.min(patience.left()),
            };
            match tokio::time::timeout(limit, dial(self.addresses[self.at])).await {
                Ok(Ok(stream)) => {
                    let opened = Connection::open(stream).await;
                    self.open = Some(opened.map_err(|_| Outcome::Broken)?);
                    tally.connected();
                    return Ok(());
                }
                Ok(Err(outcome)) if outcome == Outcome::NotSent => return Err(outcome),
                Ok(Err(_)) => refused += 1,
                Err(_) => refused = 0,
            }
            self.turn_away();
        }
        Err(Outcome::Unreachable)
    }
}

impl Connection {
    async fn open(stream: TcpStream) -> Result<Self, hyper::Error> {
        let (sender, io) = http1::handshake(TokioIo::new(stream)).await?;
        let io = tokio::spawn(async move {
            // How it ends shows in the request that it carries.
            let _ = io.await;
        });
        Ok(Self {
            sender,
            _io: AbortOnDropHandle::new(io),
        })
    }

    async fn exchange(&mut self, request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        let ready = self.sender.ready().await;
        ready.map_err(|_| Failure::Unanswered)?;
        let response = self.sender.send_request(request).await.map_err(|error| {
            if error.is_parse() {
                Failure::Final(Outcome::Broken)
            } else {
                Failure::Unanswered
            }
        })?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_BODY_BYTES);
        let body = body.collect().await;
        let body = body
            .map_err(|_| Failure::Final(Outcome::Broken))?
            .to_bytes();
        Ok(Answer { status, body })
    }
}

/// Connects without the delay of small packets.
pub(crate) async fn dial(address: SocketAddr) -> Result<TcpStream, Outcome> {
    let stream = PORTS.connect(address).await.map_err(|error| {
        if is_our_fault(&error) {
            Outcome::NotSent
        } else {
            Outcome::Unreachable
        }
    })?;
    // Without it a request is only slower; the connection itself is fine.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// Whether the generator's machine, not the platform, is what failed: out of ports or of descriptors.
fn is_our_fault(error: &io::Error) -> bool {
    const ENFILE: i32 = 23;
    const EMFILE: i32 = 24;
    error.kind() == io::ErrorKind::AddrNotAvailable
        || matches!(error.raw_os_error(), Some(ENFILE | EMFILE))
}

/// The id that user number `user` sends along.
pub(crate) fn client_id(user: u32) -> HeaderValue {
    HeaderValue::try_from(format!("u{user}")).unwrap_or(HeaderValue::from_static("u"))
}

#[cfg(test)]
mod tests {
    use clock::Clock;
    use timeline::Offset;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    use super::*;

    /// Accepts for ever; answers as many requests as it is told to, then closes each connection that asks for anything.
    async fn site(answers: usize) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let mut left = answers;
            while let Ok((mut stream, _)) = listener.accept().await {
                while stream.read(&mut [0; 1024]).await.is_ok_and(|n| n > 0) && left > 0 {
                    left -= 1;
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                    stream.write_all(answer).await.unwrap();
                }
            }
        });
        address
    }

    /// How each of several requests ended, and whether it went out twice.
    async fn asked(addresses: &[SocketAddr], times: usize) -> Vec<(Option<Outcome>, bool)> {
        let (clock, tally) = (Clock::start().0, Tally::default());
        let patience = Patience::until(clock, Offset::from(Duration::from_secs(5)));
        let mut line = Line::new(addresses.into(), 0);
        let mut outcomes = vec![];
        for _ in 0..times {
            let asked = line.ask(&Ask::get("/".into()), patience, &tally).await;
            outcomes.push((asked.answer.err(), asked.again));
        }
        outcomes
    }

    #[tokio::test]
    async fn whoever_breaks_off_is_not_asked_again_while_there_is_another() {
        let good = |again| (None, again);
        let (dying, other) = (site(1).await, site(10).await);
        let outcomes = asked(&[dying, other], 3).await;
        assert_eq!(outcomes, [false, true, false].map(good));
        let (dying, other) = (site(0).await, site(10).await);
        let outcomes = asked(&[dying, other], 3).await;
        assert_eq!(outcomes, [true, false, false].map(good));
    }

    #[tokio::test]
    async fn a_request_goes_out_twice_at_most() {
        let outcomes = asked(&[site(0).await, site(0).await, site(10).await], 1).await;
        assert_eq!(outcomes, [(Some(Outcome::Broken), true)]);
    }

    #[tokio::test]
    async fn with_nobody_else_the_same_is_asked_once_more_after_a_kept_connection_only() {
        let outcomes = asked(&[site(1).await], 3).await;
        let broken = |again| (Some(Outcome::Broken), again);
        assert_eq!(outcomes, [(None, false), broken(true), broken(false)]);
    }
}
