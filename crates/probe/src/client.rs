//! The controller's side: asks the observer and hands on what it sees.

use std::{net::SocketAddr, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use http_body_util::{BodyExt, Full};
use hyper::{
    Method, Request, Response, StatusCode, body::Incoming, client::conn::http1, header::HOST,
};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use timeline::{ClockReading, LedgerRequest, PagesRequest, Sighted, StoredThresholds, WatchList};
use tokio::{net::TcpStream, time::timeout};
use tokio_util::task::AbortOnDropHandle;
use wire::Paged;

use crate::ProbeError;

/// A heartbeat comes each second: after this long without one the observer is lost.
const MOST_SILENCE: Duration = Duration::from_secs(3);
/// The database may take a while to begin, and to go on.
const MOST_SILENCE_OF_LEDGER: Duration = Duration::from_secs(10);

/// Asks the observer to watch everyone on the list. The stream ends with the first error; dropping it ends
/// the watch. Every member is sighted once at the beginning, then at each change.
///
/// # Errors
/// When the observer cannot be reached or refuses the list. Later, in the stream: when it is silent for
/// more than 3 s, breaks off, or sends something else than sightings.
pub async fn watch(
    observer: SocketAddr,
    list: &WatchList,
) -> Result<impl Stream<Item = Result<Sighted, ProbeError>> + Send + Unpin + use<>, ProbeError> {
    let lines = Lines(open(observer, "/watch", list, MOST_SILENCE).await?);
    let sightings = stream::unfold(Some(lines), |lines| async move {
        let mut lines = lines?;
        let sighting = lines.next_sighting().await;
        let rest = sighting.is_ok().then_some(lines);
        Some((sighting, rest))
    });
    Ok(sightings.boxed())
}

/// The bytes of `stored.bin`: every reading that a Postgres holds, as the observer reads it.
///
/// # Errors
/// When the observer cannot be reached, or the database cannot be asked. An item is an error when the
/// observer is silent for 10 s or breaks off; when the database does, the bytes lack their footer.
pub async fn ledger(
    observer: SocketAddr,
    request: &LedgerRequest,
) -> Result<impl Stream<Item = Result<Bytes, ProbeError>> + Send + Unpin + use<>, ProbeError> {
    let answer = open(observer, "/ledger", request, MOST_SILENCE_OF_LEDGER).await?;
    let bytes = stream::unfold(Some(answer), |answer| async move {
        let mut answer = answer?;
        let piece = answer.next_bytes().await.transpose()?;
        let rest = piece.is_ok().then_some(answer);
        Some((piece, rest))
    });
    Ok(bytes.boxed())
}

/// Every page that the third party took, as its own book has it.
///
/// # Errors
/// When the observer cannot be reached, is silent for 3 s or breaks off, or the book can't be read.
pub async fn pages(observer: SocketAddr, request: &PagesRequest) -> Result<Vec<Paged>, ProbeError> {
    let answer = open(observer, "/pages", request, MOST_SILENCE).await?;
    answer.whole().await
}

/// Every patient's thresholds that a Postgres holds.
///
/// # Errors
/// When the observer cannot be reached, is silent for 10 s or breaks off, or the database can't be read.
pub async fn thresholds(
    observer: SocketAddr,
    request: &LedgerRequest,
) -> Result<Vec<StoredThresholds>, ProbeError> {
    let answer = open(observer, "/thresholds", request, MOST_SILENCE_OF_LEDGER).await?;
    answer.whole().await
}

/// The clocks of an instrument: the observer and the load generator both have the page.
///
/// # Errors
/// When the instrument cannot be reached, is silent for 3 s or breaks off, or its answer can't be read.
pub async fn clocks(instrument: SocketAddr) -> Result<ClockReading, ProbeError> {
    let request = (Method::GET, "/clock", Bytes::new());
    let answer = send(instrument, request, MOST_SILENCE).await?;
    answer.whole().await
}

/// Posts a request and waits for its 200.
async fn open(
    observer: SocketAddr,
    path: &str,
    request: &impl Serialize,
    most_silence: Duration,
) -> Result<Answer, ProbeError> {
    let unreachable = |reason: String| ProbeError::Unreachable { observer, reason };
    let body = serde_json::to_vec(request).map_err(|error| unreachable(error.to_string()))?;
    send(observer, (Method::POST, path, body.into()), most_silence).await
}

/// Sends a request of a method, a path and a body, and waits for its 200.
async fn send(
    observer: SocketAddr,
    (method, path, body): (Method, &str, Bytes),
    most_silence: Duration,
) -> Result<Answer, ProbeError> {
    let unreachable = |reason: String| ProbeError::Unreachable { observer, reason };
    let asked = timeout(most_silence, ask(observer, (method, path, body))).await;
    let (response, connection) = asked
        .map_err(|_| ProbeError::Silent {
            observer,
            silence: most_silence,
        })?
        .map_err(unreachable)?;
    let status = response.status();
    let mut answer = Answer {
        observer,
        most_silence,
        body: response.into_body(),
        buffer: BytesMut::new(),
        _connection: connection,
    };
    if status == StatusCode::OK {
        return Ok(answer);
    }
    let message = answer.next_bytes().await.ok().flatten().unwrap_or_default();
    Err(ProbeError::Refused {
        observer,
        path: path.to_owned(),
        status: status.as_u16(),
        message: String::from_utf8_lossy(&message).trim().to_owned(),
    })
}

async fn ask(
    observer: SocketAddr,
    (method, path, body): (Method, &str, Bytes),
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
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, observer.to_string())
        .body(Full::new(body))
        .map_err(|error| error.to_string())?;
    let response = sender.send_request(request).await.map_err(words)?;
    Ok((response, connection))
}

