//! From the queues to the tables: a message is acknowledged only after its reading was committed.

use std::time::Duration;

use lapin::message::Delivery;
use service_kit::backoff::Backoff;
use service_kit::consumer::{acknowledge, reject};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use wire::Reading;

use crate::batch;
use crate::metrics::Counters;
use crate::store::{Store, Stored};

/// Waits between attempts to store a batch while the database is away.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// How often readings are looked for that came past the queue, and how soon again after some were found.
const LEFTOVERS_EVERY: (Duration, Duration) =
    (Duration::from_millis(500), Duration::from_millis(50));

/// Stores batches until the channel of deliveries ends.
pub(crate) struct Ingest {
    pub(crate) store: Store,
    pub(crate) stored: mpsc::Sender<Stored>,
    pub(crate) counters: Counters,
    /// Ends the patience with a database that is away; the broker delivers again.
    pub(crate) closing: CancellationToken,
}

impl Ingest {
    pub(crate) async fn run(mut self, mut deliveries: mpsc::Receiver<Delivery>) {
        while let Some(batch) = batch::gather(&mut deliveries).await {
            let (deliveries, readings) = self.sort(batch).await;
            let readings = batch::distinct(readings);
            if readings.is_empty() {
                continue;
            }
            let began = Instant::now();
            let Some(stored) = self.persist(&readings).await else {
                return;
            };
            for delivery in &deliveries {
                acknowledge(delivery).await;
            }
            let duplicates = deliveries.len() - stored.readings.len();
            self.counters
                .batch(began.elapsed(), stored.readings.len(), duplicates);
            self.hand_on(stored);
        }
    }

    /// Separates messages that nobody can read.
    async fn sort(&self, batch: Vec<Delivery>) -> (Vec<Delivery>, Vec<Reading>) {
        let mut deliveries = Vec::with_capacity(batch.len());
        let mut readings = Vec::with_capacity(batch.len());
        for delivery in batch {
            match batch::parse(&delivery.data) {
                Ok(reading) => {
                    deliveries.push(delivery);
                    readings.push(reading);
                }
                Err(why) => {
                    tracing::warn!(why, "message is no reading");
                    self.counters.poison.inc();
                    reject(&delivery).await;
                }
            }
        }
        (deliveries, readings)
    }

    /// Tries until it works; `None` when the worker must end first.
    async fn persist(&mut self, readings: &[Reading]) -> Option<Stored> {
        let mut backoff = Backoff::new(RETRY.0, RETRY.1);
        loop {
            match self.store.readings(readings).await {
                Ok(stored) => return Some(stored),
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

    fn hand_on(&self, stored: Stored) {
        self.counters.raised.inc_by(stored.alerts.len() as u64);
        // Storing never waits for announcing: what does not fit is found by the sweep.
        if self.stored.try_send(stored).is_err() {
            self.counters.live(false);
        }
    }
}

/// Takes up readings that the api stored itself, for ever.
pub(crate) async fn leftovers(mut store: Store, stored: mpsc::Sender<Stored>, counters: Counters) {
    loop {
        let pause = match store.leftovers().await {
            Ok(found) if found.readings.is_empty() => LEFTOVERS_EVERY.0,
            Ok(found) => {
                counters.late.inc_by(found.readings.len() as u64);
                counters.raised.inc_by(found.alerts.len() as u64);
                if stored.send(found).await.is_err() {
                    return;
                }
                LEFTOVERS_EVERY.1
            }
            Err(error) => {
                tracing::debug!(%error, "leftovers");
                LEFTOVERS_EVERY.0
            }
        };
        tokio::time::sleep(pause).await;
    }
}
