//! Newest vitals and the fan-out in Redis. All of it may fail: Postgres has the truth.

use redis::Script;
use service_kit::redis_link::RedisLink;
use wire::{Alert, Reading};

/// Batches of readings for the live servers.
const VITALS: &str = "live:vitals";
/// Batches of alerts for the live servers.
const ALERTS: &str = "live:alerts";

/// Keeps a patient's newest reading: workers and redeliveries come in any order. Then tells the live servers.
const KEEP_NEWEST: &str = "\
for i, key in ipairs(KEYS) do
  local old = redis.call('HGET', key, 't')
  if not old or tonumber(old) < tonumber(ARGV[2 * i - 1]) then
    redis.call('HSET', key, 't', ARGV[2 * i - 1], 'v', ARGV[2 * i])
  end
end
redis.call('PUBLISH', ARGV[#ARGV - 1], ARGV[#ARGV])
return #KEYS";

/// Speaks to whoever is master.
pub(crate) struct Live {
    redis: RedisLink,
    keep_newest: Script,
}

impl Live {
    /// Speaks through `redis`.
    pub(crate) fn new(redis: RedisLink) -> Self {
        Self {
            redis,
            keep_newest: Script::new(KEEP_NEWEST),
        }
    }

    /// Keeps and publishes readings; whether Redis took them.
    pub(crate) async fn vitals(&self, readings: &[Reading]) -> bool {
        if readings.is_empty() {
            return true;
        }
        let mut invocation = self.keep_newest.prepare_invoke();
        for reading in readings {
            let Ok(text) = serde_json::to_string(reading) else {
                return false;
            };
            invocation.key(format!("vitals:{}", reading.patient_id));
            invocation.arg(reading.taken_at_ms).arg(text);
        }
        let Ok(batch) = serde_json::to_string(readings) else {
            return false;
        };
        invocation.arg(VITALS).arg(batch);
        self.redis.ask::<redis::Value>(&invocation).await.is_ok()
    }

    /// Publishes alerts; whether Redis took them.
    pub(crate) async fn alerts(&self, alerts: &[Alert]) -> bool {
        if alerts.is_empty() {
            return true;
        }
        let Ok(batch) = serde_json::to_string(alerts) else {
            return false;
        };
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(ALERTS).arg(batch);
        self.redis.ask::<redis::Value>(&publish).await.is_ok()
    }
}
