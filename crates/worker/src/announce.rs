//! Telling others of alerts: the live servers, and the queue of pages for staff. Nothing is stored before, so that no
//! alert waits for a database; whoever hears of one twice knows it by its id.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::join_all;
use service_kit::backoff::Backoff;
use service_kit::publisher::Publisher;
use tokio::time::Instant;
use wire::{Alert, Page};

use crate::live::Live;
use crate::metrics::Counters;

/// For a page's confirmation; the sweep repeats what failed.
const CONFIRM_WITHIN: Duration = Duration::from_secs(1);
/// How long the fan-out is tried while Redis is away. Later the live servers find the alert in the database.
const SHOW_WITHIN: Duration = Duration::from_secs(10);
/// Waits between these attempts.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(400));

/// Announces. Copies share the connections.
#[derive(Clone)]
pub(crate) struct Announcer {
    pub(crate) live: Arc<Live>,
    pub(crate) pages: Publisher,
    pub(crate) counters: Counters,
}

impl Announcer {
    /// Shows the alerts to clinicians and queues their pages; whether every page can't be lost any more.
    pub(crate) async fn announce(&self, alerts: &[Alert]) -> bool {
        if alerts.is_empty() {
            return true;
        }
        // At once, but not waited for: without Redis this takes long, and the database is the other way.
        tokio::spawn(self.clone().show(alerts.to_vec()));
        let deadline = Instant::now() + CONFIRM_WITHIN;
        let paged = join_all(alerts.iter().map(|alert| self.page(alert, deadline))).await;
        paged.into_iter().all(|paged| paged)
    }

    async fn show(self, alerts: Vec<Alert>) {
        let mut backoff = Backoff::new(RETRY.0, RETRY.1);
        let shown = tokio::time::timeout(SHOW_WITHIN, async {
            while !self.live.alerts(&alerts).await {
                backoff.wait().await;
            }
        });
        self.counters.live(shown.await.is_ok());
    }

    async fn page(&self, alert: &Alert, deadline: Instant) -> bool {
        let page = Page {
            alert: alert.clone(),
        };
        let Ok(payload) = serde_json::to_vec(&page) else {
            return false;
        };
        let id = alert.id.to_string();
        let published = self
            .pages
            .publish(&id, Bytes::from(payload), deadline)
            .await;
        if let Err(error) = &published {
            tracing::debug!(%error, "page not queued");
        }
        published.is_ok()
    }
}
