//! Changing a patient's thresholds: the answer is given only when the change cannot be lost any more, and without waiting
//! for a primary that may be away.
//!
//! Each change is a whole new record with a version of its own. Of several the newest version stays, wherever they meet:
//! in Redis, which shows a change from its acknowledgement on, and in the database, where a worker takes it from the
//! queue.

use bytes::Bytes;
use hyper::header::HeaderValue;
use hyper::{Response, StatusCode};
use service_kit::postgres::within;
use service_kit::respond::{self, Plain};
use service_kit::{hedge, record, wall};
use std::time::Duration;
use tokio::time::Instant;
use wire::{Patient, Thresholds};

use crate::patients::{no_such_patient, select, unavailable};
use crate::server::Api;
use crate::validate;

/// For the record that is changed: a replica answers in a few milliseconds.
const READ_WITHIN: Duration = Duration::from_millis(300);
/// Without a confirmation by then the primary is asked as well, within the 100 ms that a client is promised.
const HEDGE_AFTER: Duration = Duration::from_millis(60);

/// Says where a change is kept: `queue` is on its way to the database, `postgres` is there.
const KEPT_IN: &str = "x-kept-in";

/// The two ways to keep a change.
#[derive(Debug, Clone, Copy)]
enum Path {
    /// Confirmed by a quorum of brokers.
    Queue,
    /// Committed by the primary and a replica.
    Postgres,
}

impl Api {
    /// The new record when it is durable, 404 or 422 when the request is wrong, 503 when neither way worked in time.
    pub(crate) async fn put_thresholds(
        &self,
        id: &str,
        thresholds: Thresholds,
        by: Instant,
    ) -> Response<Plain> {
        let Some(id) = validate::patient_id(id) else {
            return no_such_patient();
        };
        if let Err(refusal) = validate::thresholds(&thresholds) {
            return refusal.into();
        }
        let Some(old) = self.record(id, by).await else {
            return unavailable();
        };
        let patient = Patient {
            version: next_version(old.version, wall::unix_us()),
            thresholds,
            latest: None,
            ..old
        };
        let Some(kept_in) = self.keep_change(&patient, by).await else {
            tracing::warn!(id, "thresholds not kept");
            self.counters.changes.with_label_values(&["none"]).inc();
            return unavailable();
        };
        self.counters.changes.with_label_values(&[kept_in]).inc();
        self.cache_record(&patient, record::PENDING_FOR).await;
        let mut response = respond::json(StatusCode::OK, &patient);
        response
            .headers_mut()
            .insert(KEPT_IN, HeaderValue::from_static(kept_in));
        response
    }

    /// The newest record known here.
    async fn record(&self, id: i32, by: Instant) -> Option<Patient> {
        if let Some(record) = self.cached_record(id).await {
            return Some(record);
        }
        let by = by.min(Instant::now() + READ_WITHIN);
        let (found, _) = self.read(by, move |database| select(database, id)).await?;
        found
    }

    /// Where the change is durable. A change in both is one change.
    async fn keep_change(&self, patient: &Patient, by: Instant) -> Option<&'static str> {
        let ways = match self.changes.flows() {
            true => [Path::Queue, Path::Postgres],
            false => [Path::Postgres, Path::Queue],
        };
        let tries = ways.into_iter().map(|path| self.keep_in(path, patient, by));
        let kept = hedge::first_of(tries, HEDGE_AFTER, by, &self.hedges).await;
        kept.ok().map(|(_, path)| path)
    }

    async fn keep_in(&self, path: Path, patient: &Patient, by: Instant) -> Option<&'static str> {
        match path {
            Path::Queue => {
                let payload = Bytes::from(serde_json::to_vec(patient).ok()?);
                let id = format!("{}-{}", patient.id, patient.version);
                let published = self.changes.publish(&id, payload, by).await;
                let kept =
                    published.map_err(|error| tracing::debug!(%error, "thresholds not queued"));
                kept.ok().map(|()| "queue")
            }
            Path::Postgres => {
                let stored = within(by, record::store(&self.primary, patient)).await;
                let kept = stored.map_err(|error| tracing::debug!(%error, "thresholds not stored"));
                kept.ok().map(|()| "postgres")
            }
        }
    }
}

/// Newer than the version that it replaces, and than whatever another server made before now: clocks may differ, but
/// never turn a patient's record back.
fn next_version(replaced: i64, now_us: i64) -> i64 {
    now_us.max(replaced + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_newer_than_what_it_replaces_whatever_the_clock_says() {
        assert_eq!(
            next_version(1, 1_700_000_000_000_000),
            1_700_000_000_000_000
        );
        assert_eq!(
            next_version(1_700_000_000_000_000, 5),
            1_700_000_000_000_001
        );
        assert_eq!(next_version(7, 7), 8);
    }
}
