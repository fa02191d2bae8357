//! Publishing with a deadline: a message counts when a quorum of brokers confirmed it. When the first try is
//! slow, the same message goes to another queue through another broker, and the first confirmation wins;
//! consumers know duplicates by the message's id.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Confirmation};
use prometheus::IntCounterVec;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::breaker::Breaker;
use crate::broker::{Brokers, Link, Live};
use crate::budget::RetryBudget;
use crate::hedge::{self, Unanswered};
use crate::metrics::Metrics;

/// A confirmation takes a few milliseconds. Waiting longer than this for one is worse than a duplicate, which costs the brokers as much
/// as the message: with half of this patience, here and before a reading goes to Postgres, every fifth came twice while the
/// processors were short.
pub(crate) const HEDGE_AFTER: Duration = Duration::from_millis(60);
/// A late confirmation is still awaited, to know that the path works again; then it is forgotten.
const FORGET_AFTER: Duration = Duration::from_secs(10);
/// Slow confirmations in a row after which a broker or queue is tried last.
const SLOW: u32 = 2;
/// For how long it is tried last.
const AVOID_FOR: Duration = Duration::from_millis(500);
/// Survives a broker's restart.
const PERSISTENT: u8 = 2;

/// Why nothing was confirmed.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// No broker is connected.
    #[error("no broker is connected")]
    NoBroker,
    /// Every broker that was tried refused or broke off.
    #[error("no broker took the message")]
    Refused,
    /// Nothing was confirmed in time.
    #[error("no broker confirmed in time")]
    Deadline,
}

/// Publishes to a set of equivalent queues. Copies share what they learned.
#[derive(Clone)]
pub struct Publisher {
    shared: Arc<Shared>,
}

struct Shared {
    brokers: Brokers,
    queues: &'static [&'static str],
    turn: AtomicUsize,
    broker_health: Vec<Mutex<Breaker>>,
    queue_health: Vec<Mutex<Breaker>>,
    results: IntCounterVec,
    budget: RetryBudget,
}

/// A broker and a queue, by number.
type Path = (usize, usize);

impl Publisher {
    /// Publishes to any of `queues`; counts in `publishes_total{result}`.
    pub fn new(
        brokers: Brokers,
        queues: &'static [&'static str],
        metrics: &Metrics,
    ) -> Result<Self, prometheus::Error> {
        let help = "Messages by result: confirmed (first try), hedged (a later try), failed.";
        let results = metrics.counters("publishes_total", help, &["result"])?;
        for result in ["confirmed", "hedged", "failed"] {
            results.with_label_values(&[result]);
        }
        Ok(Self::through(brokers, queues, results))
    }

    /// Publishes to other queues through the same brokers, and counts in the same counters. What is learned of slow
    /// brokers is its own.
    pub fn to_others(&self, queues: &'static [&'static str]) -> Self {
        let shared = &self.shared;
        Self::through(shared.brokers.clone(), queues, shared.results.clone())
    }

    fn through(brokers: Brokers, queues: &'static [&'static str], results: IntCounterVec) -> Self {
        let healthy = |count: usize| {
            let breakers = (0..count).map(|_| Mutex::new(Breaker::new(SLOW, AVOID_FOR)));
            breakers.collect()
        };
        Self {
            shared: Arc::new(Shared {
                broker_health: healthy(brokers.links().len()),
                queue_health: healthy(queues.len()),
                brokers,
                queues,
                turn: AtomicUsize::new(0),
                results,
                budget: RetryBudget::new(),
            }),
        }
    }

    /// Whether any broker takes messages now. Where none does, a message waits until one does again: who has another way should
    /// take that first.
    pub fn flows(&self) -> bool {
        let links = self.shared.brokers.links();
        links.iter().any(Link::takes_messages)
    }

    /// Returns once a quorum has the message, or at the deadline.
    pub async fn publish(
        &self,
        id: &str,
        payload: Bytes,
        deadline: Instant,
    ) -> Result<(), PublishError> {
        let published = self.hedged(id, payload, deadline).await;
        let result = match &published {
            Ok(0) => "confirmed",
            Ok(_) => "hedged",
            Err(_) => "failed",
        };
        self.shared.results.with_label_values(&[result]).inc();
        published.map(|_| ())
    }

    /// The number of the try that was confirmed first.
    async fn hedged(
        &self,
        id: &str,
        payload: Bytes,
        deadline: Instant,
    ) -> Result<usize, PublishError> {
        let tries = self.shared.paths().into_iter().map(|path| {
            let task = self.shared.clone().spawn(path, id, payload.clone());
            async move { task.await.unwrap_or(false).then_some(()) }
        });
        let after = self.shared.brokers.hedge_after;
        match hedge::first_of(tries, after, deadline, &self.shared.budget).await {
            Ok((number, ())) => Ok(number),
            Err(Unanswered::NothingToTry) => Err(PublishError::NoBroker),
            Err(Unanswered::AllFailed) => Err(PublishError::Refused),
            Err(Unanswered::Deadline) => Err(PublishError::Deadline),
        }
    }
}