/// The observer's answer. Dropping it hangs up.
struct Answer {
    observer: SocketAddr,
    most_silence: Duration,
    body: Incoming,
    /// Bytes that came and were not taken yet.
    buffer: BytesMut,
    _connection: AbortOnDropHandle<()>,
}

impl Answer {
    /// All of it, as one value in JSON.
    async fn whole<T: DeserializeOwned>(mut self) -> Result<T, ProbeError> {
        let mut text = BytesMut::new();
        while let Some(bytes) = self.next_bytes().await? {
            text.extend_from_slice(&bytes);
        }
        serde_json::from_slice(&text).map_err(|source| nonsense(self.observer, &text, source))
    }

    /// The next bytes; none at the answer's end.
    async fn next_bytes(&mut self) -> Result<Option<Bytes>, ProbeError> {
        let (observer, silence) = (self.observer, self.most_silence);
        loop {
            let frame = timeout(silence, self.body.frame()).await;
            let frame = frame.map_err(|_| ProbeError::Silent { observer, silence })?;
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|error| ProbeError::BrokeOff {
                observer,
                reason: error.to_string(),
            })?;
            // Trailers, which nobody sends here, are no part of the answer.
            if let Ok(bytes) = frame.into_data() {
                return Ok(Some(bytes));
            }
        }
    }
}

fn nonsense(observer: SocketAddr, text: &[u8], source: serde_json::Error) -> ProbeError {
    ProbeError::Nonsense {
        observer,
        line: String::from_utf8_lossy(text).chars().take(120).collect(),
        source,
    }
}

/// An answer of lines.
struct Lines(Answer);

impl Lines {
    /// The next sighting; heartbeats are passed over.
    async fn next_sighting(&mut self) -> Result<Sighted, ProbeError> {
        loop {
            let line = self.next_line().await?;
            if line.is_empty() {
                continue;
            }
            let sighting = serde_json::from_slice(&line);
            return sighting.map_err(|source| nonsense(self.0.observer, &line, source));
        }
    }

    /// The next line without its end.
    async fn next_line(&mut self) -> Result<Bytes, ProbeError> {
        loop {
            if let Some(end) = self.0.buffer.iter().position(|&byte| byte == b'\n') {
                let mut line = self.0.buffer.split_to(end + 1);
                line.truncate(end);
                return Ok(line.freeze());
            }
            let bytes = self.0.next_bytes().await?;
            let bytes = bytes.ok_or_else(|| ProbeError::BrokeOff {
                observer: self.0.observer,
                reason: "the stream ended".into(),
            })?;
            self.0.buffer.extend_from_slice(&bytes);
        }
    }
}
