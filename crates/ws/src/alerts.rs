//! Alerts as Postgres keeps them: what the fan-out lost, and what is older than this process.

use std::sync::Arc;
use std::time::Duration;

use service_kit::budget::RetryBudget;
use service_kit::hedge;
use service_kit::postgres::{Database, PostgresError, within};
use tokio::time::Instant;
use tokio_postgres::Row;
use tokio_postgres::types::ToSql;
use wire::{Alert, WARDS};

/// A replica answers in milliseconds; after this the primary is asked as well.
const HEDGE_AFTER: Duration = Duration::from_millis(100);
/// Nobody waits for a sweep in person, but a resuming client does.
const ANSWER_WITHIN: Duration = Duration::from_millis(800);

/// A ward's alerts raised after a moment, in milliseconds since the Unix epoch.
const RESUME: &str = "SELECT number, id, reading_id, patient_id, ward, kind, value, \
    (extract(epoch FROM raised_at) * 1000)::bigint AS raised_at_ms \
    FROM alerts WHERE ward = $1 AND raised_at > to_timestamp($2::bigint / 1000.0) \
    ORDER BY raised_at LIMIT 1000";

/// Alerts of all wards stored after the one with a number.
const AFTER: &str = "SELECT number, id, reading_id, patient_id, ward, kind, value, \
    (extract(epoch FROM raised_at) * 1000)::bigint AS raised_at_ms \
    FROM alerts WHERE number > $1 ORDER BY number LIMIT 1000";

/// The last alert's number, and the latest time that any carries; zeros without any. Asked ward by ward, as the index
/// has them: the table may be long.
const LAST: &str = "SELECT (SELECT coalesce(max(number), 0) FROM alerts) AS number, \
    coalesce(ceil(extract(epoch FROM max(newest)) * 1000), 0)::bigint AS raised_at_ms \
    FROM generate_series(1, $1::int) AS w (ward), \
    LATERAL (SELECT max(raised_at) AS newest FROM alerts WHERE alerts.ward = w.ward) AS of_ward";

/// An alert as stored.
#[derive(Debug)]
pub(crate) struct StoredAlert {
    /// Grows as alerts are stored.
    pub(crate) number: i64,
    pub(crate) alert: Alert,
}

/// Where the stored alerts end.
#[derive(Debug)]
pub(crate) struct Last {
    /// Of the alert that was stored last.
    pub(crate) number: i64,
    /// The latest time that any alert carries: not the last one's, because the workers' clocks differ.
    pub(crate) raised_at_ms: i64,
}

/// Reads alerts from a replica, or from the primary when no replica answers.
#[derive(Clone)]
pub(crate) struct AlertStore {
    pub(crate) replica: Database,
    pub(crate) primary: Database,
    /// For asking the primary because the replica is slow.
    pub(crate) hedges: Arc<RetryBudget>,
}

impl AlertStore {
    /// A ward's alerts raised after `since_ms`, for a client that comes back.
    pub(crate) async fn resume(&self, ward: u32, since_ms: i64) -> Option<Vec<StoredAlert>> {
        let ward = ward.cast_signed();
        let rows = self
            .ask(move |database| async move { rows(database, RESUME, &[&ward, &since_ms]).await });
        alerts(&rows.await?)
    }

    /// All alerts stored after the one with this number, at most 1000.
    pub(crate) async fn after(&self, number: i64) -> Option<Vec<StoredAlert>> {
        let rows = self.ask(move |database| async move { rows(database, AFTER, &[&number]).await });
        alerts(&rows.await?)
    }

    /// Where the alerts end.
    pub(crate) async fn last(&self) -> Option<Last> {
        let wards = WARDS.cast_signed();
        let rows = self.ask(move |database| async move { rows(database, LAST, &[&wards]).await });
        let rows = rows.await?;
        let row = rows.first()?;
        Some(Last {
            number: row.try_get("number").ok()?,
            raised_at_ms: row.try_get("raised_at_ms").ok()?,
        })
    }

    async fn ask<F, Fut>(&self, query: F) -> Option<Vec<Row>>
    where
        F: Fn(Database) -> Fut,
        Fut: Future<Output = Result<Vec<Row>, PostgresError>>,
    {
        let deadline = Instant::now() + ANSWER_WITHIN;
        let tries = [self.replica.clone(), self.primary.clone()]
            .into_iter()
            .map(|database| {
                let asked = within(deadline, query(database));
                async move { asked.await.ok() }
            });
        let answer = hedge::first_of(tries, HEDGE_AFTER, deadline, &self.hedges).await;
        answer.ok().map(|(_, rows)| rows)
    }
}

async fn rows(
    database: Database,
    query: &str,
    parameters: &[&(dyn ToSql + Sync)],
) -> Result<Vec<Row>, PostgresError> {
    let lease = database.lease().await?;
    let statement = lease.prepare_cached(query).await?;
    let rows = lease.query(&statement, parameters).await?;
    lease.give_back();
    Ok(rows)
}

fn alerts(rows: &[Row]) -> Option<Vec<StoredAlert>> {
    let alerts: Result<_, tokio_postgres::Error> = rows.iter().map(alert).collect();
    if let Err(error) = &alerts {
        tracing::error!(%error, "alert cannot be read");
    }
    alerts.ok()
}

fn alert(row: &Row) -> Result<StoredAlert, tokio_postgres::Error> {
    Ok(StoredAlert {
        number: row.try_get("number")?,
        alert: Alert {
            id: row.try_get("id")?,
            reading_id: row.try_get("reading_id")?,
            patient_id: row.try_get::<_, i32>("patient_id")?.cast_unsigned(),
            ward: row.try_get::<_, i32>("ward")?.cast_unsigned(),
            kind: row.try_get("kind")?,
            value: row.try_get("value")?,
            raised_at_ms: row.try_get("raised_at_ms")?,
        },
    })
}
