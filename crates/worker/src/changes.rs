//! Changes of thresholds, from their queue to the database. Each names its version, so that order and repetition do not
//! matter: an older one never replaces a newer one.

use std::time::Duration;

use service_kit::backoff::Backoff;
use service_kit::consumer::{Message, Reason, Rejects, acknowledge};
use service_kit::postgres::{Database, within};
use service_kit::record;
use service_kit::redis_link::RedisLink;
use tokio::sync::mpsc;
use tokio::time::Instant;
use wire::Patient;

use crate::limits::Limits;
use crate::metrics::Counters;

/// A commit waits for one replica; beyond this the primary is gone or frozen.
const COMMIT_WITHIN: Duration = Duration::from_secs(1);
/// Waits between attempts while the database is away.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Applies them.
pub(crate) struct Changes {
    pub(crate) primary: Database,
    pub(crate) redis: RedisLink,
    pub(crate) limits: Limits,
    pub(crate) counters: Counters,
    pub(crate) rejects: Rejects,
}

impl Changes {
    /// Applies changes until the channel ends. What this worker does not finish the broker delivers to another.
    pub(crate) async fn run(self, mut deliveries: mpsc::Receiver<Message>) {
        while let Some(delivery) = deliveries.recv().await {
            match serde_json::from_slice(&delivery.data) {
                Ok(patient) => {
                    self.apply(&patient).await;
                    acknowledge(&delivery).await;
                }
                Err(error) => {
                    let unreadable = Reason::Unreadable;
                    self.rejects.reject(&delivery, unreadable, error).await;
                }
            }
        }
    }

    /// Tries until it works. Readings are compared with the new limits from the first attempt on.
    async fn apply(&self, patient: &Patient) {
        self.limits
            .learn([(patient.id, (patient.version, patient.thresholds))]);
        let mut backoff = Backoff::new(RETRY.0, RETRY.1);
        loop {
            let deadline = Instant::now() + COMMIT_WITHIN;
            match within(deadline, record::store(&self.primary, patient)).await {
                Ok(()) => break,
                Err(error) => tracing::debug!(%error, "thresholds not stored"),
            }
            backoff.wait().await;
        }
        self.counters.changes.inc();
        // Whoever promised it may have failed to show it.
        if let Err(error) = record::cache(&self.redis, patient, record::STORED_FOR).await {
            tracing::debug!(%error, "not cached");
        }
    }
}
