//! From a request to an answer.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use prometheus::IntCounterVec;
use serde::de::DeserializeOwned;
use service_kit::breaker::Breaker;
use service_kit::budget::RetryBudget;
use service_kit::deadline::{self, TooLate};
use service_kit::metrics::{HttpMetrics, Metrics};
use service_kit::postgres::Database;
use service_kit::publisher::Publisher;
use service_kit::redis_link::RedisLink;
use service_kit::respond::{self, Plain};
use service_kit::routes::Route;
use tokio::time::Instant;

use crate::assets;
use crate::ingest;
use crate::validate::Refusal;

/// Largest body in bytes: requests here are a few hundred; the gateway has a limit of its own.
const MAX_BODY: usize = 64 * 1024;
/// A body that takes longer than this to arrive is given up.
const BODY_WITHIN: Duration = Duration::from_secs(1);

/// Everything that answers are made of.
pub(crate) struct Api {
    pub(crate) primary: Database,
    pub(crate) replica: Database,
    pub(crate) redis: RedisLink,
    /// For readings.
    pub(crate) publisher: Publisher,
    /// For changes of thresholds.
    pub(crate) changes: Publisher,
    pub(crate) http: HttpMetrics,
    pub(crate) counters: Counters,
    /// Opens while the queues take no readings.
    pub(crate) queue_breaker: Mutex<Breaker>,
    /// Opens while the replica is slow or gone.
    pub(crate) replica_breaker: Mutex<Breaker>,
    /// For readings that go the second way because the first is slow: when everything is, to do all of it twice keeps it so.
    pub(crate) second_ways: RetryBudget,
    /// For reads that ask the primary because a replica is slow.
    pub(crate) hedges: RetryBudget,
    pub(crate) read_deadline: Duration,
    pub(crate) write_deadline: Duration,
    /// Zero but for drills that want to see a loss.
    pub(crate) write_behind: Duration,
}

/// What the api counts beside requests.
pub(crate) struct Counters {
    /// `reads_total{source}`.
    pub(crate) reads: IntCounterVec,
    /// `cache_lookups_total{result}`.
    pub(crate) cache: IntCounterVec,
    /// `ingest_total{path}`.
    pub(crate) ingest: IntCounterVec,
    /// `thresholds_total{path}`.
    pub(crate) changes: IntCounterVec,
}

impl Counters {
    /// Registers them.
    pub(crate) fn new(metrics: &Metrics) -> Result<Self, prometheus::Error> {
        let counters = Self {
            reads: metrics.counters(
                "reads_total",
                "Reads answered, by source: redis, replica, primary, none.",
                &["source"],
            )?,
            cache: metrics.counters(
                "cache_lookups_total",
                "Lookups in Redis, by result: hit, miss, down.",
                &["result"],
            )?,
            ingest: metrics.counters(
                "ingest_total",
                "Readings, by the path that made them durable: queue, postgres, none.",
                &["path"],
            )?,
            changes: metrics.counters(
                "thresholds_total",
                "Changes of thresholds, by the path that made them durable: queue, postgres, none.",
                &["path"],
            )?,
        };
        for path in ["queue", "postgres", "none"] {
            counters.ingest.with_label_values(&[path]);
            counters.changes.with_label_values(&[path]);
        }
        Ok(counters)
    }
}

impl Api {
    /// Answers one request and counts it.
    pub(crate) async fn handle(self: &Arc<Self>, request: Request<Incoming>) -> Response<Plain> {
        let began = Instant::now();
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let route = Route::of(&method, &path);
        let due = deadline::told(request.headers(), began);
        let response = in_time(due, self.route(route, request, began)).await;
        self.http
            .answered(route.name(), response.status(), began.elapsed());
        response
    }

