//! Consuming queues through every broker at once, so that losing one broker leaves the others delivering.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions, BasicRejectOptions,
};
use lapin::types::FieldTable;
use prometheus::IntCounterVec;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::broker::{Brokers, Live};
use crate::metrics::Metrics;
use crate::queues;

/// How long a stopped consumer's channel stays open for acknowledgements.
const ACKNOWLEDGE_WITHIN: Duration = Duration::from_secs(10);
/// Tells the channels of this process apart, whatever brokers call them.
static CHANNELS: AtomicU64 = AtomicU64::new(0);

/// What to consume and how much of it at a time.
#[derive(Debug, Clone, Copy)]
pub struct Subscription {
    /// Each is consumed through each broker.
    pub queues: &'static [&'static str],
    /// Unacknowledged messages per queue and broker.
    pub prefetch: u16,
    /// Name shown by the broker.
    pub name: &'static str,
}

/// A message that waits for its acknowledgement.
#[derive(Debug)]
pub struct Message {
    delivery: Delivery,
    /// Of which consumer: its messages come in the order of their tags.
    channel: u64,
}

impl Deref for Message {
    type Target = Delivery;

    fn deref(&self) -> &Delivery {
        &self.delivery
    }
}

impl Brokers {
    /// Starts consuming until `stop`; the channel ends when everything that was delivered has been taken. What came through
    /// one broker from one queue is in the order in which it came.
    pub fn consume(
        &self,
        subscription: Subscription,
        stop: &CancellationToken,
    ) -> mpsc::Receiver<Message> {
        let room = usize::from(subscription.prefetch) * subscription.queues.len();
        let (sender, receiver) = mpsc::channel(room.max(1));
        for index in 0..self.links().len() {
            for queue in subscription.queues {
                let consumer = Consumer {
                    queue,
                    subscription,
                    sender: sender.clone(),
                    stop: stop.clone(),
                };
                tokio::spawn(consumer.follow(self.clone(), index));
            }
        }
        receiver
    }
}

/// Takes one queue's messages through one broker. Its channel is its own, so that one acknowledgement can stand for many.
struct Consumer {
    queue: &'static str,
    subscription: Subscription,
    sender: mpsc::Sender<Message>,
    stop: CancellationToken,
}

impl Consumer {
    /// Consumes whenever the broker is connected.
    async fn follow(self, brokers: Brokers, index: usize) {
        let mut live = brokers.links()[index].follow();
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
        loop {
            let current = tokio::select! {
                () = self.stop.cancelled() => return,
                current = live.wait_for(Option::is_some) => match current {
                    Ok(current) => current.clone(),
                    Err(_) => return,
                },
            };
            let Some(current) = current else { continue };
            if let Err(error) = self.consume(&current).await {
                tracing::debug!(%error, queue = self.queue, "consumer ended");
            }
            if self.stop.is_cancelled() {
                return;
            }
            backoff.wait().await;
        }
    }

    async fn consume(&self, live: &Live) -> lapin::Result<()> {
        let Subscription { prefetch, name, .. } = self.subscription;
        let channel = live.connection.create_channel().await?;
        let number = CHANNELS.fetch_add(1, Ordering::Relaxed);
        channel
            .basic_qos(prefetch, BasicQosOptions::default())
            .await?;
        let tag = format!("{name}-{}", self.queue);
        let mut deliveries = channel
            .basic_consume(
                self.queue.into(),
                tag.into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await?;
        let tag = deliveries.tag();
        let mut stopping = std::pin::pin!(self.stop.cancelled());
        let mut stopped = false;
        loop {
            tokio::select! {
                () = stopping.as_mut(), if !stopped => {
                    stopped = true;
                    let cancelled = channel.basic_cancel(tag.clone(), BasicCancelOptions::default());
                    if let Err(error) = cancelled.await {
                        tracing::debug!(%error, "consumer not cancelled");
                    }
                }
                delivery = deliveries.next() => match delivery {
                    Some(delivery) => {
                        let message = Message { delivery: delivery?, channel: number };
                        if self.sender.send(message).await.is_err() {
                            return Ok(());
                        }
                    }
                    None => break,
                }
            }
        }
        if stopped {
            // What was delivered is still to be acknowledged, which takes an open channel.
            tokio::spawn(async move {
                tokio::time::sleep(ACKNOWLEDGE_WITHIN).await;
                drop(channel);
            });
        }
        Ok(())
    }
}

/// Confirms to the broker that a message is done with; a lost connection means that it comes again.
pub async fn acknowledge(delivery: &Delivery) {
    confirm(delivery, false).await;
}

/// The same for many, and for everything that came before any of them by the same way: all of that must be done with. To
/// the brokers one acknowledgement costs as much as another, whether for one message or many.
pub async fn acknowledge_all(messages: &[Message]) {
    for last in newest(messages) {
        confirm(last, true).await;
    }
}

async fn confirm(delivery: &Delivery, multiple: bool) {
    if let Err(error) = delivery.ack(BasicAckOptions { multiple }).await {
        tracing::debug!(%error, "not acknowledged");
    }
}

/// The message of each channel that came last.
fn newest(messages: &[Message]) -> impl Iterator<Item = &Message> {
    let mut newest: BTreeMap<u64, &Message> = BTreeMap::new();
    for message in messages {
        let known = newest.entry(message.channel).or_insert(message);
        if known.delivery_tag < message.delivery_tag {
            *known = message;
        }
    }
    newest.into_values()
}

/// Why a message is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It is not what its queue is for.
    Unreadable,
    /// Whom it is for does not want it.
    Refused,
}

