//! What is done with a reading as soon as it is here: it is compared with its patient's limits, its alerts are announced,
//! and the live servers get it. It is durable already, in its queue, so none of that waits for the database.

use std::time::Duration;

use service_kit::consumer::{Message, Reason, Rejects};
use service_kit::wall;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use wire::{Alert, Reading};

use crate::alerts::raised;
use crate::announce::Announcer;
use crate::batch;
use crate::limits::Limits;

/// How long a reading waits for others with which it is told to the live servers, which show a ward's together every two seconds.
const LINGER: Duration = Duration::from_millis(200);
/// Readings that may wait for Redis; those that find no room are not shown, and the patient's next is.
const MOST_SHOWN: usize = 1000;

/// A reading on its way to the database.
pub(crate) struct Taken {
    pub(crate) message: Message,
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
    pub(crate) async fn run(self, mut messages: mpsc::Receiver<Message>) {
        // A worker that knows no limits leaves readings to those that do.
        self.limits.known().await;
        let (vitals, shown) = mpsc::channel(MOST_SHOWN);
        tokio::spawn(show(self.announcer.clone(), shown));
        while let Some(message) = messages.recv().await {
            let Some(taken) = self.take(message).await else {
                continue;
            };
            if vitals.try_send(taken.reading.clone()).is_err() {
                self.announcer.counters.live(false);
            }
            if self.storing.send(taken).await.is_err() {
                return;
            }
        }
    }

    /// The reading, with its alerts being announced; `None` for a message that nobody can read.
    async fn take(&self, message: Message) -> Option<Taken> {
        let reading = match batch::parse(&message.data) {
            Ok(reading) => reading,
            Err(why) => {
                let unreadable = Reason::Unreadable;
                self.rejects.reject(&message, unreadable, why).await;
                return None;
            }
        };
        let limits = self.limits.of(reading.patient_id);
        let alerts = raised(&reading, &limits, wall::unix_ms());
        Some(Taken {
            message,
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

/// Tells the live servers of readings, several at a time. Alerts don't come this way and wait for none of it.
async fn show(announcer: Announcer, mut readings: mpsc::Receiver<Reading>) {
    while let Some(batch) = batch::gather(&mut readings, |_| LINGER).await {
        let published = announcer.live.vitals(&batch).await;
        announcer.counters.live(published);
    }
}
