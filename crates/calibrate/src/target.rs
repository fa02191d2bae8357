//! The plain target: an HTTP server whose faults are exact, and measured by itself with the clock of the run.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use clock::Clock;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use timeline::Offset;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use wire::{
    Accepted, PATIENTS, Patient, Reading, StoredReading, Thresholds, Ward, WardPatient, ward_of,
};

use crate::live::{self, Streams};
use crate::records::Records;
use crate::store::Store;

/// Ports that systems don't give to clients. From the others, a client that dials a closed port of its own
/// machine may be given that very port, connect to itself, and keep the target from listening again.
const PORTS: Range<u16> = 20_000..30_000;

/// Every so many requests of a hundred are answered late.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Slow {
    pub(crate) percent: u64,
    pub(crate) by: Duration,
}

/// What the connections share.
#[derive(Debug)]
pub(crate) struct Conduct {
    pub(crate) clock: Clock,
    slow: Vec<Slow>,
    requests: AtomicU64,
    /// Whether nothing is answered any more.
    refusing: AtomicBool,
    pub(crate) frozen: watch::Sender<bool>,
    store: Mutex<Store>,
    records: Mutex<Records>,
    streams: Mutex<Streams>,
    /// How long each request was kept, from its head to its answer.
    took: Mutex<Vec<Duration>>,
}

/// The target. Dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Target {
    address: SocketAddr,
    conduct: Arc<Conduct>,
    closing: CancellationToken,
    serving: AbortOnDropHandle<()>,
}

impl Target {
    /// Listens on a free port of loopback.
    pub(crate) async fn start(clock: Clock, slow: Vec<Slow>, store: Store) -> io::Result<Self> {
        let listener = listen_somewhere().await?;
        let address = listener.local_addr()?;
        let conduct = Arc::new(Conduct {
            clock,
            slow,
            requests: AtomicU64::new(0),
            refusing: AtomicBool::new(false),
            frozen: watch::channel(false).0,
            store: Mutex::new(store),
            records: Mutex::default(),
            streams: Mutex::default(),
            took: Mutex::default(),
        });
        let closing = CancellationToken::new();
        let serving = serve(listener, conduct.clone(), closing.clone());
        Ok(Self {
            address,
            conduct,
            closing,
            serving: AbortOnDropHandle::new(tokio::spawn(serving)),
        })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Closes the listener and every connection; returns the moment from which nothing is answered. That is
    /// when it begins: closing takes time, and what arrives meanwhile is cut off without an answer.
    pub(crate) async fn refuse(&mut self) -> Offset {
        self.conduct.refusing.store(true, SeqCst);
        let closed = self.conduct.clock.now();
        self.closing.cancel();
        // It only ends; a panic in it would show as a target that answers nothing afterwards.
        let _ = (&mut self.serving).await;
        closed
    }

    /// Listens again on the same port; returns the moment from which connections are accepted.
    pub(crate) async fn listen(&mut self) -> io::Result<Offset> {
        let listener = TcpListener::bind(self.address).await?;
        self.conduct.refusing.store(false, SeqCst);
        let open = self.conduct.clock.now();
        self.closing = CancellationToken::new();
        let serving = serve(listener, self.conduct.clone(), self.closing.clone());
        self.serving = AbortOnDropHandle::new(tokio::spawn(serving));
        Ok(open)
    }

    /// Answers nothing from here on, but accepts; returns the moment.
    pub(crate) fn freeze(&self) -> Offset {
        self.conduct.frozen.send_replace(true);
        self.conduct.clock.now()
    }

    /// Answers what has waited; returns the moment.
    pub(crate) fn thaw(&self) -> Offset {
        let now = self.conduct.clock.now();
        self.conduct.frozen.send_replace(false);
        now
    }

    /// How long each request was kept, in ascending order.
    pub(crate) fn took(&self) -> Vec<Duration> {
        let mut took = locked(&self.conduct.took).clone();
        took.sort_unstable();
        took
    }

    /// The patients' records.
    pub(crate) fn records(&self) -> MutexGuard<'_, Records> {
        locked(&self.conduct.records)
    }

    /// The live streams.
    pub(crate) fn streams(&self) -> MutexGuard<'_, Streams> {
        locked(&self.conduct.streams)
    }

    /// Looks at what was kept.
    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        locked(&self.conduct.store)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Targets of several processes begin to look at different ports.
