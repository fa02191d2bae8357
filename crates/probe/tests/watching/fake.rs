//! A stand-in for the HTTP interface of a member: it answers what it is told and counts its callers.

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{Response, StatusCode, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinSet};

#[derive(Default)]
struct Shared {
    answer: Mutex<(StatusCode, String)>,
    open: AtomicUsize,
}

/// Answers every request alike. Dropped, it answers no more.
pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
    _server: JoinSet<()>,
}

impl Fake {
    /// Stands at that loopback address, on a free port when `port` is 0.
    pub(crate) async fn start(ip: Ipv4Addr, port: u16) -> Self {
        let listener = TcpListener::bind((ip, port)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let mut server = JoinSet::new();
        server.spawn(serve(listener, shared.clone()));
        Self {
            address,
            shared,
            _server: server,
        }
    }

    /// From now on it answers this.
    pub(crate) fn answer(&self, status: u16, body: &str) {
        *self.shared.answer.lock().unwrap() =
            (StatusCode::from_u16(status).unwrap(), body.to_owned());
    }

    /// How many callers are connected now.
    pub(crate) fn open(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut callers = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let shared = shared.clone();
        shared.open.fetch_add(1, Ordering::SeqCst);
        callers.spawn(async move {
            let service = service_fn(|_| async {
                let (status, body) = shared.answer.lock().unwrap().clone();
                let mut response = Response::new(Full::new(Bytes::from(body)));
                *response.status_mut() = status;
                Ok::<_, Infallible>(response)
            });
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
            shared.open.fetch_sub(1, Ordering::SeqCst);
        });
    }
}
