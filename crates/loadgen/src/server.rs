//! The generator's own interface: `POST /drive`, `POST /press`, `GET /clock`, `GET /livez`, `GET /stats`.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::Bytes;
use futures_util::StreamExt;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use serde_json::json;
use timeline::{Address, LoadPlan, PressOrder};
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::press::press;
use crate::probes::{self, Probe};
use crate::recording::{BACKLOG, Recorder, recording};
use crate::tally::Tally;
use crate::user::live_through;
use crate::world::World;

/// A plan is a page of text.
const MAX_PLAN_BYTES: usize = 1 << 20;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// What a request can't have.
struct Refusal(StatusCode, String);

struct Generator {
    /// One load at a time: two would measure each other.
    turn: Arc<Semaphore>,
    latest: Mutex<Option<Latest>>,
}

/// The running load, or the last one.
struct Latest {
    tally: Arc<Tally>,
    world: Weak<World>,
}

/// Serves the generator's interface until `shutdown`. A load runs as long as its `POST /drive` is answered;
/// when the connection closes, or at shutdown, it stops at once.
pub async fn serve(listener: TcpListener, shutdown: CancellationToken) {
    let generator = Arc::new(Generator {
        turn: Arc::new(Semaphore::new(1)),
        latest: Mutex::new(None),
    });
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(converse(generator.clone(), stream));
                }
                Err(error) => tracing::warn!(%error, "accept failed"),
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(generator: Arc<Generator>, stream: TcpStream) {
    let service = service_fn(|request| {
        let generator = generator.clone();
        async move { Ok::<_, Infallible>(generator.answer(request).await) }
    });
    let io = TokioIo::new(stream);
    if let Err(error) = http1::Builder::new().serve_connection(io, service).await {
        tracing::debug!(%error, "connection ended");
    }
}

impl Generator {
    async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/livez") => plain(StatusCode::OK, "ok"),
            (&Method::GET, "/clock") => plain(StatusCode::OK, json!(clock::read())),
            (&Method::GET, "/stats") => plain(StatusCode::OK, self.stats()),
            (&Method::POST, "/drive") => self.drive(request).await.unwrap_or_else(refuse),
            (&Method::POST, "/press") => self.press(request).await.unwrap_or_else(refuse),
            _ => plain(StatusCode::NOT_FOUND, "no such page"),
        }
    }

    fn stats(&self) -> serde_json::Value {
        let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(latest) = latest.as_ref() else {
            return json!({ "driving": false });
        };
        let world = latest.world.upgrade();
        let users = world
            .as_ref()
            .map_or(0, |w| w.schedule.users_at(w.clock.now()));
        json!({ "driving": world.is_some(), "active_users": users, "counts": latest.tally.counts() })
    }

    async fn drive(&self, request: Request<Incoming>) -> Result<Response<Body>, Refusal> {
        let plan = read_plan(request).await?;
        let vip = resolve("vip", std::slice::from_ref(&plan.vip)).await?;
        let cdn = resolve("cdn", &plan.cdn).await?;
        let permit = self.turn.clone().try_acquire_owned();
        let permit =
            permit.map_err(|_| Refusal(StatusCode::CONFLICT, "another load is running".into()))?;
        let tally = Arc::new(Tally::default());
        let (recorder, records) = Recorder::new(tally.clone(), BACKLOG);
        let world = Arc::new(World {
            vip,
            cdn,
            _permit: Some(permit),
            ..World::new(&plan, recorder)
        });
        *self.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(Latest {
            tally: tally.clone(),
            world: Arc::downgrade(&world),
        });
        tracing::info!(seed = plan.seed, duration = ?plan.duration, "load accepted");
        let load = AbortOnDropHandle::new(tokio::spawn(load(world, Probe::all(&plan))));
        let frames = recording(records, tally, load).map(|bytes| Ok(Frame::data(bytes)));
        Ok(Response::new(StreamBody::new(frames).boxed_unsync()))
    }
}

impl Generator {
    async fn press(&self, request: Request<Incoming>) -> Result<Response<Body>, Refusal> {
        let order: PressOrder = read("order", request).await?;
        let load = {
            let latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
            latest.as_ref().and_then(|latest| latest.world.upgrade())
        };
        let load = load.ok_or(Refusal(StatusCode::CONFLICT, "no load is running".into()))?;
        tracing::info!(pressure = %order.pressure, lasts = ?order.lasts, "pressure accepted");
        let lines = press(&load, order).map(|line| Ok(Frame::data(line)));
        Ok(Response::new(StreamBody::new(lines).boxed_unsync()))
    }
}

/// Runs every user to its end, those of probes too. Dropped, it drops them all.
async fn load(world: Arc<World>, all: Vec<Probe>) {
    let mut users: JoinSet<()> = world
        .schedule
        .users()
        .map(|user| live_through(world.clone(), user))
        .collect();
    for (probe, turn) in all.iter().flat_map(Probe::users) {
        users.spawn(probes::probe(world.clone(), probe, turn));
    }
    while let Some(ended) = users.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a user failed");
            world.recorder.tally().user_failed();
        }
    }
}

async fn read_plan(request: Request<Incoming>) -> Result<LoadPlan, Refusal> {
    let plan: LoadPlan = read("plan", request).await?;
    if plan.duration.is_zero() {
        return Err(bad("plan: duration is zero".into()));
    }
    if let Some(refused) = probes::refused(&plan) {
        return Err(bad(format!("plan: {refused}")));
    }
    Ok(plan)
}

async fn read<T: DeserializeOwned>(what: &str, request: Request<Incoming>) -> Result<T, Refusal> {
    let body = Limited::new(request.into_body(), MAX_PLAN_BYTES).collect();
    let body = body.await.map_err(|error| bad(error.to_string()))?;
    serde_json::from_slice(&body.to_bytes()).map_err(|error| bad(format!("{what}: {error}")))
}

fn bad(message: String) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, message)
}

fn refuse(Refusal(status, message): Refusal) -> Response<Body> {
    tracing::warn!(%status, message, "refused");
    plain(status, message)
}

async fn resolve(
    name: &str,
    addresses: &[Address],
) -> Result<Arc<[std::net::SocketAddr]>, Refusal> {
    let mut resolved = Vec::with_capacity(addresses.len());
    for address in addresses {
        let found = lookup_host(address).await;
        let found = found.map_err(|error| bad(format!("plan: {name} {address}: {error}")))?;
        resolved.extend(found.take(1));
    }
    if resolved.is_empty() {
        return Err(bad(format!("plan: {name} names no address")));
    }
    Ok(resolved.into())
}

fn plain(status: StatusCode, text: impl ToString) -> Response<Body> {
    let mut response = Response::new(Full::from(text.to_string()).boxed_unsync());
    *response.status_mut() = status;
    response
}
