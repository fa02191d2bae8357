//! The controller's side: starts a load and reads its recording, and presses on the platform beside it.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::stream::{self, Stream, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use timeline::{LoadPlan, PressOrder, Pressed};
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

/// How long the generator may take to accept a plan.
const ACCEPT_WITHIN: Duration = Duration::from_secs(10);

/// Why there is no load, or no more of it.
#[derive(Debug, Error)]
pub enum LoadError {
    /// The generator can't be reached.
    #[error("load generator {generator} unreachable: {source}")]
    Connect {
        /// Its address.
        generator: SocketAddr,
        /// What the connection says.
        source: io::Error,
    },
    /// The generator took too long to answer.
    #[error("load generator {0} gave no answer within {ACCEPT_WITHIN:?}")]
    Silent(SocketAddr),
    /// The plan can't be written.
    #[error("plan not writable: {0}")]
    Plan(#[from] serde_json::Error),
    /// A line of its count can't be read.
    #[error("line of the load generator not readable: {0}")]
    Line(serde_json::Error),
    /// The request can't be made.
    #[error("request for the load generator not valid: {0}")]
    Request(#[from] hyper::http::Error),
    /// The connection broke, before the answer or in the middle of the recording.
    #[error("load generator connection broke: {0}")]
    Broken(#[from] hyper::Error),
    /// The generator refuses the plan, or is busy with another.
    #[error("load generator refused with status {status}: {message}")]
    Refused {
        /// HTTP status: 400 for a plan that is not valid, 409 while another load runs.
        status: u16,
        /// What it says.
        message: String,
    },
}

/// Starts the load that `plan` describes on `generator`, and returns the bytes of its recording as they
/// come: the content of `arrivals.bin`. Dropping the stream stops the load.
///
/// # Errors
/// When the generator can't be reached, is silent, or refuses. An item is an error when the connection
/// breaks in the middle of the recording.
pub async fn drive(
    generator: SocketAddr,
    plan: &LoadPlan,
) -> Result<impl Stream<Item = Result<Bytes, LoadError>> + Send + Unpin + use<>, LoadError> {
    answer(generator, "/drive", serde_json::to_vec(plan)?).await
}

/// Adds to the load that runs on `generator`, and returns the lines of its count as they come; the last one has everything.
/// Dropping the stream ends the pressure.
///
/// # Errors
/// When the generator can't be reached, is silent, or runs no load. An item is an error when the connection breaks.
pub async fn press(
    generator: SocketAddr,
    order: &PressOrder,
) -> Result<impl Stream<Item = Result<Pressed, LoadError>> + Send + Unpin + use<>, LoadError> {
    let bytes = answer(generator, "/press", serde_json::to_vec(order)?).await?;
    let lines = stream::unfold((bytes, BytesMut::new()), |(mut bytes, mut partial)| async {
        loop {
            if let Some(end) = partial.iter().position(|byte| *byte == b'\n') {
                let line = partial.split_to(end + 1);
                let pressed = serde_json::from_slice(&line).map_err(LoadError::Line);
                return Some((pressed, (bytes, partial)));
            }
            match bytes.next().await? {
                Ok(more) => partial.extend_from_slice(&more),
                Err(error) => return Some((Err(error), (bytes, partial))),
            }
        }
    });
    Ok(Box::pin(lines))
}

/// Posts `body`, and returns the bytes of the answer as they come.
async fn answer(
    generator: SocketAddr,
    path: &'static str,
    body: Vec<u8>,
) -> Result<impl Stream<Item = Result<Bytes, LoadError>> + Send + Unpin + use<>, LoadError> {
    let opening = tokio::time::timeout(ACCEPT_WITHIN, open(generator, path, body));
    let (response, io) = opening.await.map_err(|_| LoadError::Silent(generator))??;
    if response.status() != StatusCode::OK {
        let status = response.status().as_u16();
        let message = response.into_body().collect().await?.to_bytes();
        let message = String::from_utf8_lossy(&message).into_owned();
        return Err(LoadError::Refused { status, message });
    }
    let recording = stream::unfold(Some((response.into_body(), io)), |open| async {
        let (mut body, io) = open?;
        loop {
            match body.frame().await? {
                Err(error) => return Some((Err(error.into()), None)),
                Ok(frame) => {
                    // Trailers, which nobody sends here, are no part of the recording.
                    if let Ok(bytes) = frame.into_data() {
                        return Some((Ok(bytes), Some((body, io))));
                    }
                }
            }
        }
    });
    Ok(Box::pin(recording))
}

async fn open(
    generator: SocketAddr,
    path: &'static str,
    body: Vec<u8>,
) -> Result<(Response<Incoming>, AbortOnDropHandle<()>), LoadError> {
    let stream = TcpStream::connect(generator).await;
    let stream = stream.map_err(|source| LoadError::Connect { generator, source })?;
    let (mut sender, io) = http1::handshake(TokioIo::new(stream)).await?;
    let io = AbortOnDropHandle::new(tokio::spawn(async move {
        // How it ends shows in the response that it carries.
        let _ = io.await;
    }));
    let request = Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(HOST, generator.to_string())
        .body(Full::<Bytes>::from(body))?;
    Ok((sender.send_request(request).await?, io))
}