impl Reason {
    const ALL: [Self; 2] = [Self::Unreadable, Self::Refused];

    /// As metrics and logs name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unreadable => "unreadable",
            Self::Refused => "refused",
        }
    }
}

/// The only way to give a message up: it goes to the dead letters, is counted and logged. Copies share the counters.
#[derive(Debug, Clone)]
pub struct Rejects(IntCounterVec);

impl Rejects {
    /// Counts in `messages_rejected_total{queue,reason}`.
    pub fn new(metrics: &Metrics) -> Result<Self, prometheus::Error> {
        let help = "Messages given up, by queue and reason: unreadable, refused.";
        let rejects = metrics.counters("messages_rejected_total", help, &["queue", "reason"])?;
        for queue in queues::LIVING {
            for reason in Reason::ALL {
                rejects.with_label_values(&[queue, reason.as_str()]);
            }
        }
        Ok(Self(rejects))
    }

    /// Gives a message up; `why` is for the log. Where the broker does not hear of it, the message comes again.
    pub async fn reject(&self, delivery: &Delivery, reason: Reason, why: impl fmt::Display) {
        let reason = reason.as_str();
        let queue = queues::living(delivery.routing_key.as_str()).unwrap_or("other");
        let id = delivery.properties.message_id().as_ref();
        let id = id.map_or("", |id| id.as_str());
        self.0.with_label_values(&[queue, reason]).inc();
        tracing::warn!(queue, id, reason, %why, "message given up");
        let rejected = delivery.reject(BasicRejectOptions { requeue: false });
        if let Err(error) = rejected.await {
            tracing::debug!(%error, "not rejected");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(queue: &str) -> Delivery {
        Delivery::mock(1, "".into(), queue.into(), false, b"{}".to_vec())
    }

    #[test]
    fn the_last_of_each_channel_stands_for_all_of_it() {
        let message = |channel, tag| Message {
            delivery: Delivery::mock(tag, "".into(), "".into(), false, Vec::new()),
            channel,
        };
        let messages = [
            message(7, 1),
            message(4, 9),
            message(7, 3),
            message(7, 2),
            message(4, 8),
        ];
        let last = newest(&messages).map(|message| (message.channel, message.delivery_tag));
        assert_eq!(last.collect::<Vec<_>>(), [(4, 9), (7, 3)]);
        assert_eq!(newest(&[]).count(), 0);
    }

    #[tokio::test]
    async fn whatever_is_given_up_is_counted_by_queue_and_reason() {
        let metrics = Metrics::new().unwrap();
        let rejects = Rejects::new(&metrics).unwrap();
        let counted = |queue, reason| rejects.0.with_label_values(&[queue, reason]).get();
        let page = message(queues::PAGES);
        rejects.reject(&page, Reason::Refused, "422").await;
        for queue in ["amq.gen-1", "amq.gen-2"] {
            let stray = message(queue);
            rejects.reject(&stray, Reason::Unreadable, "no page").await;
        }
        assert_eq!(counted("pages", "refused"), 1);
        assert_eq!(counted("pages", "unreadable"), 0);
        // A queue's name may be anything, and a metric must not grow with what strangers send.
        assert_eq!(counted("other", "unreadable"), 2);
        let text = String::from_utf8(metrics.text().unwrap()).unwrap();
        assert!(text.contains("queue=\"thresholds\",reason=\"refused\"} 0"));
    }
}
