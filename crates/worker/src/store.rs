//! One transaction for a batch: readings exactly once, and the alerts that they raise.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use deadpool_postgres::Transaction;
use service_kit::postgres::{Database, Lease, PostgresError, within};
use tokio::time::Instant;
use tokio_postgres::Row;
use uuid::Uuid;
use wire::{Alert, Reading, Thresholds};

use crate::alerts::{NewAlert, raised};

/// A commit waits for one replica; beyond this the primary is gone or frozen.
const COMMIT_WITHIN: Duration = Duration::from_secs(1);
/// A change of a patient's limits is seen within this time.
const LIMITS_FOR: Duration = Duration::from_secs(3);
/// Readings that came past the queue, taken up at a time.
const LEFTOVERS: i64 = 200;

/// A reading that is there already is touched, not skipped: the commit then waits for a replica even when
/// nothing is new, so that a message is never acknowledged for a row which only a cut-off primary has.
const READINGS: &str = "INSERT INTO readings \
    (reading_id, patient_id, taken_at_ms, heart_rate, spo2, systolic) \
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::int[], $5::int[], $6::int[]) \
    ON CONFLICT (reading_id) DO UPDATE SET stored_at = readings.stored_at \
    RETURNING reading_id, (xmax = 0) AS fresh";

const ALERTS: &str = "INSERT INTO alerts (reading_id, patient_id, ward, kind, value) \
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::int[], $4::text[], $5::int[]) \
    ON CONFLICT (reading_id, kind) DO NOTHING \
    RETURNING id, reading_id, patient_id, ward, kind, value, \
        (extract(epoch FROM raised_at) * 1000)::bigint AS raised_at_ms";

const UNEVALUATED: &str = "SELECT reading_id, patient_id, taken_at_ms, heart_rate, spo2, systolic \
    FROM readings WHERE NOT evaluated ORDER BY stored_at LIMIT $1 FOR UPDATE SKIP LOCKED";

const EVALUATED: &str = "UPDATE readings SET evaluated = true WHERE reading_id = ANY($1)";

const LIMITS: &str =
    "SELECT id, heart_rate_low, heart_rate_high, spo2_low, systolic_high FROM patients";

/// What a transaction brought.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    /// Readings that are new.
    pub(crate) readings: Vec<Reading>,
    /// Alerts that are new.
    pub(crate) alerts: Vec<Alert>,
}

/// Writes to the primary.
pub(crate) struct Store {
    primary: Database,
    limits: HashMap<u32, Thresholds>,
    limits_until: Option<Instant>,
}

impl Store {
    /// Nothing is read before the first use.
    pub(crate) fn new(primary: Database) -> Self {
        Self {
            primary,
            limits: HashMap::new(),
            limits_until: None,
        }
    }

    /// Stores a batch of distinct readings ordered by id. On an error nothing or everything was stored;
    /// storing again is harmless.
    pub(crate) async fn readings(&mut self, readings: &[Reading]) -> Result<Stored, PostgresError> {
        let deadline = Instant::now() + COMMIT_WITHIN;
        within(deadline, async {
            let mut lease = self.primary.lease().await?;
            self.refresh_limits(&lease).await?;
            let transaction = lease.transaction().await?;
            let fresh = insert(&transaction, readings).await?;
            let fresh: Vec<_> = readings
                .iter()
                .filter(|reading| fresh.contains(&reading.reading_id))
                .cloned()
                .collect();
            let alerts = self.raise(&transaction, &fresh).await?;
            transaction.commit().await?;
            lease.give_back();
            Ok(Stored {
                readings: fresh,
                alerts,
            })
        })
        .await
    }

