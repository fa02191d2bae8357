//! Telling others about what was stored: live servers, and the queue of pages for staff.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use service_kit::postgres::{Database, PostgresError, within};
use service_kit::publisher::Publisher;
use tokio::sync::mpsc;
use tokio::time::Instant;
use wire::{Alert, Page};

use crate::live::Live;
use crate::metrics::Counters;
use crate::store::{Stored, alert};

/// Nobody waits for a page's confirmation; the sweep repeats what failed.
const CONFIRM_WITHIN: Duration = Duration::from_secs(1);
/// For marking alerts as announced.
const MARK_WITHIN: Duration = Duration::from_secs(1);
/// How often alerts are looked for that nobody announced.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

const MARK: &str =
    "UPDATE alerts SET announced_at = now() WHERE id = ANY($1) AND announced_at IS NULL";

/// Two seconds: time enough for whoever raised them to announce them itself.
const UNANNOUNCED: &str = "SELECT id, reading_id, patient_id, ward, kind, value, \
    (extract(epoch FROM raised_at) * 1000)::bigint AS raised_at_ms \
    FROM alerts WHERE announced_at IS NULL AND raised_at < now() - interval '2 seconds' \
    ORDER BY id LIMIT 100 FOR UPDATE SKIP LOCKED";

/// Announces.
pub(crate) struct Announcer {
    pub(crate) live: Live,
    pub(crate) pages: Publisher,
    pub(crate) primary: Database,
    pub(crate) counters: Counters,
}

impl Announcer {
    /// Announces what comes, and once a second what was left behind, until the channel ends.
    pub(crate) async fn run(self, mut stored: mpsc::Receiver<Stored>) {
        let mut sweeps = tokio::time::interval(SWEEP_EVERY);
        sweeps.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                stored = stored.recv() => match stored {
                    Some(stored) => self.announce(&stored).await,
                    None => return,
                },
                _ = sweeps.tick() => if let Err(error) = self.sweep().await {
                    tracing::debug!(%error, "sweep of alerts");
                },
            }
        }
    }

    async fn announce(&self, stored: &Stored) {
        // Alerts first: somebody waits for them.
        let told =
            self.live.alerts(&stored.alerts).await & self.live.vitals(&stored.readings).await;
        self.counters.live(told);
        let ids = self.page(&stored.alerts).await;
        if ids.is_empty() {
            return;
        }
        match self.mark(&ids).await {
            Ok(()) => self.counters.announced("direct", ids.len()),
            Err(error) => tracing::debug!(%error, "alerts not marked"),
        }
    }

    /// Queues a page for each alert; the ids of those that are queued for sure.
    async fn page(&self, alerts: &[Alert]) -> Vec<i64> {
        let deadline = Instant::now() + CONFIRM_WITHIN;
        let published = alerts.iter().map(|alert| async move {
            let page = Page {
                alert: alert.clone(),
            };
            let payload = Bytes::from(serde_json::to_vec(&page).ok()?);
            let id = alert.id.to_string();
            self.pages.publish(&id, payload, deadline).await.ok()?;
            Some(alert.id)
        });
        join_all(published).await.into_iter().flatten().collect()
    }

    async fn mark(&self, ids: &[i64]) -> Result<(), PostgresError> {
        within(Instant::now() + MARK_WITHIN, async {
            let lease = self.primary.lease().await?;
            let statement = lease.prepare_cached(MARK).await?;
            lease.execute(&statement, &[&ids]).await?;
            lease.give_back();
            Ok(())
        })
        .await
    }

    /// Announces what a worker that died left behind. The rows stay locked meanwhile, so that no two workers
    /// announce the same.
    async fn sweep(&self) -> Result<(), PostgresError> {
        let deadline = Instant::now() + CONFIRM_WITHIN + MARK_WITHIN;
        let announced = within(deadline, async {
            let mut lease = self.primary.lease().await?;
            let transaction = lease.transaction().await?;
            let statement = transaction.prepare_cached(UNANNOUNCED).await?;
            let rows = transaction.query(&statement, &[]).await?;
            let alerts: Vec<_> = rows.iter().map(alert).collect::<Result<_, _>>()?;
            let mut ids = Vec::new();
            if !alerts.is_empty() {
                self.live.alerts(&alerts).await;
                ids = self.page(&alerts).await;
                let statement = transaction.prepare_cached(MARK).await?;
                transaction.execute(&statement, &[&ids]).await?;
            }
            transaction.commit().await?;
            lease.give_back();
            Ok(ids.len())
        })
        .await?;
        self.counters.announced("sweep", announced);
        Ok(())
    }
}
