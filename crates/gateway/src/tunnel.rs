//! WebSocket streams: after the handshake only bytes pass through.

use bytes::Bytes;
use http_body_util::{Empty, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HeaderValue, UPGRADE};
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::time::Instant;

use crate::body::Answer;
use crate::forward::Failure;
use crate::gate::Gate;
use crate::headers;
use crate::pool;

/// Bytes each way and stream: frames are small and there are hundreds of streams.
const BUFFER: usize = 4 * 1024;
/// Everybody's streams at one gateway, with room for a surge of as many again. Each costs two descriptors of 20,000.
const MOST_STREAMS: usize = 4096;
/// Streams are cut over this time once the gateway closes, so that clients do not come back all together: opening half of
/// 600 streams within 2 s left no processor for anybody else.
const LEAVE_SPREAD: Duration = Duration::from_secs(6);

/// What the load balancer answers when it reached no live server.
const NOBODY: [StatusCode; 2] = [StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE];

impl Gate {
    /// Asks the live server for a stream and connects both sides when it agrees.
    pub(crate) async fn tunnel(
        &self,
        mut request: Request<Incoming>,
        deadline: Instant,
    ) -> Result<Response<Answer>, Failure> {
        if self.streams.len() >= MOST_STREAMS {
            return Err(Failure::TooManyStreams);
        }
        let client = hyper::upgrade::on(&mut request);
        let (mut parts, _) = request.into_parts();
        headers::strip_hop_by_hop(&mut parts.headers);
        switch(&mut parts.headers);
        let mut response = self.open_live(&parts, deadline).await?;
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            // A refusal: short, and its connection ends with it.
            let (parts, body) = response.into_parts();
            return Ok(Response::from_parts(
                parts,
                Answer::Passed { body, home: None },
            ));
        }
        let upstream = hyper::upgrade::on(&mut response);
        let streams = self.counters.streams.clone();
        let closing = self.shutdown.closing.clone();
        self.streams.spawn(async move {
            let (Ok(client), Ok(upstream)) = tokio::join!(client, upstream) else {
                return;
            };
            streams.inc();
            let (mut client, mut upstream) = (TokioIo::new(client), TokioIo::new(upstream));
            let copied = tokio::io::copy_bidirectional_with_sizes(
                &mut client,
                &mut upstream,
                BUFFER,
                BUFFER,
            );
            let leaving = async {
                closing.cancelled().await;
                tokio::time::sleep(LEAVE_SPREAD.mul_f64(service_kit::entropy::share())).await;
            };
            tokio::select! {
                ended = copied => if let Err(error) = ended {
                    tracing::debug!(%error, "stream ended");
                },
                () = leaving => {}
            }
            streams.dec();
        });
        let (mut parts, _) = response.into_parts();
        headers::strip_hop_by_hop(&mut parts.headers);
        switch(&mut parts.headers);
        Ok(Response::from_parts(parts, Answer::Own(Full::default())))
    }

    /// Asks once more when there was no live server behind the answer: the load balancer also cuts who is about to reach the
    /// server that it gives up, and the next one to be asked is another.
    async fn open_live(
        &self,
        parts: &Parts,
        deadline: Instant,
    ) -> Result<Response<Incoming>, Failure> {
        let request = || Request::from_parts(parts.clone(), Empty::new());
        self.retries.earn();
        let asked = self.ask_live(request(), deadline).await;
        let nobody = match &asked {
            Ok(response) => NOBODY.contains(&response.status()),
            Err(failure) => matches!(failure, Failure::Unreachable),
        };
        if !nobody || !self.retries.spend() {
            return asked;
        }
        self.counters.retries.inc();
        self.ask_live(request(), deadline).await
    }

    /// A stream's connection is its own, never from the pool.
    async fn ask_live(
        &self,
        request: Request<Empty<Bytes>>,
        deadline: Instant,
    ) -> Result<Response<Incoming>, Failure> {
        let failed = |kind: &str| {
            self.counters
                .upstream
                .with_label_values(&["ws", kind])
                .inc()
        };
        let Ok(stream) = pool::connect(&self.ws, deadline).await else {
            failed("connect");
            return Err(Failure::Unreachable);
        };
        let asked = async {
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
            tokio::spawn(connection.with_upgrades());
            sender.send_request(request).await
        };
        match tokio::time::timeout_at(deadline, asked).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(_)) => {
                failed("closed");
                Err(Failure::Unreachable)
            }
            Err(_) => {
                failed("timeout");
                Err(Failure::Deadline)
            }
        }
    }
}

fn switch(headers: &mut hyper::HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
}
