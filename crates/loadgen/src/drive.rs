//! The controller's side: starts a load and reads its recording.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::HOST;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use timeline::LoadPlan;
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
    let body = serde_json::to_vec(plan)?;
    let opening = tokio::time::timeout(ACCEPT_WITHIN, open(generator, body));
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
        .uri("/drive")
        .header(HOST, generator.to_string())
        .body(Full::<Bytes>::from(body))?;
    Ok((sender.send_request(request).await?, io))
}
