//! From a client's request to an upstream's answer, or to our own refusal.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, HeaderValue, RETRY_AFTER};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use service_kit::budget::RetryBudget;
use service_kit::respond::{self, Plain};
use service_kit::routes::Route;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::body::Answer;
use crate::client::Client;
use crate::concurrency::Concurrency;
use crate::forward::Failure;
use crate::headers::{self, CLIENT_ID, REQUEST_ID, RequestIds};
use crate::limiter::Limiter;
use crate::metrics::Counters;
use crate::pool::Pool;
use service_kit::env::HostPort;
use service_kit::shutdown::Shutdown;

/// A limit on what is under way changes four times a second; a client's next request may come after a few.
const BUSY_FOR: Duration = Duration::from_secs(1);

/// A body of a few hundred bytes that takes longer is given up; half of the request's own time is left then.
const BODY_WITHIN: Duration = Duration::from_secs(1);

/// Everything that the gateway decides with.
pub(crate) struct Gate {
    pub(crate) api: Pool,
    pub(crate) ws: HostPort,
    pub(crate) limiter: Arc<Limiter>,
    pub(crate) concurrency: Concurrency,
    pub(crate) retries: RetryBudget,
    pub(crate) ids: RequestIds,
    pub(crate) counters: Counters,
    pub(crate) max_body_bytes: usize,
    pub(crate) request_timeout: Duration,
    pub(crate) shutdown: Shutdown,
    /// Streams passing through, to be waited for at the end.
    pub(crate) streams: TaskTracker,
}

impl Gate {
    /// Answers one request and counts it.
    pub(crate) async fn handle(
        &self,
        mut request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Response<Answer> {
        if request.uri().path() == "/healthz" && request.method() == Method::GET {
            return own(respond::text(StatusCode::OK, "ok\n"));
        }
        let began = Instant::now();
        let id = self.ids.of(request.headers());
        request.headers_mut().insert(REQUEST_ID, id.clone());
        let route = Route::of(request.method(), request.uri().path()).name();
        let mut response = self
            .admit(request, peer, began + self.request_timeout)
            .await;
        response.headers_mut().insert(REQUEST_ID, id);
        self.counters
            .http
            .answered(route, response.status(), began.elapsed());
        response
    }

    async fn admit(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        deadline: Instant,
    ) -> Response<Answer> {
        let client = match headers::id(request.headers(), CLIENT_ID) {
            Some(id) => Client::Named(id.into()),
            None => Client::At(headers::origin(request.headers()).unwrap_or(peer.ip())),
        };
        if let Err(refused) = self.limiter.admit(client) {
            let by = refused.by.name();
            self.counters.limited.with_label_values(&[by]).inc();
            return too_many(refused.wait);
        }
        let passed = match headers::wants_websocket(request.method(), request.headers()) {
            true => self.tunnel(request, deadline).await,
            false => self.pass(request, deadline).await,
        };
        passed.unwrap_or_else(refuse)
    }

    async fn pass(
        &self,
        request: Request<Incoming>,
        deadline: Instant,
    ) -> Result<Response<Answer>, Failure> {
        let (mut parts, body) = request.into_parts();
        let body = self.read(&parts, body, deadline).await?;
        headers::strip_hop_by_hop(&mut parts.headers);
        parts.headers.remove(CONTENT_LENGTH);
        self.forward(parts, body, deadline).await
    }

    /// The whole body, so that it can be sent again; the limit bounds memory. The load balancer in front passes bodies on
    /// as they come, so a slow one is found out here, and waits for no room at the api.
    async fn read(
        &self,
        parts: &Parts,
        body: Incoming,
        deadline: Instant,
    ) -> Result<Bytes, Failure> {
        let announced = parts.headers.get(CONTENT_LENGTH);
        let announced = announced.and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        if announced.is_some_and(|length| length > self.max_body_bytes) {
            return Err(Failure::TooLarge);
        }
        let limited = Limited::new(body, self.max_body_bytes).collect();
        let by = deadline.min(Instant::now() + BODY_WITHIN);
        match tokio::time::timeout_at(by, limited).await {
            Ok(Ok(body)) => Ok(body.to_bytes()),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Failure::TooLarge),
            Ok(Err(_)) => Err(Failure::BrokenRequest),
            Err(_) => Err(Failure::SlowRequest),
        }
    }
}

/// Wraps an answer of our own.
fn own(response: Response<Full<Bytes>>) -> Response<Answer> {
    response.map(Answer::Own)
}

/// 429 with the time after which a request passes again.
fn too_many(wait: Duration) -> Response<Answer> {
    let response = respond::problem(StatusCode::TOO_MANY_REQUESTS, "too many requests");
    own(again_after(response, wait))
}

/// Tells a wait, in whole seconds.
fn again_after(mut response: Response<Plain>, wait: Duration) -> Response<Plain> {
    let seconds = u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u64::MAX);
    let seconds = HeaderValue::from(seconds.max(1));
    response.headers_mut().insert(RETRY_AFTER, seconds);
    response
}

fn refuse(failure: Failure) -> Response<Answer> {
    let status = match failure {
        Failure::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Failure::BrokenRequest => StatusCode::BAD_REQUEST,
        Failure::SlowRequest => StatusCode::REQUEST_TIMEOUT,
        Failure::Unreachable => StatusCode::BAD_GATEWAY,
        Failure::Deadline => StatusCode::GATEWAY_TIMEOUT,
        Failure::Shed | Failure::TooManyStreams => StatusCode::SERVICE_UNAVAILABLE,
    };
    let response = respond::problem(status, &failure.to_string());
    own(match failure {
        Failure::Shed | Failure::TooManyStreams => again_after(response, BUSY_FOR),
        _ => response,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_told_in_whole_seconds() {
        let told = |wait_ms| {
            let response = too_many(Duration::from_millis(wait_ms));
            response.headers()[RETRY_AFTER].to_str().unwrap().to_owned()
        };
        assert_eq!(
            (told(1), told(1000), told(1001)),
            ("1".into(), "1".into(), "2".into())
        );
    }

    #[test]
    fn only_who_is_refused_for_want_of_room_is_told_to_come_back() {
        let shed = refuse(Failure::Shed);
        assert_eq!(shed.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(shed.headers()[RETRY_AFTER], "1");
        let late = refuse(Failure::Deadline);
        assert!(!late.headers().contains_key(RETRY_AFTER));
    }
}
