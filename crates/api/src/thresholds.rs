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
use service_kit::{record, wall};
use std::time::Duration;
use tokio::time::Instant;
use wire::{Patient, Thresholds};

use crate::patients::{no_such_patient, select, unavailable};
use crate::server::Api;
use crate::validate;

/// For the record that is changed, and then for the queue: together within the 100 ms that a client is promised.
const READ_WITHIN: Duration = Duration::from_millis(60);
const QUEUE_WITHIN: Duration = Duration::from_millis(70);

/// Says where a change is kept: `queue` is on its way to the database, `postgres` is there.
const KEPT_IN: &str = "x-kept-in";

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

    /// Where the change is durable: confirmed by a quorum of brokers, else committed by the primary and a replica.
    async fn keep_change(&self, patient: &Patient, by: Instant) -> Option<&'static str> {
        let payload = serde_json::to_vec(patient).ok()?;
        let id = format!("{}-{}", patient.id, patient.version);
        let soon = Instant::now() + QUEUE_WITHIN;
        match self.changes.publish(&id, Bytes::from(payload), soon).await {
            Ok(()) => return Some("queue"),
            Err(error) => tracing::debug!(%error, "thresholds not queued"),
        }
        match within(by, record::store(&self.primary, patient)).await {
            Ok(()) => Some("postgres"),
            Err(error) => {
                tracing::warn!(%error, "thresholds not kept");
                None
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
