//! Kept-alive connections to one upstream.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use service_kit::env::HostPort;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// On a bridge a dead address is silent; a live one answers in well under a millisecond.
const CONNECT_WITHIN: Duration = Duration::from_millis(100);
/// The virtual address may be on its way to another holder; connecting has no effect, so it is tried again.
const RECONNECT_AFTER: Duration = Duration::from_millis(50);
/// Well below the upstream's own limit, so that it rarely closes a connection that we are about to use.
const IDLE: Duration = Duration::from_secs(20);
/// More idle connections than this are not kept.
const MOST_IDLE: usize = 64;

/// What is sent over a connection.
pub(crate) type Sender = SendRequest<Full<Bytes>>;

/// Idle connections, newest last.
#[derive(Clone)]
pub(crate) struct Pool {
    upstream: Arc<HostPort>,
    idle: Arc<Mutex<Vec<(Sender, Instant)>>>,
}

/// A connection that may send one request.
pub(crate) struct Connection {
    pub(crate) sender: Sender,
    /// Whether it carried a request before, and so may have been closed in the meantime.
    pub(crate) reused: bool,
}

impl Pool {
    /// An empty pool.
    pub(crate) fn new(upstream: HostPort) -> Self {
        Self {
            upstream: Arc::new(upstream),
            idle: Arc::default(),
        }
    }

    /// A kept connection if one is left, else a new one by the deadline.
    pub(crate) async fn take(&self, deadline: Instant) -> std::io::Result<Connection> {
        while let Some(mut sender) = self.pop() {
            if sender.ready().await.is_ok() {
                return Ok(Connection {
                    sender,
                    reused: true,
                });
            }
        }
        self.fresh(deadline).await
    }

    /// A new connection by the deadline.
    pub(crate) async fn fresh(&self, deadline: Instant) -> std::io::Result<Connection> {
        let stream = connect(&self.upstream, deadline).await?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(std::io::Error::other)?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "upstream connection ended");
            }
        });
        Ok(Connection {
            sender,
            reused: false,
        })
    }

    /// Keeps a connection whose answer was read to its end.
    pub(crate) fn give_back(&self, sender: Sender) {
        let mut idle = self.lock();
        if !sender.is_closed() && idle.len() < MOST_IDLE {
            idle.push((sender, Instant::now()));
        }
    }

    /// Forgets all kept connections: one was silent, the others lead to the same place.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    fn pop(&self) -> Option<Sender> {
        let mut idle = self.lock();
        while let Some((sender, since)) = idle.pop() {
            if since.elapsed() > IDLE {
                // The others have been idle for longer still.
                idle.clear();
            } else if !sender.is_closed() {
                return Some(sender);
            }
        }
        None
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(Sender, Instant)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Connects, again and again until the deadline: nothing was sent, so nothing can happen twice.
pub(crate) async fn connect(upstream: &HostPort, deadline: Instant) -> std::io::Result<TcpStream> {
    loop {
        let connecting = TcpStream::connect((upstream.host.as_str(), upstream.port));
        let error = match tokio::time::timeout(CONNECT_WITHIN, connecting).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Ok(Err(error)) => error,
            Err(_) => std::io::ErrorKind::TimedOut.into(),
        };
        if Instant::now() + RECONNECT_AFTER >= deadline {
            return Err(error);
        }
        tokio::time::sleep(RECONNECT_AFTER).await;
    }
}
