//! What is done with a reading as soon as it is here: it is compared with its patient's limits, its alerts are announced,
//! and the live servers get it. It is durable already, in its queue, so none of that waits for the database.

use std::time::Duration;

use lapin::message::Delivery;
use service_kit::consumer::{Reason, Rejects};
use service_kit::wall;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use wire::{Alert, Reading};

use crate::alerts::raised;
use crate::announce::Announcer;
use crate::batch;
use crate::limits::Limits;

/// How long a reading waits for others with which it is told to the live servers.
const LINGER: Duration = Duration::from_millis(20);

/// A reading on its way to the database.
pub(crate) struct Taken {
    pub(crate) delivery: Delivery,
    pub(crate) reading: Reading,
    pub(crate) announcing: Option<Announcing>,
}

/// A reading's alerts; the task says whether they are announced for sure.
pub(crate) struct Announcing {
    pub(crate) alerts: Vec<Alert>,
    pub(crate) told: JoinHandle<bool>,
}

/// Takes readings until the channel of deliveries ends.
pub(crate) struct Intake {
    pub(crate) limits: Limits,
    pub(crate) announcer: Announcer,
    pub(crate) rejects: Rejects,
    /// Has room for everything that may be delivered: announcing never waits for storing.
    pub(crate) storing: mpsc::Sender<Taken>,
}

impl Intake {
    pub(crate) async fn run(self, mut deliveries: mpsc::Receiver<Delivery>) {
        // A worker that knows no limits leaves readings to those that do.
        self.limits.known().await;
        while let Some(batch) = batch::gather(&mut deliveries, LINGER).await {
            let mut readings = Vec::with_capacity(batch.len());
            for delivery in batch {
                let Some(taken) = self.take(delivery).await else {
                    continue;
                };
                readings.push(taken.reading.clone());
                if self.storing.send(taken).await.is_err() {
                    return;
                }
            }
            let published = self.announcer.live.vitals(&readings).await;
            self.announcer.counters.live(published);
        }
    }

    /// The reading, with its alerts being announced; `None` for a message that nobody can read.
    async fn take(&self, delivery: Delivery) -> Option<Taken> {
        let reading = match batch::parse(&delivery.data) {
            Ok(reading) => reading,
            Err(why) => {
                let unreadable = Reason::Unreadable;
                self.rejects.reject(&delivery, unreadable, why).await;
                return None;
            }
        };
        let limits = self.limits.of(reading.patient_id);
        let alerts = raised(&reading, &limits, wall::unix_ms());
        Some(Taken {
            delivery,
            reading,
            announcing: (!alerts.is_empty()).then(|| self.announce(alerts)),
        })
    }

    fn announce(&self, alerts: Vec<Alert>) -> Announcing {
        self.announcer.counters.raised.inc_by(alerts.len() as u64);
        let (announcer, told) = (self.announcer.clone(), alerts.clone());
        Announcing {
            alerts,
            told: tokio::spawn(async move { announcer.announce(&told).await }),
        }
    }
}
