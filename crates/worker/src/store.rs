//! One transaction for a batch: readings exactly once, and the alerts that they raised.

use std::collections::BTreeMap;
use std::time::Duration;

use deadpool_postgres::Transaction;
use service_kit::postgres::{Database, PostgresError, within};
use tokio::time::Instant;
use wire::{Alert, Reading};

/// A commit waits for one replica; beyond this the primary is gone or frozen.
const COMMIT_WITHIN: Duration = Duration::from_secs(1);

/// A reading that is there already is touched, not skipped: the commit then waits for a replica even when
/// nothing is new, so that a message is never acknowledged for a row which only a cut-off primary has.
const READINGS: &str = "INSERT INTO readings \
    (reading_id, patient_id, taken_at_ms, heart_rate, spo2, systolic) \
    SELECT * FROM unnest($1::uuid[], $2::int[], $3::bigint[], $4::int[], $5::int[], $6::int[]) \
    ON CONFLICT (reading_id) DO UPDATE SET stored_at = readings.stored_at \
    RETURNING (xmax = 0) AS fresh";

/// The first to raise an alert says when; an announcement counts whoever made it.
const ALERTS: &str = "INSERT INTO alerts \
    (id, reading_id, patient_id, ward, kind, value, raised_at, announced_at) \
    SELECT id, reading_id, patient_id, ward, kind, value, to_timestamp(raised_at_ms / 1000.0), \
        CASE WHEN told THEN now() END \
    FROM unnest($1::uuid[], $2::uuid[], $3::int[], $4::int[], $5::text[], $6::int[], \
        $7::bigint[], $8::bool[]) \
        AS raised (id, reading_id, patient_id, ward, kind, value, raised_at_ms, told) \
    ON CONFLICT (id) DO UPDATE \
        SET announced_at = coalesce(alerts.announced_at, excluded.announced_at)";

/// An alert that was raised.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Raised {
    pub(crate) alert: Alert,
    /// Whether it is announced for sure. If not, the sweep does it.
    pub(crate) told: bool,
}

/// Writes to the primary.
pub(crate) struct Store {
    pub(crate) primary: Database,
}

impl Store {
    /// Stores a batch of distinct readings ordered by id, and what they raised; the number of readings that are new.
    /// On an error nothing or everything was stored; storing again is harmless.
    pub(crate) async fn readings(
        &self,
        readings: &[Reading],
        raised: &[Raised],
    ) -> Result<usize, PostgresError> {
        within(Instant::now() + COMMIT_WITHIN, async {
            let mut lease = self.primary.lease().await?;
            let transaction = lease.transaction().await?;
            let fresh = insert_readings(&transaction, readings).await?;
            insert_alerts(&transaction, raised).await?;
            transaction.commit().await?;
            lease.give_back();
            Ok(fresh)
        })
        .await
    }
}

/// The number of those that were not there before.
async fn insert_readings(
    transaction: &Transaction<'_>,
    readings: &[Reading],
) -> Result<usize, PostgresError> {
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
    let mut fresh = 0;
    for row in rows {
        fresh += usize::from(row.try_get::<_, bool>("fresh")?);
    }
    Ok(fresh)
}

/// Keeps the record of what was raised.
pub(crate) async fn insert_alerts(
    transaction: &Transaction<'_>,
    raised: &[Raised],
) -> Result<(), PostgresError> {
    let raised = distinct(raised);
    if raised.is_empty() {
        return Ok(());
    }
    let (mut ids, mut readings, mut patients, mut wards) = (vec![], vec![], vec![], vec![]);
    let (mut kinds, mut values, mut times, mut told) = (vec![], vec![], vec![], vec![]);
    for one in &raised {
        ids.push(one.alert.id);
        readings.push(one.alert.reading_id);
        patients.push(one.alert.patient_id.cast_signed());
        wards.push(one.alert.ward.cast_signed());
        kinds.push(one.alert.kind.as_str());
        values.push(one.alert.value);
        times.push(one.alert.raised_at_ms);
        told.push(one.told);
    }
    let statement = transaction.prepare_cached(ALERTS).await?;
    transaction
        .execute(
            &statement,
            &[
                &ids, &readings, &patients, &wards, &kinds, &values, &times, &told,
            ],
        )
        .await?;
    Ok(())
}

/// Each alert once, ordered by id, as a row can be written only once by a statement; one that was told is told.
fn distinct(raised: &[Raised]) -> Vec<Raised> {
    let mut by_id: BTreeMap<_, Raised> = BTreeMap::new();
    for one in raised {
        let known = by_id.entry(one.alert.id).or_insert_with(|| one.clone());
        known.told |= one.told;
    }
    by_id.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn raised(id: u128, told: bool) -> Raised {
        Raised {
            alert: Alert {
                id: Uuid::from_u128(id),
                reading_id: Uuid::nil(),
                patient_id: 1,
                ward: 1,
                kind: "spo2-low".into(),
                value: 80,
                raised_at_ms: 5,
            },
            told,
        }
    }

    #[test]
    fn an_alert_that_came_twice_is_written_once_and_told_if_either_was() {
        let all = [
            raised(3, false),
            raised(1, true),
            raised(3, true),
            raised(1, false),
        ];
        assert_eq!(distinct(&all), [raised(1, true), raised(3, true)]);
        assert_eq!(distinct(&[]), []);
    }
}
