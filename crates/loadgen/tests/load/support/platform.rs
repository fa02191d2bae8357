//! Just enough of the platform to be loaded: its answers can be spoiled, frozen, or withheld.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use super::pages::{Newest, other_page, page};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::{Message, protocol::Role};
use uuid::Uuid;
use wire::{Accepted, Alert, LiveEvent, LiveRequest, Reading};

/// How the platform behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Honest,
    /// Answers nothing until the mode changes.
    Frozen,
    Status(u16),
    /// Answers with another body than the one that is promised.
    Nonsense,
    /// Answers reads with the page of somebody else.
    Astray,
    /// Takes readings, and never shows one.
    Blind,
    /// Closes each connection instead of giving a second answer over it; hangs up streams at the first ping.
    OneAnswer,
    /// Hangs up the first so many streams at their first ping.
    Lapses(usize),
    /// Opens streams, but answers no ping.
    Mute,
}

/// What the platform has seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) requests: u64,
    pub(crate) connections: u64,
    pub(crate) open_connections: u64,
    pub(crate) readings: Vec<(String, Reading)>,
    pub(crate) paths: Vec<String>,
    newest: Newest,
}

#[derive(Clone)]
pub(crate) struct Platform {
    pub(crate) address: SocketAddr,
    pub(crate) mode: watch::Sender<Mode>,
    seen: Arc<Mutex<Seen>>,
}

impl Platform {
    pub(crate) async fn start(mode: Mode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let platform = Self {
            address: listener.local_addr().unwrap(),
            mode: watch::channel(mode).0,
            seen: Arc::default(),
        };
        let accepting = platform.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                tokio::spawn(accepting.clone().converse(stream));
            }
        });
        platform
    }

    pub(crate) fn seen<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.seen.lock().unwrap())
    }

    async fn converse(self, stream: TcpStream) {
        let answers = Mutex::new(0);
        self.seen(|seen| {
            seen.connections += 1;
            seen.open_connections += 1;
        });
        let service = service_fn(|request| {
            *answers.lock().unwrap() += 1;
            let spent = *self.mode.borrow() == Mode::OneAnswer && *answers.lock().unwrap() > 1;
            let platform = self.clone();
            async move {
                match spent {
                    true => Err("one answer is enough"),
                    false => Ok(platform.answer(request).await),
                }
            }
        });
        let served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        let _ = served.with_upgrades().await;
        self.seen(|seen| seen.open_connections -= 1);
    }

    async fn answer(self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let mut mode = self.mode.subscribe();
        let mode = *mode.wait_for(|mode| *mode != Mode::Frozen).await.unwrap();
        assert_eq!(request.headers()["host"], "gameday.test");
        let client = request.headers()["x-client-id"]
            .to_str()
            .unwrap()
            .to_owned();
        let path = request.uri().to_string();
        self.seen(|seen| {
            seen.requests += 1;
            seen.paths.push(path.clone());
        });
        if path.starts_with("/v1/live") && !matches!(mode, Mode::Status(_)) {
            return self.upgrade(request);
        }
        let body = request.into_body().collect().await.unwrap().to_bytes();
        let (status, body) = match (mode, path.as_str()) {
            (Mode::Status(status), _) => (status, vec![]),
            (Mode::Nonsense, "/v1/vitals") => (202, accepted(Uuid::nil())),
            (Mode::Nonsense, _) => (200, "<html>".into()),
            (_, "/v1/vitals") => {
                let reading: Reading = serde_json::from_slice(&body).unwrap();
                let id = reading.reading_id;
                self.seen(|seen| {
                    if mode != Mode::Blind {
                        seen.newest.insert(reading.patient_id, reading.clone());
                    }
                    seen.readings.push((client, reading));
                });
                (202, accepted(id))
            }
            (Mode::Astray, path) => (200, self.seen(|seen| other_page(path, &seen.newest))),
            (_, path) => (200, self.seen(|seen| page(path, &seen.newest))),
        };
        let mut response = Response::new(Full::from(body));
        *response.status_mut() = StatusCode::from_u16(status).unwrap();
        response
    }

    fn upgrade(self, mut request: Request<Incoming>) -> Response<Full<Bytes>> {
        let accept = derive_accept_key(request.headers()["sec-websocket-key"].as_bytes());
        let upgrading = hyper::upgrade::on(&mut request);
        let live = |seen: &mut Seen| {
            let live = seen.paths.iter().filter(|p| p.starts_with("/v1/live"));
            live.count()
        };
        let number = self.seen(live);
        tokio::spawn(async move {
            let io = TokioIo::new(upgrading.await.unwrap());
            let socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
            // The client may hang up in the middle: that is its right.
            let _ = self.stream(socket, number).await;
        });
        let response = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
        let response = response
            .header("connection", "upgrade")
            .header("upgrade", "websocket");
        response
            .header("sec-websocket-accept", accept)
            .body(Full::default())
            .unwrap()
    }

    /// The stream with the given number, from 1.
    async fn stream<S>(self, mut socket: WebSocketStream<S>, number: usize) -> Option<()>
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    {
        let text = |event: &LiveEvent| Message::text(serde_json::to_string(event).unwrap());
        socket
            .send(text(&LiveEvent::Hello { ward: 1, at_ms: 5 }))
            .await
            .ok()?;
        socket
            .send(text(&LiveEvent::Alert { alert: alert() }))
            .await
            .ok()?;
        while let Some(Ok(frame)) = socket.next().await {
            let Ok(LiveRequest::Ping { nonce }) = serde_json::from_slice(&frame.into_data()) else {
                continue;
            };
            match *self.mode.borrow() {
                Mode::OneAnswer => return None,
                Mode::Lapses(streams) if number <= streams => return None,
                Mode::Mute => continue,
                _ => {}
            }
            socket.send(text(&LiveEvent::Pong { nonce })).await.ok()?;
        }
        None
    }
}

fn accepted(reading_id: Uuid) -> Vec<u8> {
    serde_json::to_vec(&Accepted { reading_id }).unwrap()
}

fn alert() -> Alert {
    Alert {
        id: Uuid::from_u128(77),
        reading_id: Uuid::nil(),
        patient_id: 1,
        ward: 1,
        kind: "spo2-low".into(),
        value: 80,
        raised_at_ms: 0,
    }
}
