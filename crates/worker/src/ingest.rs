//! From the queues to the tables: a message is acknowledged only after its reading was committed.

use std::time::Duration;

use service_kit::backoff::Backoff;
use service_kit::consumer::{Message, acknowledge_all};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wire::Reading;

use crate::batch;
use crate::intake::Taken;
use crate::metrics::Counters;
use crate::store::{Raised, Store};

/// Waits between attempts to store a batch while the database is away.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// The queue keeps a reading as well as a table does, so many share a commit, which costs the primary and two replicas a write, and
/// an acknowledgement, which costs three brokers one.
const LINGER: Duration = Duration::from_secs(1);
/// A reading that raised an alert waits no longer than this: a live server that was not told finds the alert in the database.
const LINGER_WITH_ALERT: Duration = Duration::from_millis(200);

/// Stores what was taken until the channel ends.
pub(crate) struct Ingest {
    pub(crate) store: Store,
    pub(crate) counters: Counters,
    /// Ends the patience with a database that is away; the broker delivers again.
    pub(crate) closing: CancellationToken,
}

impl Ingest {
    pub(crate) async fn run(self, mut taken: mpsc::Receiver<Taken>) {
        let linger = |taken: &Taken| match taken.announcing {
            Some(_) => LINGER_WITH_ALERT,
            None => LINGER,
        };
        while let Some(batch) = batch::gather(&mut taken, linger).await {
            let (messages, readings, raised) = settle(batch).await;
            let readings = batch::distinct(readings);
            let began = Instant::now();
            let Some(fresh) = self.persist(&readings, &raised).await else {
                return;
            };
            // Those before them were stored before them, or are dead letters.
            acknowledge_all(&messages).await;
            let duplicates = messages.len() - fresh;
            self.counters.batch(began.elapsed(), fresh, duplicates);
            self.counters.announced("direct", &raised);
        }
    }

    /// Tries until it works; the number of readings that are new, or `None` when the worker must end first.
    async fn persist(&self, readings: &[Reading], raised: &[Raised]) -> Option<usize> {
        let mut backoff = Backoff::new(RETRY.0, RETRY.1);
        loop {
            match self.store.readings(readings, raised).await {
                Ok(fresh) => return Some(fresh),
                Err(error) => {
                    tracing::debug!(%error, "batch not stored");
                    self.counters.batches.with_label_values(&["failed"]).inc();
                }
            }
            tokio::select! {
                () = backoff.wait() => {}
                () = self.closing.cancelled() => return None,
            }
        }
    }
}

/// Takes a batch apart, and learns which alerts are announced for sure.
async fn settle(batch: Vec<Taken>) -> (Vec<Message>, Vec<Reading>, Vec<Raised>) {
    let (mut messages, mut readings, mut raised) = (Vec::new(), Vec::new(), Vec::new());
    for taken in batch {
        messages.push(taken.message);
        readings.push(taken.reading);
        if let Some(announcing) = taken.announcing {
            // Quick: announcing has a deadline of its own, and began when the reading came.
            let told = announcing.told.await.unwrap_or(false);
            let alerts = announcing.alerts.into_iter();
            raised.extend(alerts.map(|alert| Raised { alert, told }));
        }
    }
    (messages, readings, raised)
}