    /// Raises the alerts of readings that the api stored itself.
    pub(crate) async fn leftovers(&mut self) -> Result<Stored, PostgresError> {
        let deadline = Instant::now() + COMMIT_WITHIN;
        within(deadline, async {
            let mut lease = self.primary.lease().await?;
            self.refresh_limits(&lease).await?;
            let transaction = lease.transaction().await?;
            let statement = transaction.prepare_cached(UNEVALUATED).await?;
            let rows = transaction.query(&statement, &[&LEFTOVERS]).await?;
            let readings: Vec<_> = rows.iter().map(reading).collect::<Result<_, _>>()?;
            if readings.is_empty() {
                transaction.rollback().await?;
                lease.give_back();
                return Ok(Stored::default());
            }
            let alerts = self.raise(&transaction, &readings).await?;
            let ids: Vec<_> = readings.iter().map(|reading| reading.reading_id).collect();
            let statement = transaction.prepare_cached(EVALUATED).await?;
            transaction.execute(&statement, &[&ids]).await?;
            transaction.commit().await?;
            lease.give_back();
            Ok(Stored { readings, alerts })
        })
        .await
    }

    async fn raise(
        &self,
        transaction: &Transaction<'_>,
        readings: &[Reading],
    ) -> Result<Vec<Alert>, PostgresError> {
        let alerts = readings.iter().flat_map(|reading| {
            let limits = self.limits.get(&reading.patient_id);
            raised(reading, &limits.copied().unwrap_or_default())
        });
        let alerts: Vec<NewAlert> = alerts.collect();
        if alerts.is_empty() {
            return Ok(Vec::new());
        }
        let statement = transaction.prepare_cached(ALERTS).await?;
        let ids: Vec<_> = alerts.iter().map(|alert| alert.reading_id).collect();
        let patients: Vec<_> = alerts
            .iter()
            .map(|alert| alert.patient_id.cast_signed())
            .collect();
        let wards: Vec<_> = alerts
            .iter()
            .map(|alert| alert.ward.cast_signed())
            .collect();
        let kinds: Vec<_> = alerts.iter().map(|alert| alert.kind).collect();
        let values: Vec<_> = alerts.iter().map(|alert| alert.value).collect();
        let rows = transaction
            .query(&statement, &[&ids, &patients, &wards, &kinds, &values])
            .await?;
        Ok(rows.iter().map(alert).collect::<Result<_, _>>()?)
    }

    async fn refresh_limits(&mut self, lease: &Lease) -> Result<(), PostgresError> {
        let now = Instant::now();
        if self.limits_until.is_some_and(|until| now < until) {
            return Ok(());
        }
        let statement = lease.prepare_cached(LIMITS).await?;
        for row in lease.query(&statement, &[]).await? {
            let limits = Thresholds {
                heart_rate_low: row.try_get("heart_rate_low")?,
                heart_rate_high: row.try_get("heart_rate_high")?,
                spo2_low: row.try_get("spo2_low")?,
                systolic_high: row.try_get("systolic_high")?,
            };
            self.limits
                .insert(row.try_get::<_, i32>("id")?.cast_unsigned(), limits);
        }
        self.limits_until = Some(now + LIMITS_FOR);
        Ok(())
    }
}

/// The ids that were not there before.
async fn insert(
    transaction: &Transaction<'_>,
    readings: &[Reading],
) -> Result<HashSet<Uuid>, PostgresError> {
    let statement = transaction.prepare_cached(READINGS).await?;
    let ids: Vec<_> = readings.iter().map(|reading| reading.reading_id).collect();
    let patients: Vec<_> = readings
        .iter()
        .map(|reading| reading.patient_id.cast_signed())
        .collect();
    let times: Vec<_> = readings.iter().map(|reading| reading.taken_at_ms).collect();
    let heart_rates: Vec<_> = readings.iter().map(|reading| reading.heart_rate).collect();
    let spo2s: Vec<_> = readings.iter().map(|reading| reading.spo2).collect();
    let systolics: Vec<_> = readings.iter().map(|reading| reading.systolic).collect();
    let rows = transaction
        .query(
            &statement,
            &[&ids, &patients, &times, &heart_rates, &spo2s, &systolics],
        )
        .await?;
    let mut fresh = HashSet::with_capacity(rows.len());
    for row in rows {
        if row.try_get("fresh")? {
            fresh.insert(row.try_get("reading_id")?);
        }
    }
    Ok(fresh)
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

/// An alert from a row with `raised_at_ms` computed.
pub(crate) fn alert(row: &Row) -> Result<Alert, tokio_postgres::Error> {
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
