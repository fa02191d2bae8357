//! A patient's record: in Postgres, and in Redis for readers. Changes come from several processes in any order and more
//! than once; the newest version stays in both.

use std::sync::LazyLock;
use std::time::Duration;

use redis::Script;
use wire::Patient;

use crate::postgres::{Database, PostgresError};
use crate::redis_link::{RedisError, RedisLink};

/// Keeps `ARGV[2]` with version `ARGV[1]` for `ARGV[3]` seconds, unless a newer one is there. The same one again is kept
/// anew: whoever stored it shortens the time of whoever only promised it.
const KEEP_NEWEST: &str = "\
local old = redis.call('HGET', KEYS[1], 'n')
if old and tonumber(old) > tonumber(ARGV[1]) then
  return 0
end
redis.call('HSET', KEYS[1], 'n', ARGV[1], 'r', ARGV[2])
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1";

static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(KEEP_NEWEST));

/// The same version again writes something: the commit then waits for a replica as the first one did, and does not
/// confirm a change that only a cut-off primary has.
const STORE: &str = "UPDATE patients SET heart_rate_low = $2, heart_rate_high = $3, spo2_low = $4, \
    systolic_high = $5, version = $6, updated_at = now() WHERE id = $1 AND version <= $6";

/// What the database holds. This bounds what a lost write leaves behind.
pub const STORED_FOR: Duration = Duration::from_secs(30);
/// A change that the database may not hold yet: longer than a failover, because nobody else shows it.
pub const PENDING_FOR: Duration = Duration::from_secs(600);

/// The command that reads a cached record as JSON; nil when there is none.
pub fn cached(patient: i32) -> redis::Cmd {
    redis::Cmd::hget(format!("patient:{patient}"), "r")
}

/// Keeps a record in Redis unless a newer one is there; the newest vitals are kept elsewhere.
///
/// # Errors
/// When Redis is away. Readers then see the change once the database has it and what is cached has run out.
pub async fn cache(redis: &RedisLink, patient: &Patient, time: Duration) -> Result<(), RedisError> {
    let record = Patient {
        latest: None,
        ..patient.clone()
    };
    let text = serde_json::to_string(&record).unwrap_or_default();
    let mut invocation = SCRIPT.prepare_invoke();
    invocation
        .key(format!("patient:{}", patient.id))
        .arg(patient.version)
        .arg(text)
        .arg(time.as_secs());
    redis.ask::<redis::Value>(&invocation).await.map(drop)
}

/// Writes a record's thresholds to the primary and one replica, unless a newer version is there.
///
/// # Errors
/// When the primary does not confirm; storing again is harmless.
pub async fn store(primary: &Database, patient: &Patient) -> Result<(), PostgresError> {
    let lease = primary.lease().await?;
    let statement = lease.prepare_cached(STORE).await?;
    let limits = patient.thresholds;
    lease
        .execute(
            &statement,
            &[
                &patient.id.cast_signed(),
                &limits.heart_rate_low,
                &limits.heart_rate_high,
                &limits.spo2_low,
                &limits.systolic_high,
                &patient.version,
            ],
        )
        .await?;
    lease.give_back();
    Ok(())
}
