//! What others left: readings that came past the queue, and alerts whose announcement failed.
//!
//! Both are announced while their rows are locked, so that no two workers do the same. A commit that fails afterwards has
//! them announced again, which does no harm.

use std::time::Duration;

use service_kit::postgres::{Database, PostgresError, within};
use service_kit::wall;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_postgres::Row;
use wire::{Alert, Reading};

use crate::alerts::raised;
use crate::announce::Announcer;
use crate::limits::Limits;
use crate::store::{Raised, insert_alerts};

/// How often readings are looked for, and how soon again after some were found.
const READINGS_EVERY: (Duration, Duration) =
    (Duration::from_millis(500), Duration::from_millis(50));
/// How often alerts are looked for.
const ALERTS_EVERY: Duration = Duration::from_secs(1);
/// For one look, announcing included.
const LOOK_WITHIN: Duration = Duration::from_secs(2);
/// Readings taken up at a time.
const READINGS: i64 = 200;

const UNEVALUATED: &str = "SELECT reading_id, patient_id, taken_at_ms, heart_rate, spo2, systolic \
    FROM readings WHERE NOT evaluated ORDER BY stored_at LIMIT $1 FOR UPDATE SKIP LOCKED";

const EVALUATED: &str = "UPDATE readings SET evaluated = true WHERE reading_id = ANY($1)";

const UNANNOUNCED: &str = "SELECT id, reading_id, patient_id, ward, kind, value, \
    (extract(epoch FROM raised_at) * 1000)::bigint AS raised_at_ms \
    FROM alerts WHERE announced_at IS NULL ORDER BY number LIMIT 100 FOR UPDATE SKIP LOCKED";

const ANNOUNCED: &str = "UPDATE alerts SET announced_at = now() WHERE id = ANY($1)";

/// Looks for them.
pub(crate) struct Leftovers {
    pub(crate) primary: Database,
    pub(crate) limits: Limits,
    pub(crate) announcer: Announcer,
}

impl Leftovers {
    /// Takes up readings, for ever.
    pub(crate) async fn readings(&self) {
        self.limits.known().await;
        loop {
            let looked = within(Instant::now() + LOOK_WITHIN, self.evaluate()).await;
            let pause = match looked {
                Ok(0) => READINGS_EVERY.0,
                Ok(found) => {
                    self.announcer.counters.late.inc_by(found);
                    READINGS_EVERY.1
                }
                Err(error) => {
                    tracing::debug!(%error, "readings past the queue");
                    READINGS_EVERY.0
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Announces alerts, for ever.
    pub(crate) async fn alerts(&self) {
        let mut sweeps = tokio::time::interval(ALERTS_EVERY);
        sweeps.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            sweeps.tick().await;
            if let Err(error) = within(Instant::now() + LOOK_WITHIN, self.sweep()).await {
                tracing::debug!(%error, "sweep of alerts");
            }
        }
    }

    /// The number of readings found.
    async fn evaluate(&self) -> Result<u64, PostgresError> {
        let mut lease = self.primary.lease().await?;
        let transaction = lease.transaction().await?;
        let statement = transaction.prepare_cached(UNEVALUATED).await?;
        let rows = transaction.query(&statement, &[&READINGS]).await?;
        let readings: Vec<_> = rows.iter().map(reading).collect::<Result<_, _>>()?;
        if readings.is_empty() {
            transaction.rollback().await?;
            lease.give_back();
            return Ok(0);
        }
        let now = wall::unix_ms();
        let alerts = readings
            .iter()
            .flat_map(|reading| raised(reading, &self.limits.of(reading.patient_id), now));
        let alerts: Vec<_> = alerts.collect();
        self.announcer.counters.raised.inc_by(alerts.len() as u64);
        let told = self.announcer.announce(&alerts).await;
        let alerts = alerts.into_iter().map(|alert| Raised { alert, told });
        let alerts: Vec<_> = alerts.collect();
        insert_alerts(&transaction, &alerts).await?;
        let ids: Vec<_> = readings.iter().map(|reading| reading.reading_id).collect();
        let statement = transaction.prepare_cached(EVALUATED).await?;
        transaction.execute(&statement, &[&ids]).await?;
        transaction.commit().await?;
        lease.give_back();
        let published = self.announcer.live.vitals(&readings).await;
        self.announcer.counters.live(published);
        self.announcer.counters.announced("direct", &alerts);
        Ok(readings.len() as u64)
    }

    async fn sweep(&self) -> Result<(), PostgresError> {
        let mut lease = self.primary.lease().await?;
        let transaction = lease.transaction().await?;
        let statement = transaction.prepare_cached(UNANNOUNCED).await?;
        let rows = transaction.query(&statement, &[]).await?;
        let alerts: Vec<_> = rows.iter().map(alert).collect::<Result<_, _>>()?;
        let told = !alerts.is_empty() && self.announcer.announce(&alerts).await;
        if told {
            let ids: Vec<_> = alerts.iter().map(|alert| alert.id).collect();
            let statement = transaction.prepare_cached(ANNOUNCED).await?;
            transaction.execute(&statement, &[&ids]).await?;
        }
        transaction.commit().await?;
        lease.give_back();
        let alerts = alerts.into_iter().map(|alert| Raised { alert, told });
        let alerts: Vec<_> = alerts.collect();
        self.announcer.counters.announced("sweep", &alerts);
        Ok(())
    }
}

fn reading(row: &Row) -> Result<Reading, tokio_postgres::Error> {
    Ok(Reading {
        reading_id: row.try_get("reading_id")?,
        patient_id: row.try_get::<_, i32>("patient_id")?.cast_unsigned(),
        taken_at_ms: row.try_get("taken_at_ms")?,
        heart_rate: row.try_get("heart_rate")?,
        spo2: row.try_get("spo2")?,
        systolic: row.try_get("systolic")?,
    })
}

fn alert(row: &Row) -> Result<Alert, tokio_postgres::Error> {
    Ok(Alert {
        id: row.try_get("id")?,
        reading_id: row.try_get("reading_id")?,
        patient_id: row.try_get::<_, i32>("patient_id")?.cast_unsigned(),
        ward: row.try_get::<_, i32>("ward")?.cast_unsigned(),
        kind: row.try_get("kind")?,
        value: row.try_get("value")?,
        raised_at_ms: row.try_get("raised_at_ms")?,
    })
}
