//! Every patient's limits in memory, so that a reading is compared without asking anybody. While the database is away
//! the last known ones count.

use std::collections::HashMap;
use std::time::Duration;

use service_kit::postgres::{Database, PostgresError, within};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};
use wire::Thresholds;

/// A change of a patient's limits is seen within this time.
const EVERY: Duration = Duration::from_secs(2);
/// All limits are a few milliseconds' work.
const READ_WITHIN: Duration = Duration::from_millis(500);

const LIMITS: &str =
    "SELECT id, version, heart_rate_low, heart_rate_high, spo2_low, systolic_high FROM patients";

/// A patient's limits and their version.
type Versioned = (i64, Thresholds);

/// What is known. Copies share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Limits(watch::Sender<HashMap<u32, Versioned>>);

impl Limits {
    /// A patient's limits; the usual ones for a patient whom nobody has told of.
    pub(crate) fn of(&self, patient: u32) -> Thresholds {
        let known = self.0.borrow().get(&patient).copied();
        known.map(|(_, limits)| limits).unwrap_or_default()
    }

    /// Takes note of limits unless newer ones are known: a replica may be behind, and a change may be on its way.
    pub(crate) fn learn(&self, all: impl IntoIterator<Item = (u32, Versioned)>) {
        self.0.send_modify(|known| {
            for (patient, limits) in all {
                let old = known.entry(patient).or_insert(limits);
                if old.0 <= limits.0 {
                    *old = limits;
                }
            }
        });
    }

    /// Returns once any are known.
    pub(crate) async fn known(&self) {
        // The sender lives as long as this borrow of it.
        let _ = self.0.subscribe().wait_for(|known| !known.is_empty()).await;
    }

    /// Keeps them current, for ever: from a replica, else from the primary.
    pub(crate) async fn follow(self, replica: Database, primary: Database) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            for database in [&replica, &primary] {
                match within(Instant::now() + READ_WITHIN, select(database)).await {
                    Ok(limits) => {
                        self.learn(limits);
                        break;
                    }
                    Err(error) => tracing::debug!(%error, "limits"),
                }
            }
        }
    }
}

async fn select(database: &Database) -> Result<Vec<(u32, Versioned)>, PostgresError> {
    let lease = database.lease().await?;
    let statement = lease.prepare_cached(LIMITS).await?;
    let rows = lease.query(&statement, &[]).await?;
    lease.give_back();
    let mut all = Vec::with_capacity(rows.len());
    for row in &rows {
        let limits = Thresholds {
            heart_rate_low: row.try_get("heart_rate_low")?,
            heart_rate_high: row.try_get("heart_rate_high")?,
            spo2_low: row.try_get("spo2_low")?,
            systolic_high: row.try_get("systolic_high")?,
        };
        let patient = row.try_get::<_, i32>("id")?.cast_unsigned();
        all.push((patient, (row.try_get("version")?, limits)));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(spo2_low: i32) -> Thresholds {
        Thresholds {
            spo2_low,
            ..Thresholds::default()
        }
    }

    #[test]
    fn newer_limits_stay_when_older_ones_come_later() {
        let known = Limits::default();
        known.learn([(7, (2, limits(80)))]);
        known.learn([(7, (1, limits(70))), (8, (1, limits(60)))]);
        assert_eq!((known.of(7).spo2_low, known.of(8).spo2_low), (80, 60));
        known.learn([(7, (3, limits(75)))]);
        assert_eq!(known.of(7).spo2_low, 75);
    }

    #[tokio::test(start_paused = true)]
    async fn without_any_limits_one_waits_and_a_stranger_has_the_usual_ones() {
        let known = Limits::default();
        assert_eq!(known.of(9), Thresholds::default());
        let waited = tokio::time::timeout(Duration::from_secs(60), known.known());
        assert!(waited.await.is_err());
        known.learn([(7, (1, limits(80)))]);
        known.known().await;
    }
}
