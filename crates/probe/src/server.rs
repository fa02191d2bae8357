//! The instrument: an HTTP server that watches for as long as somebody listens.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, stream};
use http_body_util::{BodyExt, Full, Limited, StreamBody, combinators::UnsyncBoxBody};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Frame, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::de::DeserializeOwned;
use timeline::Sighted;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
    time::{MissedTickBehavior, interval},
};

use crate::{Ports, ledger::Ledger, limits, pages, patrol, reporter::Reporter, site::Site};

/// How often a blank line is sent: each side notices within a few of them that the other is gone.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Sightings that may wait for a slow listener before the looks wait too.
const BACKLOG: usize = 256;

/// More than any request needs.
const MOST_BYTES: usize = 1 << 20;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Answers `POST /watch`, `POST /ledger`, `POST /thresholds`, `POST /pages`, `GET /clock` and `GET /livez` until the returned future is
/// dropped, which also ends every watch.
pub async fn serve(listener: TcpListener, ports: Ports) {
    let mut callers = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => {
                    callers.spawn(converse(stream, peer, ports));
                }
                Err(error) => {
                    // Out of descriptors, say: a pause instead of a busy loop.
                    tracing::warn!(%error, "a caller could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_) = callers.join_next() => {}
        }
    }
}

async fn converse(stream: TcpStream, peer: SocketAddr, ports: Ports) {
    let service = service_fn(move |request| async move {
        Ok::<_, Infallible>(answer(request, peer, ports).await)
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%peer, %error, "the caller is gone");
    }
}

async fn answer(request: Request<Incoming>, peer: SocketAddr, ports: Ports) -> Response<Body> {
    match (request.method(), request.uri().path()) {
        (&Method::POST, "/watch") => match read(request.into_body()).await {
            Ok(list) => watched(list, peer, ports),
            Err(message) => plain(StatusCode::BAD_REQUEST, message),
        },
        (&Method::POST, "/ledger") => match read(request.into_body()).await {
            Ok(request) => match Ledger::begin(&request, ports).await {
                Ok(ledger) => Response::new(BodyExt::boxed_unsync(StreamBody::new(ledger.bytes()))),
                Err(message) => plain(StatusCode::BAD_GATEWAY, format!("{message}\n")),
            },
            Err(message) => plain(StatusCode::BAD_REQUEST, message),
        },
        (&Method::POST, "/thresholds") => match read(request.into_body()).await {
            Ok(request) => json(limits::read(&request, ports).await),
            Err(message) => plain(StatusCode::BAD_REQUEST, message),
        },
        (&Method::POST, "/pages") => match read(request.into_body()).await {
            Ok(request) => match pages::read(&request, ports).await {
                Ok(book) => Response::new(BodyExt::boxed_unsync(Full::new(book))),
                Err(message) => plain(StatusCode::BAD_GATEWAY, format!("{message}\n")),
            },
            Err(message) => plain(StatusCode::BAD_REQUEST, message),
        },
        (&Method::GET, "/clock") => match serde_json::to_string(&clock::read()) {
            Ok(clocks) => plain(StatusCode::OK, clocks + "\n"),
            Err(error) => plain(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
        },
        (&Method::GET, "/livez") => plain(StatusCode::OK, "alive\n".into()),
        _ => plain(StatusCode::NOT_FOUND, "no such page\n".into()),
    }
}

/// What was read, or why it could not be.
fn json<T: serde::Serialize>(found: Result<T, String>) -> Response<Body> {
    let text = found.and_then(|all| serde_json::to_vec(&all).map_err(|error| error.to_string()));
    match text {
        Ok(text) => Response::new(BodyExt::boxed_unsync(Full::new(text.into()))),
        Err(message) => plain(StatusCode::BAD_GATEWAY, format!("{message}\n")),
    }
}

async fn read<T: DeserializeOwned>(body: Incoming) -> Result<T, String> {
    let body = Limited::new(body, MOST_BYTES)
        .collect()
        .await
        .map_err(|error| format!("the body cannot be read: {error}\n"))?;
    serde_json::from_slice(&body.to_bytes())
        .map_err(|error| format!("the body is not what this page takes: {error}\n"))
}

fn watched(list: timeline::WatchList, peer: SocketAddr, ports: Ports) -> Response<Body> {
    let zero_unix_ns = list.zero_unix_ns;
    let site = match Site::new(list, ports) {
        Ok(site) => Arc::new(site),
        Err(error) => return plain(StatusCode::BAD_REQUEST, format!("{error}\n")),
    };
    tracing::info!(%peer, members = site.members.len(), "watching");
    let lines = StreamBody::new(lines(site, zero_unix_ns, peer));
    Response::new(BodyExt::boxed_unsync(lines))
}

/// What the stream of sightings owns: dropped with the connection, it ends the looks.
struct Watch {
    patrols: JoinSet<()>,
    sightings: mpsc::Receiver<Sighted>,
    peer: SocketAddr,
}

impl Drop for Watch {
    fn drop(&mut self) {
        tracing::info!(peer = %self.peer, "no longer watching");
    }
}

/// One line per sighting, and a blank one each [`HEARTBEAT`]. It ends when a patrol does, which never happens
/// in good order: a listener must not take silence about a member for health.
fn lines(
    site: Arc<Site>,
    zero_unix_ns: u64,
    peer: SocketAddr,
) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> {
    let (sender, sightings) = mpsc::channel(BACKLOG);
    let patrols = patrol::begin(site, &Reporter::new(zero_unix_ns, sender));
    let watch = Watch {
        patrols,
        sightings,
        peer,
    };
    let mut beat = interval(HEARTBEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    stream::unfold((watch, beat), |(mut watch, mut beat)| async move {
        let line = tokio::select! {
            Some(sighting) = watch.sightings.recv() => json_line(&sighting)?,
            _ = beat.tick() => Bytes::from_static(b"\n"),
            ended = watch.patrols.join_next() => {
                tracing::error!(?ended, "a patrol ended");
                return None;
            }
        };
        Some((Ok(Frame::data(line)), (watch, beat)))
    })
}

fn json_line(sighting: &Sighted) -> Option<Bytes> {
    let mut line = serde_json::to_vec(sighting)
        .inspect_err(|error| tracing::error!(%error, "a sighting has no JSON form"))
        .ok()?;
    line.push(b'\n');
    Some(line.into())
}

fn plain(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(BodyExt::boxed_unsync(Full::new(Bytes::from(text))));
    *response.status_mut() = status;
    response
}
