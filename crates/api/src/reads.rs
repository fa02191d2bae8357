//! Reading from Postgres: a replica answers, and the primary when the replica is slow or gone.

use std::sync::PoisonError;
use std::time::Duration;

use service_kit::hedge::{self, Unanswered};
use service_kit::postgres::{Database, PostgresError, within};
use tokio::time::Instant;
use tokio_postgres::Row;
use wire::{Alert, Reading};

use crate::server::Api;

/// A replica answers in a few milliseconds; after this the primary is asked as well.
const HEDGE_AFTER: Duration = Duration::from_millis(30);
/// Pause before both are asked again: longer than a query takes, after which a connection is free.
const AGAIN_AFTER: Duration = Duration::from_millis(20);
/// A read that nobody waits for any more may still finish, which keeps its connection usable.
const FINISH_WITHIN: Duration = Duration::from_secs(1);

/// Columns of a reading under the alias `r`, for [`reading`].
pub(crate) const READING: &str =
    "r.reading_id, r.patient_id, r.taken_at_ms, r.heart_rate, r.spo2, r.systolic";

impl Api {
    /// The result of `query` on the first server that gives one by the deadline, and that server's name. Servers that fail are asked
    /// again while there is time: who has the last try has it, and a pool that is empty now is not so for long.
    pub(crate) async fn read<T, F, Fut>(&self, by: Instant, query: F) -> Option<(T, &'static str)>
    where
        T: Send + 'static,
        F: Fn(Database) -> Fut,
        Fut: Future<Output = Result<T, PostgresError>> + Send + 'static,
    {
        let answer = hedge::again(AGAIN_AFTER, by, || self.read_once(by, &query));
        answer.await.ok()
    }

    async fn read_once<T, F, Fut>(
        &self,
        by: Instant,
        query: &F,
    ) -> Result<(T, &'static str), Unanswered>
    where
        T: Send + 'static,
        F: Fn(Database) -> Fut,
        Fut: Future<Output = Result<T, PostgresError>> + Send + 'static,
    {
        let now = Instant::now();
        let replica = ("replica", self.replica.clone());
        let primary = ("primary", self.primary.clone());
        let replica_first = self.replica_breaker().allows(now);
        let order = match replica_first {
            true => [replica, primary],
            false => [primary, replica],
        };
        let names = [order[0].0, order[1].0];
        let tries = order.into_iter().map(|(name, database)| {
            let task = tokio::spawn(within(now + FINISH_WITHIN, query(database)));
            async move {
                match task.await {
                    Ok(Ok(value)) => Some(value),
                    Ok(Err(error)) => {
                        tracing::debug!(%error, name, "read");
                        None
                    }
                    Err(_) => None,
                }
            }
        });
        let answer = hedge::first_of(tries, HEDGE_AFTER, by, &self.hedges).await;
        let source = match &answer {
            Ok((number, _)) => names[*number],
            Err(_) => "none",
        };
        self.counters.reads.with_label_values(&[source]).inc();
        if source == "replica" {
            self.replica_breaker().succeeded();
        } else if replica_first {
            self.replica_breaker().failed(Instant::now());
        }
        answer.map(|(_, value)| (value, source))
    }

    fn replica_breaker(&self) -> std::sync::MutexGuard<'_, service_kit::breaker::Breaker> {
        self.replica_breaker
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reading from a row that has the columns of [`READING`]; `None` when an outer join found none.
pub(crate) fn reading(row: &Row) -> Result<Option<Reading>, PostgresError> {
    let Some(reading_id) = row.try_get("reading_id")? else {
        return Ok(None);
    };
    Ok(Some(Reading {
        reading_id,
        patient_id: row.try_get::<_, i32>("patient_id")?.cast_unsigned(),
        taken_at_ms: row.try_get("taken_at_ms")?,
        heart_rate: row.try_get("heart_rate")?,
        spo2: row.try_get("spo2")?,
        systolic: row.try_get("systolic")?,
    }))
}

/// An alert from a row of the table, with `raised_at_ms` computed.
pub(crate) fn alert(row: &Row) -> Result<Alert, PostgresError> {
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
