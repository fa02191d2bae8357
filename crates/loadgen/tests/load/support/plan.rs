//! Plans for short loads, a generator to run them, and readers of what comes back.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper_util::rt::TokioIo;
use timeline::{Arrival, Arrivals, LoadPlan, Span};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

/// What matters about a load in a test.
pub(crate) struct Shape {
    pub(crate) users: u32,
    pub(crate) monitors_percent: u32,
    pub(crate) every: Duration,
    pub(crate) timeout: Duration,
    pub(crate) duration: Duration,
}

impl Default for Shape {
    /// 100 monitors, 200 requests a second, for a second.
    fn default() -> Self {
        Self {
            users: 100,
            monitors_percent: 100,
            every: Duration::from_millis(500),
            timeout: Duration::from_millis(400),
            duration: Duration::from_secs(1),
        }
    }
}

/// A plan that begins 200 ms from now.
pub(crate) fn plan(shape: Shape, vip: SocketAddr, cdn: &[SocketAddr]) -> LoadPlan {
    let every = format!("{}ms", shape.every.as_millis());
    let traffic = serde_json::json!({
        "baseline_users": shape.users, "peak_users": shape.users, "span": "1h", "speed": 1.0,
        "monitors_percent": shape.monitors_percent, "monitor_every": every, "clinician_every": every,
        "request_timeout": format!("{}ms", shape.timeout.as_millis()),
    });
    LoadPlan {
        seed: 11,
        zero_unix_ns: clock::unix_ns(),
        begin_ns: 200_000_000,
        traffic: serde_json::from_value(traffic).unwrap(),
        duration: shape.duration,
        stale_after: None,
        visible_within: None,
        probes: vec![],
        vip: vip.to_string(),
        cdn: cdn.iter().map(ToString::to_string).collect(),
    }
}

/// Starts a generator.
pub(crate) async fn generator() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(loadgen::serve(listener, CancellationToken::new()));
    address
}

/// Runs a whole load; its arrivals, and whether the recording is complete.
pub(crate) async fn record(generator: SocketAddr, plan: &LoadPlan) -> (Vec<Arrival>, bool) {
    let (arrivals, _, is_complete) = record_spans(generator, plan).await;
    (arrivals, is_complete)
}

/// The same with the spans of followers.
pub(crate) async fn record_spans(
    generator: SocketAddr,
    plan: &LoadPlan,
) -> (Vec<Arrival>, Vec<Span>, bool) {
    let stream = loadgen::drive(generator, plan).await.unwrap();
    let pieces: Vec<Bytes> = stream.try_collect().await.unwrap();
    let bytes = pieces.concat();
    let mut arrivals = Arrivals::open(bytes.as_slice()).unwrap();
    let all = arrivals.by_ref().map(Result::unwrap).collect();
    (all, arrivals.spans().to_vec(), arrivals.is_complete())
}

/// `GET path` of the generator, as JSON.
pub(crate) async fn get(generator: SocketAddr, path: &str) -> serde_json::Value {
    let stream = TcpStream::connect(generator).await.unwrap();
    let (mut sender, io) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .unwrap();
    tokio::spawn(io);
    let request = Request::get(path).header("host", "generator");
    let request = request.body(Empty::<Bytes>::new()).unwrap();
    let response = sender.send_request(request).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&body).unwrap()
}
