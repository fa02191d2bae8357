//! Sending a request upstream, at most twice, and a second time only while there is a budget for it.
//!
//! Every request of the platform may be repeated: readings carry their id, a change is a whole record.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::{Request, Response, StatusCode};
use service_kit::deadline::{self, TooLate};
use service_kit::routes::Route;
use tokio::time::Instant;

use crate::body::Answer;
use crate::gate::Gate;
use crate::headers;
use crate::pool::{Connection, Sender};
use crate::priority::Priority;

/// The api answers within 230 ms and the load balancer between repeats once after 250 ms: whoever is silent
/// for longer than this is gone.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);
/// Both tries together: longer than the load balancer in front waits. It asks another gateway after 1.2 s, and clients wait 2 s; who
/// gave up sooner would refuse, for good, what a disk or a processor that everybody shares is only late with.
const BOTH_WITHIN: Duration = Duration::from_millis(1300);
/// An answer after this is late: it needed the load balancer's repetition, and the slowest way of the api behind it.
const LATE_AFTER: Duration = Duration::from_millis(350);

/// Time between an answer that may pass and the second try: at once would meet what the first one met.
const PAUSE: Duration = Duration::from_millis(100);

/// Nobody was reached, or the api could keep or read nothing in its 230 ms: what stood in the way may be over in a moment, such as
/// a processor that was busy starting a server.
const PASSING: [StatusCode; 3] = [
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
    StatusCode::GATEWAY_TIMEOUT,
];

/// Why a request has no answer from upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Failure {
    /// The body is over the limit.
    #[error("body is too large")]
    TooLarge,
    /// The client broke off.
    #[error("request broke off")]
    BrokenRequest,
    /// The client took too long to send its body.
    #[error("request did not arrive in time")]
    SlowRequest,
    /// No connection, or broken off twice.
    #[error("upstream cannot be reached")]
    Unreachable,
    /// No answer in time.
    #[error("upstream did not answer in time")]
    Deadline,
    /// More is under way than the api can do.
    #[error("too busy for this")]
    Shed,
    /// More streams are open than there is memory for.
    #[error("too many streams")]
    TooManyStreams,
}

/// Why one try failed.
enum Try {
    Closed,
    Silent,
    /// Too little time was left to ask.
    Late,
}

impl Gate {
    /// The upstream's answer, unless there is no room for a request like this one.
    pub(crate) async fn forward(
        &self,
        parts: Parts,
        body: Bytes,
        deadline: Instant,
    ) -> Result<Response<Answer>, Failure> {
        let priority = Priority::of(&Route::of(&parts.method, parts.uri.path()));
        let Some(turn) = self.concurrency.enter(priority, LATE_AFTER) else {
            let shed = self.counters.shed.with_label_values(&[priority.name()]);
            shed.inc();
            return Err(Failure::Shed);
        };
        let answer = self.ask(parts, body, deadline).await;
        turn.ended(match &answer {
            Ok(response) => response.status() != StatusCode::GATEWAY_TIMEOUT,
            Err(_) => false,
        });
        answer
    }

    /// The upstream's answer to the first try that gets one.
    async fn ask(
        &self,
        parts: Parts,
        body: Bytes,
        deadline: Instant,
    ) -> Result<Response<Answer>, Failure> {
        let last_by = deadline.min(Instant::now() + BOTH_WITHIN);
        self.retries.earn();
        let connection = self.api.take(deadline).await;
        let connection = connection.map_err(|_| self.unreachable())?;
        let reused = connection.reused;
        // When so many are late that this one may not be sent again, its only try has all the time: giving up early helps nobody then.
        let again = self.retries.reserve();
        let only = again.is_none();
        let by = match only {
            true => last_by,
            false => deadline.min(Instant::now() + ANSWER_WITHIN),
        };
        let first = match self.attempt(connection, &parts, &body, by, only).await {
            Ok(response) if PASSING.contains(&response.status()) => Ok(response),
            Ok(response) => return Ok(response),
            Err(Try::Silent) => {
                self.api.clear();
                Err(Failure::Deadline)
            }
            Err(Try::Closed) => Err(Failure::Unreachable),
            Err(Try::Late) => return Err(Failure::Deadline),
        };
        let again_at = match first {
            Ok(_) => Instant::now() + PAUSE,
            Err(_) => Instant::now(),
        };
        match again {
            Some(again) if again_at < last_by => again.spend(),
            _ => return first,
        }
        tokio::time::sleep_until(again_at).await;
        tracing::debug!(reused, path = parts.uri.path(), "sent again");
        self.counters.retries.inc();
        let connection = self.api.fresh(deadline).await;
        let connection = connection.map_err(|_| self.unreachable())?;
        let answered = self.attempt(connection, &parts, &body, last_by, true).await;
        answered.map_err(|failed| match failed {
            Try::Closed => Failure::Unreachable,
            Try::Silent | Try::Late => Failure::Deadline,
        })
    }

    /// Asks once, and says how long this try waits and whether it is the last.
    async fn attempt(
        &self,
        mut connection: Connection,
        parts: &Parts,
        body: &Bytes,
        by: Instant,
        last: bool,
    ) -> Result<Response<Answer>, Try> {
        let mut request = Request::from_parts(parts.clone(), Full::new(body.clone()));
        deadline::tell(request.headers_mut(), by).map_err(|TooLate| Try::Late)?;
        deadline::mark(request.headers_mut(), last);
        let sent = connection.sender.send_request(request);
        match tokio::time::timeout_at(by, sent).await {
            Ok(Ok(response)) => Ok(self.answer(response, connection.sender)),
            Ok(Err(error)) => {
                tracing::debug!(%error, "upstream");
                self.failed("closed");
                Err(Try::Closed)
            }
            Err(_) => {
                self.failed("timeout");
                Err(Try::Silent)
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    const CDN: &str = include_str!("../../../compose/images/varnish/default.vcl");
    const LOAD_BALANCER: &str = include_str!("../../../compose/images/haproxy/haproxy.cfg");

    /// What stands between the two, after the first place where `before` stands.
    fn between<'a>(text: &'a str, before: &str, after: &str) -> &'a str {
        let (_, rest) = text.split_once(before).unwrap();
        rest.split_once(after).unwrap().0
    }

    /// A gateway that refuses sooner refuses for good, because its 503 is not repeated; a CDN that gives up sooner may find the same
    /// frozen gateway behind the other load balancer.
    #[test]
    fn the_load_balancer_asks_another_gateway_before_anybody_gives_up() {
        let backend = "\nbackend gateway\n    timeout server ";
        let asks_ms = between(LOAD_BALANCER, backend, "ms").parse().unwrap();
        let asks = Duration::from_millis(asks_ms);
        let gives_up_s = between(CDN, ".first_byte_timeout = ", "s;")
            .parse()
            .unwrap();
        assert!(asks < BOTH_WITHIN);
        assert!(asks < Duration::from_secs_f64(gives_up_s));
    }
}
