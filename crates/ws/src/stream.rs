//! One client's stream, from hello to goodbye.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use service_kit::recent::Recent;
use service_kit::wall;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use wire::{LiveEvent, LiveRequest, RESUME_OVERLAP_MS};

use crate::alerts::AlertStore;
use crate::hub::{CLIENT_QUEUE, Counters, Frame, Hub, Request, encode};
use crate::query::Wanted;

/// Within this time after closing all streams have been told to go.
pub(crate) const LEAVE_WITHIN: Duration = Duration::from_secs(8);
/// Goodbyes are spread over this time, so that not all clients come back elsewhere in the same moment.
const LEAVE_SPREAD: Duration = Duration::from_secs(6);
/// A frame that a client's connection does not take within this time ends the stream.
const SEND_WITHIN: Duration = Duration::from_secs(5);
/// A quiet stream shows this often that it is alive, to us and to everything in between.
const PING_EVERY: Duration = Duration::from_secs(15);
/// Alerts remembered as sent over one stream: far more than a ward has while one is sent on two ways.
const REMEMBERED: usize = 1024;
/// Bytes; clients send pings only.
const MAX_MESSAGE: usize = 4 * 1024;

/// A stream that is about to run.
pub(crate) struct Stream {
    pub(crate) wanted: Wanted,
    pub(crate) client: u64,
    pub(crate) hub: Hub,
    pub(crate) store: AlertStore,
    pub(crate) counters: Counters,
    pub(crate) closing: CancellationToken,
}

type Socket = WebSocketStream<TokioIo<Upgraded>>;

/// Why a stream ends.
#[derive(Debug, thiserror::Error)]
enum Ended {
    #[error("client closed")]
    ByClient,
    #[error("client did not keep up")]
    Slow,
    #[error("server is leaving")]
    Leaving,
    #[error("alerts since the client left cannot be read")]
    NoResume,
    #[error(transparent)]
    Broken(#[from] Error),
}

impl Stream {
    /// Serves the client until one side leaves.
    pub(crate) async fn run(self, upgraded: Upgraded) {
        // Hundreds of mostly idle streams: small buffers.
        let config = WebSocketConfig::default()
            .read_buffer_size(2 * 1024)
            .write_buffer_size(0)
            .max_write_buffer_size(256 * 1024)
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE));
        let io = TokioIo::new(upgraded);
        let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
        let (ward, client) = (self.wanted.ward, self.client);
        self.counters.streams.inc();
        let (frames, mut queue) = mpsc::channel(CLIENT_QUEUE);
        let (complete, resumed) = oneshot::channel();
        self.hub
            .tell(Request::Open {
                ward,
                client,
                since_ms: self.since_ms(),
                frames,
                complete,
            })
            .await;
        let ended = match self.serve(&mut socket, &mut queue, resumed).await {
            Ok(()) => Ended::ByClient,
            Err(ended) => ended,
        };
        self.hub.tell(Request::Close { ward, client }).await;
        self.counters.streams.dec();
        tracing::debug!(client, ward, why = %ended, "stream ended");
        goodbye(&mut socket, &ended).await;
    }

    async fn serve(
        &self,
        socket: &mut Socket,
        queue: &mut mpsc::Receiver<Frame>,
        resumed: oneshot::Receiver<bool>,
    ) -> Result<(), Ended> {
        let ward = self.wanted.ward;
        let at_ms = wall::unix_ms();
        self.send(socket, encode(&LiveEvent::Hello { ward, at_ms }))
            .await?;
        // The hub is collecting already, so nothing falls between the replay and what comes live.
        let complete = resumed.await.unwrap_or(false);
        let mut shown = self.replay(socket, complete).await?;
        let mut pings = tokio::time::interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut leaving = std::pin::pin!(self.leaving());
        loop {
            tokio::select! {
                frame = queue.recv() => match frame {
                    Some(Frame::Text(text)) => {
                        self.send(socket, Some(text)).await?;
                        pings.reset();
                    }
                    Some(Frame::Alert(id, text)) => if shown.insert(id) {
                        self.send(socket, Some(text)).await?;
                    },
                    None => return Err(Ended::Slow),
                },
                message = socket.next() => match message {
                    Some(message) => self.answer(socket, message?).await?,
                    None => return Ok(()),
                },
                _ = pings.tick() => flush(socket, Message::Ping(Vec::new().into())).await?,
                () = leaving.as_mut() => return Err(Ended::Leaving),
            }
        }
    }

    /// From when on a returning client is sent what it has not seen.
    fn since_ms(&self) -> Option<i64> {
        let told = self.wanted.since_ms?;
        Some(told.saturating_sub(RESUME_OVERLAP_MS))
    }

    /// Sends the stored alerts that a returning client missed, unless the hub has sent all of them, and returns which
    /// it knows now.
    async fn replay(&self, socket: &mut Socket, complete: bool) -> Result<Recent<Uuid>, Ended> {
        let mut shown = Recent::new(REMEMBERED);
        for id in &self.wanted.seen {
            shown.insert(*id);
        }
        let Some(since_ms) = self.since_ms().filter(|_| !complete) else {
            return Ok(shown);
        };
        let resumed = self.store.resume(self.wanted.ward, since_ms).await;
        for stored in resumed.ok_or(Ended::NoResume)? {
            let alert = stored.alert;
            if shown.insert(alert.id) {
                self.counters.replayed.inc();
                self.send(socket, encode(&LiveEvent::Alert { alert }))
                    .await?;
            }
        }
        Ok(shown)
    }

    async fn answer(&self, socket: &mut Socket, message: Message) -> Result<(), Ended> {
        match message {
            Message::Text(text) => match serde_json::from_str(&text) {
                Ok(LiveRequest::Ping { nonce }) => {
                    self.send(socket, encode(&LiveEvent::Pong { nonce })).await
                }
                // What we do not understand may come from a newer client.
                Err(_) => Ok(()),
            },
            Message::Close(_) => Err(Ended::ByClient),
            _ => Ok(()),
        }
    }

    async fn send(&self, socket: &mut Socket, text: Option<Utf8Bytes>) -> Result<(), Ended> {
        let Some(text) = text else { return Ok(()) };
        flush(socket, Message::Text(text)).await?;
        self.counters.frames.inc();
        Ok(())
    }

    /// Ends a while after closing began, at a moment of this client's own.
    async fn leaving(&self) {
        self.closing.cancelled().await;
        tokio::time::sleep(LEAVE_SPREAD.mul_f64(service_kit::entropy::share())).await;
    }
}

async fn flush(socket: &mut Socket, message: Message) -> Result<(), Ended> {
    match tokio::time::timeout(SEND_WITHIN, socket.send(message)).await {
        Ok(sent) => Ok(sent?),
        Err(_) => Err(Ended::Slow),
    }
}

/// Tells the client why, if it can still hear.
async fn goodbye(socket: &mut Socket, ended: &Ended) {
    let code = match ended {
        Ended::ByClient => CloseCode::Normal,
        Ended::Leaving => CloseCode::Away,
        Ended::Slow | Ended::NoResume => CloseCode::Again,
        Ended::Broken(_) => return,
    };
    let frame = CloseFrame {
        code,
        reason: Utf8Bytes::default(),
    };
    let closed = tokio::time::timeout(Duration::from_secs(1), socket.close(Some(frame)));
    if !matches!(closed.await, Ok(Ok(()))) {
        tracing::debug!("client did not hear the goodbye");
    }
}