impl Shared {
    /// Each connected broker once, paired with different queues; paths that take nothing or were slow lately come last.
    fn paths(&self) -> Vec<Path> {
        let now = Instant::now();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let links = self.brokers.links();
        let up = |index: &usize| links[*index].is_up();
        let brokers = preferred(turn, self.broker_health.len(), |index| {
            !links[index].takes_messages() || lock(&self.broker_health[index]).is_open_at(now)
        });
        let queues = preferred(turn, self.queues.len(), |index| {
            lock(&self.queue_health[index]).is_open_at(now)
        });
        let brokers = brokers.into_iter().filter(up);
        brokers.zip(queues.into_iter().cycle()).collect()
    }

    /// One try as a task of its own: its outcome teaches something even after nobody waits for it.
    fn spawn(self: Arc<Self>, path: Path, id: &str, payload: Bytes) -> JoinHandle<bool> {
        let properties = BasicProperties::default()
            .with_delivery_mode(PERSISTENT)
            .with_message_id(id.into());
        tokio::spawn(async move {
            let Some(live) = self.brokers.links()[path.0].live() else {
                return false;
            };
            let mut sent = std::pin::pin!(confirmed(
                &self.brokers,
                &live,
                self.queues[path.1],
                &payload,
                properties
            ));
            let in_time = tokio::time::timeout(HEDGE_AFTER, sent.as_mut()).await;
            let confirmed = match in_time {
                Ok(confirmed) => confirmed,
                Err(_) => {
                    self.note(path, false);
                    tokio::time::timeout(FORGET_AFTER, sent)
                        .await
                        .unwrap_or(false)
                }
            };
            self.note(path, confirmed);
            confirmed
        })
    }

    fn note(&self, (broker, queue): Path, well: bool) {
        let now = Instant::now();
        for health in [&self.broker_health[broker], &self.queue_health[queue]] {
            match well {
                true => lock(health).succeeded(),
                false => {
                    lock(health).failed(now);
                }
            }
        }
    }
}

/// Publishes to one queue through one broker; whether a quorum has the message.
pub(crate) async fn confirmed(
    brokers: &Brokers,
    live: &Live,
    queue: &str,
    payload: &[u8],
    properties: BasicProperties,
) -> bool {
    let options = BasicPublishOptions {
        mandatory: true,
        ..BasicPublishOptions::default()
    };
    let published =
        live.publish
            .basic_publish("".into(), queue.into(), options, payload, properties);
    let confirmation = match published.await {
        Ok(confirm) => confirm.await,
        Err(error) => Err(error),
    };
    match confirmation {
        Ok(Confirmation::Ack(None)) => true,
        Ok(Confirmation::Ack(Some(_)) | Confirmation::Nack(Some(_))) => {
            tracing::warn!(queue, "message came back: queue missing");
            brokers.doubt_queues();
            false
        }
        Ok(_) => false,
        Err(error) => {
            tracing::debug!(%error, "publish");
            false
        }
    }
}

fn lock(breaker: &Mutex<Breaker>) -> MutexGuard<'_, Breaker> {
    breaker.lock().unwrap_or_else(PoisonError::into_inner)
}

/// `0..count` starting at `turn`, with those to avoid moved to the end.
fn preferred(turn: usize, count: usize, avoid: impl Fn(usize) -> bool) -> Vec<usize> {
    let mut order: Vec<_> = (0..count).map(|step| (turn + step) % count).collect();
    order.sort_by_key(|index| avoid(*index));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_rotate_and_slow_ones_come_last() {
        assert_eq!(preferred(4, 3, |_| false), [1, 2, 0]);
        assert_eq!(preferred(4, 3, |index| index == 1), [2, 0, 1]);
        assert_eq!(preferred(0, 3, |_| true), [0, 1, 2]);
        assert_eq!(preferred(9, 0, |_| false), Vec::<usize>::new());
    }
}