async fn listen_somewhere() -> io::Result<TcpListener> {
    let count = u32::from(PORTS.end - PORTS.start);
    let mut refused = io::Error::from(io::ErrorKind::AddrInUse);
    for step in 0..count {
        let place = std::process::id().wrapping_mul(7).wrapping_add(step) % count;
        let port = PORTS.start + u16::try_from(place).unwrap_or(0);
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await {
            Ok(listener) => return Ok(listener),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

async fn serve(listener: TcpListener, conduct: Arc<Conduct>, closing: CancellationToken) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = closing.cancelled() => break,
            accepted = listener.accept() => {
                // A connection that is gone before it was accepted is the client's affair.
                if let Ok((stream, _)) = accepted {
                    connections.spawn(converse(conduct.clone(), stream));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listener);
    connections.shutdown().await;
}

async fn converse(conduct: Arc<Conduct>, stream: TcpStream) {
    // Without it an answer is only later, and that shows.
    let _ = stream.set_nodelay(true);
    if live::is_asked_for(&stream).await {
        return live::speak(&conduct, stream).await;
    }
    let service = service_fn(|request| {
        let conduct = conduct.clone();
        async move {
            let answer = conduct.answer(request).await;
            match conduct.refusing.load(SeqCst) {
                true => Err("refused"),
                false => Ok(answer),
            }
        }
    });
    let serving = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    // The client may hang up in the middle: that is its right.
    let _ = serving.await;
}

impl Conduct {
    async fn answer(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let from = self.clock.now();
        let number = self.requests.fetch_add(1, Relaxed);
        // The sender lives as long as this, so waiting can't fail.
        let _ = self.frozen.subscribe().wait_for(|frozen| !frozen).await;
        if let Some(by) = delay(&self.slow, number) {
            tokio::time::sleep(by).await;
        }
        let (status, body) = self.content(request).await;
        let mut response = Response::new(Full::from(body));
        *response.status_mut() = status;
        locked(&self.took).push(self.clock.now().since(from));
        response
    }

    async fn content(&self, request: Request<Incoming>) -> (StatusCode, Vec<u8>) {
        let path = request.uri().path().to_owned();
        let json = |value: Result<Vec<u8>, serde_json::Error>| value.unwrap_or_default();
        if request.method() == Method::POST && path == "/v1/vitals" {
            let body = request.into_body().collect().await;
            let bytes = body.map(|body| body.to_bytes()).unwrap_or_default();
            let Ok(reading) = serde_json::from_slice::<Reading>(&bytes) else {
                return (StatusCode::BAD_REQUEST, vec![]);
            };
            let reading_id = reading.reading_id;
            self.streams().announce(&reading);
            locked(&self.store).keep(reading);
            let accepted = serde_json::to_vec(&Accepted { reading_id });
            return (StatusCode::ACCEPTED, json(accepted));
        }
        if let Some(asset) = asset(&path) {
            return (StatusCode::OK, asset.to_vec());
        }
        let now = self.clock.now();
        let parts: Vec<&str> = path.split('/').skip(2).collect();
        let number = |id: &str| id.parse().unwrap_or_default();
        let page = match parts.as_slice() {
            ["patients", id, "thresholds"] => {
                let version = locked(&self.records).change(number(id), now);
                serde_json::to_vec(&self.patient(number(id), version))
            }
            ["patients", id] => {
                let version = locked(&self.records).show(number(id), now);
                serde_json::to_vec(&self.patient(number(id), version))
            }
            ["patients", id, "vitals"] => serde_json::to_vec(&self.vitals(number(id))),
            ["wards", id] => serde_json::to_vec(&self.ward(number(id))),
            _ => return (StatusCode::NOT_FOUND, vec![]),
        };
        (StatusCode::OK, json(page))
    }

    fn vitals(&self, id: u32) -> Vec<StoredReading> {
        let stored = |reading: &Reading| StoredReading {
            reading: reading.clone(),
            stored_at_ms: reading.taken_at_ms,
        };
        locked(&self.store)
            .newest(id)
            .map(stored)
            .into_iter()
            .collect()
    }

    fn ward(&self, id: u32) -> Ward {
        let store = locked(&self.store);
        let line = |id| WardPatient {
            id,
            name: String::new(),
            latest: store.newest(id).cloned(),
        };
        let patients = (1..=PATIENTS).filter(|patient| ward_of(*patient) == id);
        Ward {
            id,
            made_at_ms: 0,
            patients: patients.map(line).collect(),
            alerts: vec![],
        }
    }

    pub(crate) fn streams(&self) -> MutexGuard<'_, Streams> {
        locked(&self.streams)
    }

    fn patient(&self, id: u32, version: i64) -> Patient {
        Patient {
            id,
            name: String::new(),
            ward: ward_of(id),
            thresholds: Thresholds::default(),
            version,
            latest: locked(&self.store).newest(id).cloned(),
        }
    }
}

/// The content of an asset, the same as the application's.
fn asset(path: &str) -> Option<&'static [u8]> {
    match path {
        "/static/app.js" => Some(include_bytes!("../../api/static/app.js")),
        "/static/style.css" => Some(include_bytes!("../../api/static/style.css")),
        "/static/logo.svg" => Some(include_bytes!("../../api/static/logo.svg")),
        _ => None,
    }
}

/// The delay of request number `number`: exact over each hundred in a row, and spread within it.
fn delay(slow: &[Slow], number: u64) -> Option<Duration> {
    // 37 and 100 have no common divisor, so that each hundred visits every place once.
    let mut place = number.wrapping_mul(37) % 100;
    slow.iter().find_map(|slow| match place < slow.percent {
        true => Some(slow.by),
        false => {
            place -= slow.percent;
            None
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_hundred_has_its_shares() {
        let ms = Duration::from_millis;
        let shares = [(20, ms(50)), (3, ms(120))].map(|(percent, by)| Slow { percent, by });
        for hundred in [0, 700] {
            let delays = (hundred..hundred + 100).filter_map(|number| delay(&shares, number));
            let (short, long): (Vec<_>, Vec<_>) = delays.partition(|by| *by == ms(50));
            assert_eq!((short.len(), long.len()), (20, 3));
        }
    }

    #[tokio::test]
    async fn it_refuses_and_comes_back_on_the_same_port() {
        let (clock, _) = Clock::start();
        let target = Target::start(clock, vec![], Store::default()).await;
        let mut target = target.unwrap();
        let kept = TcpStream::connect(target.address()).await.unwrap();
        let closed = target.refuse().await;
        let refused = TcpStream::connect(target.address()).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        let mut end = [0];
        kept.readable().await.unwrap();
        assert!(!matches!(kept.try_read(&mut end), Ok(1..)), "still open");
        assert!(target.listen().await.unwrap() > closed);
        TcpStream::connect(target.address()).await.unwrap();
    }
}