    async fn route(
        self: &Arc<Self>,
        route: Route<'_>,
        request: Request<Incoming>,
        began: Instant,
    ) -> Response<Plain> {
        let patience = |usually| deadline::patience(request.headers(), began, usually);
        let by = began + patience(self.read_deadline);
        let change_by = began + patience(self.write_deadline);
        let ingest_within = patience(ingest::WITHIN);
        match route {
            Route::PostVitals => match body(request).await {
                Ok(reading) => self.post_vitals(reading, began, ingest_within).await,
                Err(refused) => refused,
            },
            Route::Patient(id) => self.patient(id, by).await,
            Route::PatientVitals(id) => self.vitals(id, request.uri().query(), by).await,
            Route::Thresholds(id) => match body(request).await {
                Ok(thresholds) => self.put_thresholds(id, thresholds, change_by).await,
                Err(refused) => refused,
            },
            Route::Ward(id) => self.ward(id, by).await,
            Route::Static(name) => assets::serve(name, request.headers()),
            Route::WrongMethod => {
                respond::problem(StatusCode::METHOD_NOT_ALLOWED, "method not allowed here")
            }
            Route::Live => respond::problem(StatusCode::NOT_FOUND, "live streams are elsewhere"),
            Route::Unknown if request.method() == Method::GET && path_is(&request, "/healthz") => {
                respond::text(StatusCode::OK, "ok\n")
            }
            Route::Unknown => respond::problem(StatusCode::NOT_FOUND, "no such page"),
        }
    }
}

/// The answer, or 504 when the sender stops waiting before it is there. What was begun is dropped: a reading or a change
/// that is durable by then, unacknowledged, is the same one when it is sent again.
async fn in_time(
    due: Result<Option<Instant>, TooLate>,
    answer: impl Future<Output = Response<Plain>>,
) -> Response<Plain> {
    let answered = match due {
        Ok(None) => return answer.await,
        Ok(Some(by)) => tokio::time::timeout_at(by, answer).await.ok(),
        Err(TooLate) => None,
    };
    answered.unwrap_or_else(|| respond::problem(StatusCode::GATEWAY_TIMEOUT, &TooLate.to_string()))
}

fn path_is(request: &Request<Incoming>, path: &str) -> bool {
    request.uri().path() == path
}

/// The body as a value; otherwise the answer that says what is wrong.
async fn body<T: DeserializeOwned>(request: Request<Incoming>) -> Result<T, Response<Plain>> {
    let limited = Limited::new(request.into_body(), MAX_BODY).collect();
    let bytes: Bytes = match tokio::time::timeout(BODY_WITHIN, limited).await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(_)) => {
            return Err(respond::problem(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body is too large or broke off",
            ));
        }
        Err(_) => {
            return Err(respond::problem(
                StatusCode::REQUEST_TIMEOUT,
                "body did not arrive in time",
            ));
        }
    };
    serde_json::from_slice(&bytes).map_err(|error| {
        let text = error.to_string();
        // The parser names missing fields between backquotes.
        match text.split('`').nth(1) {
            Some(field) => respond::problem_in(StatusCode::BAD_REQUEST, field, &text),
            None => respond::problem(StatusCode::BAD_REQUEST, &text),
        }
    })
}

impl From<Refusal> for Response<Plain> {
    fn from(refusal: Refusal) -> Self {
        respond::problem_in(
            StatusCode::UNPROCESSABLE_ENTITY,
            refusal.field,
            &refusal.error,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Status of an answer that takes `work_ms`, to a sender that waits until `due`, and the milliseconds until it came.
    async fn answer(due: Result<Option<Duration>, TooLate>, work_ms: u64) -> (StatusCode, u128) {
        let began = Instant::now();
        let work = async {
            tokio::time::sleep(Duration::from_millis(work_ms)).await;
            respond::text(StatusCode::OK, "done")
        };
        let due = due.map(|left| left.map(|left| began + left));
        let response = in_time(due, work).await;
        (response.status(), began.elapsed().as_millis())
    }

    #[tokio::test(start_paused = true)]
    async fn work_ends_when_the_sender_stops_waiting() {
        let left = Ok(Some(Duration::from_millis(60)));
        assert_eq!(answer(Ok(None), 5000).await, (StatusCode::OK, 5000));
        assert_eq!(answer(left, 50).await, (StatusCode::OK, 50));
        let late = StatusCode::GATEWAY_TIMEOUT;
        assert_eq!(answer(left, 5000).await, (late, 60));
    }

    #[tokio::test(start_paused = true)]
    async fn what_can_not_be_done_in_time_is_not_begun() {
        let late = StatusCode::GATEWAY_TIMEOUT;
        assert_eq!(answer(Err(TooLate), 0).await, (late, 0));
    }
}
