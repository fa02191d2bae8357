//! An HTTP/1 server on hyper: keep-alive, limits on connections and on slow and large heads, upgrades, and a bounded drain.
//!
//! Bodies are left to handlers, which know how large and how slow one may be.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

use crate::head_timer::HeadTimer;
use crate::shutdown::Shutdown;

/// How long open connections may take to finish once the server closes: longer than any request's deadline.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
/// Pause after a failed accept, which means that file descriptors ran out: trying at once would spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What connections and the heads of requests may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Open at once. One more is closed as soon as it is accepted, so that a load balancer tries another instance. There is no
    /// limit for each peer: behind load balancers everybody has the address of one. A connection that became a stream no
    /// longer counts.
    pub connections: usize,
    /// A connection on which nothing is asked for this long is closed.
    pub idle_within: Duration,
    /// A head must be whole so long after its first byte, else its connection is closed.
    pub head_within: Duration,
    /// Bytes of a head; more gives 431.
    pub head_bytes: usize,
    /// Number of headers; more gives 431.
    pub headers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Five times the requests under way at the peak, each on a connection of its own, and at most 32 MiB of heads.
            connections: 2048,
            // Longer than a load balancer keeps an idle connection, so that it is never us who closes first.
            idle_within: Duration::from_secs(75),
            // As long as a load balancer gives its own clients.
            head_within: Duration::from_secs(5),
            head_bytes: 16 * 1024,
            headers: 64,
        }
    }
}

/// Accepts and serves until `shutdown.closing`, then lets open connections finish within five seconds.
pub async fn serve<F, Fut, B>(listener: TcpListener, handler: F, limits: Limits, shutdown: Shutdown)
where
    F: Fn(Request<Incoming>, SocketAddr) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let connections = TaskTracker::new();
    let mut full = false;
    loop {
        let accepted = tokio::select! {
            () = shutdown.closing.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                if connections.len() >= limits.connections {
                    if !std::mem::replace(&mut full, true) {
                        tracing::warn!(%peer, most = limits.connections, "too many connections");
                    }
                    continue;
                }
                full = false;
                let (handler, shutdown) = (handler.clone(), shutdown.clone());
                connections.spawn(connection(stream, peer, handler, limits, shutdown));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(CLOSE_WITHIN, connections.wait())
        .await
        .is_err()
    {
        tracing::warn!(
            left = connections.len(),
            "connections did not finish in time"
        );
    }
}

async fn connection<F, Fut, B>(
    stream: TcpStream,
    peer: SocketAddr,
    handler: F,
    limits: Limits,
    shutdown: Shutdown,
) where
    F: Fn(Request<Incoming>, SocketAddr) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // Small answers must not wait for the peer's acknowledgement.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "peer left before its first request");
        return;
    }
    let (stream, progress) = HeadTimer::new(stream, limits.head_within);
    let draining = shutdown.draining.clone();
    let service = service_fn(move |request| {
        progress.answering();
        let answer = handler(request, peer);
        let (draining, progress) = (draining.clone(), progress.clone());
        async move {
            let mut response = answer.await;
            if response.status() == hyper::StatusCode::SWITCHING_PROTOCOLS {
                return Ok(response);
            }
            progress.answered();
            if draining.is_cancelled() {
                // Moves kept-alive peers to another instance before connections are cut.
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(CONNECTION, close);
            }
            Ok::<_, Infallible>(response)
        }
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.idle_within)
        .max_headers(limits.headers)
        .max_buf_size(limits.head_bytes)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    tokio::pin!(served);
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = shutdown.closing.cancelled() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, %peer, "connection ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::respond;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    async fn start(limits: Limits) -> (SocketAddr, Shutdown, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = Shutdown::default();
        let handler =
            |_: Request<Incoming>, _| async { respond::text(hyper::StatusCode::OK, "hello") };
        let task = tokio::spawn(serve(listener, handler, limits, shutdown.clone()));
        (address, shutdown, task)
    }

    async fn ask(stream: &mut TcpStream, head: &str) -> String {
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut buffer = vec![0; 4096];
        let length = stream.read(&mut buffer).await.unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }

    const GET: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";

    #[tokio::test]
    async fn a_draining_server_answers_and_asks_the_peer_to_leave() {
        let (address, shutdown, task) = start(Limits::default()).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        assert!(!ask(&mut stream, GET).await.contains("connection: close"));
        shutdown.draining.cancel();
        assert!(ask(&mut stream, GET).await.contains("connection: close"));
        shutdown.closing.cancel();
        task.await.unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test]
    async fn closing_ends_an_idle_connection_at_once() {
        let (address, shutdown, task) = start(Limits::default()).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        assert!(ask(&mut stream, GET).await.ends_with("hello"));
        shutdown.closing.cancel();
        task.await.unwrap();
        assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_head_that_is_too_large_gives_431() {
        let (address, _shutdown, _task) = start(Limits::default()).await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let many: String = (0..80).map(|n| format!("x-{n}: 1\r\n")).collect();
        let answer = ask(&mut stream, &format!("GET / HTTP/1.1\r\n{many}\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    }

    #[tokio::test]
    async fn a_head_that_drips_in_closes_its_connection_and_no_other() {
        let limits = Limits {
            head_within: Duration::from_millis(100),
            ..Limits::default()
        };
        let (address, _shutdown, _task) = start(limits).await;
        let mut good = TcpStream::connect(address).await.unwrap();
        let mut slow = TcpStream::connect(address).await.unwrap();
        assert!(ask(&mut good, GET).await.ends_with("hello"));
        assert!(ask(&mut slow, GET).await.ends_with("hello"));
        slow.write_all(b"GET / HTTP/1.1\r\nx-slow: ").await.unwrap();
        let mut left = Vec::new();
        // Never whole, never silent: only the time since its first byte ends it.
        let mut byte = tokio::time::interval(Duration::from_millis(20));
        let ended = loop {
            tokio::select! {
                read = slow.read_buf(&mut left) => break read,
                _ = byte.tick() => if let Err(error) = slow.write_all(b"x").await { break Err(error) },
            }
        };
        assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
        assert!(ask(&mut good, GET).await.ends_with("hello"));
    }

    #[tokio::test]
    async fn one_connection_too_many_is_closed_and_another_fits_once_one_has_ended() {
        let limits = Limits {
            connections: 1,
            ..Limits::default()
        };
        let (address, _shutdown, _task) = start(limits).await;
        let mut first = TcpStream::connect(address).await.unwrap();
        assert!(ask(&mut first, GET).await.ends_with("hello"));
        let mut second = TcpStream::connect(address).await.unwrap();
        assert_eq!(second.read(&mut [0; 8]).await.unwrap(), 0);
        first
            .write_all(b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n")
            .await
            .unwrap();
        first.read_to_end(&mut Vec::new()).await.unwrap();
        drop(first);
        let third = async {
            loop {
                let mut third = TcpStream::connect(address).await.unwrap();
                if third.write_all(GET.as_bytes()).await.is_ok()
                    && third.read(&mut [0; 8]).await.is_ok_and(|length| length > 0)
                {
                    break;
                }
                tokio::task::yield_now().await;
            }
        };
        let patience = Duration::from_secs(5);
        assert!(tokio::time::timeout(patience, third).await.is_ok());
    }
}
