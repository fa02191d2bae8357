//! What the api keeps in Redis. All of it can be rebuilt, and Redis being gone costs a few milliseconds.
//!
//! A patient's record is kept by `service_kit::record`, newer versions only; `vitals:{id}` holds the newest reading
//! (written by the workers, newer ones only), `ward:{id}` a ward's page for a second.

use std::time::Duration;

use bytes::Bytes;
use service_kit::record;
use service_kit::redis_link::{AskRedis, RedisError};
use wire::{Patient, Reading};

use crate::server::Api;

/// Milliseconds a ward's page may be old.
const WARD_MS: u64 = 1000;

impl Api {
    /// A patient with newest vitals, if both are cached.
    pub(crate) async fn cached_patient(&self, id: i32) -> Option<Patient> {
        let mut pipe = redis::pipe();
        pipe.add_command(record::cached(id))
            .hget(format!("vitals:{id}"), "v");
        let (record, vitals): (Option<String>, Option<String>) = self.lookup(&pipe).await?;
        let found = parts(record.as_deref(), vitals.as_deref());
        self.count(found.is_some());
        found
    }

    /// A patient's record without vitals, if it is cached.
    pub(crate) async fn cached_record(&self, id: i32) -> Option<Patient> {
        let record: Option<String> = self.lookup(&record::cached(id)).await?;
        serde_json::from_str(&record?).ok()
    }

    /// Keeps what a database read found, unless something newer is there already.
    pub(crate) async fn cache_patient(&self, patient: &Patient) {
        self.cache_record(patient, record::STORED_FOR).await;
        let taken_at = patient
            .latest
            .as_ref()
            .map_or(0, |reading| reading.taken_at_ms);
        let mut pipe = redis::pipe();
        let key = format!("vitals:{}", patient.id);
        pipe.hset_nx(&key, "t", taken_at)
            .hset_nx(&key, "v", latest(patient));
        self.store(&pipe).await;
    }

    /// Keeps a patient's record for a time, unless a newer one is there already.
    pub(crate) async fn cache_record(&self, patient: &Patient, time: Duration) {
        if let Err(error) = record::cache(&self.redis, patient, time).await {
            tracing::debug!(%error, "not cached");
        }
    }

    /// A ward's page, if a fresh one is cached.
    pub(crate) async fn cached_ward(&self, id: i32) -> Option<Bytes> {
        let page: Option<Vec<u8>> = self.lookup(&redis::Cmd::get(format!("ward:{id}"))).await?;
        self.count(page.is_some());
        page.map(Bytes::from)
    }

    /// Keeps a ward's page for a second.
    pub(crate) async fn cache_ward(&self, id: i32, page: &[u8]) {
        let key = format!("ward:{id}");
        self.store(&redis::Cmd::pset_ex(key, page, WARD_MS)).await;
    }

    async fn lookup<T: redis::FromRedisValue>(&self, ask: impl AskRedis) -> Option<T> {
        let answer = self.redis.ask(ask).await;
        if answer.is_err() {
            self.counters.cache.with_label_values(&["down"]).inc();
        }
        answer.ok()
    }

    async fn store(&self, ask: impl AskRedis) {
        let stored: Result<redis::Value, RedisError> = self.redis.ask(ask).await;
        if let Err(error) = stored {
            tracing::debug!(%error, "not cached");
        }
    }

    fn count(&self, hit: bool) {
        let result = match hit {
            true => "hit",
            false => "miss",
        };
        self.counters.cache.with_label_values(&[result]).inc();
    }
}

/// The newest reading as cached; empty when there is none.
fn latest(patient: &Patient) -> String {
    let latest = patient.latest.as_ref();
    latest
        .and_then(|reading| serde_json::to_string(reading).ok())
        .unwrap_or_default()
}

/// A patient from both cached parts; `None` when one is missing or unreadable.
fn parts(record: Option<&str>, vitals: Option<&str>) -> Option<Patient> {
    let mut patient: Patient = serde_json::from_str(record?).ok()?;
    patient.latest = match vitals? {
        "" => None,
        text => Some(serde_json::from_str::<Reading>(text).ok()?),
    };
    Some(patient)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::Thresholds;

    fn patient(latest: Option<Reading>) -> Patient {
        Patient {
            id: 7,
            name: "Ada Novak".into(),
            ward: 7,
            thresholds: Thresholds::default(),
            version: 3,
            latest,
        }
    }

    fn record(patient: &Patient) -> String {
        let latest = None;
        serde_json::to_string(&Patient {
            latest,
            ..patient.clone()
        })
        .unwrap()
    }

    #[test]
    fn both_parts_give_the_patient_back() {
        let reading = Reading {
            reading_id: uuid::Uuid::nil(),
            patient_id: 7,
            taken_at_ms: 5,
            heart_rate: 70,
            spo2: 98,
            systolic: 120,
        };
        for whole in [patient(None), patient(Some(reading))] {
            let (record, vitals) = (record(&whole), latest(&whole));
            assert_eq!(parts(Some(&record), Some(&vitals)), Some(whole));
        }
    }

    #[test]
    fn a_missing_or_broken_part_is_a_miss() {
        let record = record(&patient(None));
        assert_eq!(parts(Some(&record), None), None, "vitals unknown");
        assert_eq!(parts(None, Some("")), None);
        assert_eq!(parts(Some(&record), Some("{")), None);
        assert_eq!(parts(Some("{}"), Some("")), None);
    }
}
