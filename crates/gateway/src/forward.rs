//! Sending a request upstream, at most twice, and a second time only while there is a budget for it.
//!
//! Every request of the platform may be repeated: readings carry their id, thresholds are absolute values.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};
use tokio::time::Instant;

use crate::body::Answer;
use crate::gate::Gate;
use crate::headers;
use crate::pool::{Connection, Sender};

/// The api answers within 130 ms and the load balancer between repeats once after 150 ms: whoever is silent
/// for longer than this is gone. Writes that wait for a replica take up to a second and get all the time.
const ANSWER_WITHIN: Duration = Duration::from_millis(320);

/// Why a request has no answer from upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// The body is over the limit.
    #[error("body is too large")]
    TooLarge,
    /// The client broke off.
    #[error("request broke off")]
    BrokenRequest,
    /// No connection, or broken off twice.
    #[error("upstream cannot be reached")]
    Unreachable,
    /// No answer in time.
    #[error("upstream did not answer in time")]
    Deadline,
}

/// Why one try failed.
enum Try {
    Closed,
    Silent,
}

impl Gate {
    /// The upstream's answer to the first try that gets one.
    pub(crate) async fn forward(
        &self,
        parts: Parts,
        body: Bytes,
        deadline: Instant,
    ) -> Result<Response<Answer>, Failure> {
        let patience = match parts.method {
            Method::PUT => self.request_timeout,
            _ => ANSWER_WITHIN,
        };
        self.retries.earn();
        let connection = self.api.take(deadline).await;
        let connection = connection.map_err(|_| self.unreachable())?;
        let reused = connection.reused;
        let by = deadline.min(Instant::now() + patience);
        let failure = match self.attempt(connection, &parts, &body, by).await {
            Ok((response, sender)) => return Ok(self.answer(response, sender)),
            Err(Try::Closed) => {
                self.failed("closed");
                Failure::Unreachable
            }
            Err(Try::Silent) => {
                self.failed("timeout");
                self.api.clear();
                Failure::Deadline
            }
        };
        if Instant::now() >= deadline || !self.retries.spend() {
            return Err(failure);
        }
        tracing::debug!(reused, path = parts.uri.path(), "sent again");
        self.counters.retries.inc();
        let connection = self.api.fresh(deadline).await;
        let connection = connection.map_err(|_| self.unreachable())?;
        match self.attempt(connection, &parts, &body, deadline).await {
            Ok((response, sender)) => Ok(self.answer(response, sender)),
            Err(Try::Closed) => {
                self.failed("closed");
                Err(Failure::Unreachable)
            }
            Err(Try::Silent) => {
                self.failed("timeout");
                Err(Failure::Deadline)
            }
        }
    }

    async fn attempt(
        &self,
        mut connection: Connection,
        parts: &Parts,
        body: &Bytes,
        by: Instant,
    ) -> Result<(Response<Incoming>, Sender), Try> {
        let request = Request::from_parts(parts.clone(), Full::new(body.clone()));
        let sent = connection.sender.send_request(request);
        match tokio::time::timeout_at(by, sent).await {
            Ok(Ok(response)) => Ok((response, connection.sender)),
            Ok(Err(error)) => {
                tracing::debug!(%error, "upstream");
                Err(Try::Closed)
            }
            Err(_) => Err(Try::Silent),
        }
    }

    fn answer(&self, response: Response<Incoming>, sender: Sender) -> Response<Answer> {
        let (mut parts, body) = response.into_parts();
        headers::strip_hop_by_hop(&mut parts.headers);
        Response::from_parts(parts, Answer::passed(body, sender, self.api.clone()))
    }

    fn unreachable(&self) -> Failure {
        self.failed("connect");
        Failure::Unreachable
    }

    fn failed(&self, kind: &str) {
        self.counters
            .upstream
            .with_label_values(&["api", kind])
            .inc();
    }
}
