//! Consuming queues through every broker at once, so that losing one broker leaves the others delivering.

use std::fmt;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::SelectAll;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicQosOptions, BasicRejectOptions,
};
use lapin::types::FieldTable;
use lapin::{Channel, Consumer};
use prometheus::IntCounterVec;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::backoff::Backoff;
use crate::broker::{Brokers, Live};
use crate::metrics::Metrics;
use crate::queues;

/// How long a stopped consumer's channel stays open for acknowledgements.
const ACKNOWLEDGE_WITHIN: Duration = Duration::from_secs(10);

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

impl Brokers {
    /// Starts consuming until `stop`; the channel ends when everything that was delivered has been taken.
    pub fn consume(
        &self,
        subscription: Subscription,
        stop: &CancellationToken,
    ) -> mpsc::Receiver<Delivery> {
        let room = usize::from(subscription.prefetch) * subscription.queues.len();
        let (sender, receiver) = mpsc::channel(room.max(1));
        for index in 0..self.links().len() {
            let task = follow(
                self.clone(),
                index,
                subscription,
                sender.clone(),
                stop.clone(),
            );
            tokio::spawn(task);
        }
        receiver
    }
}

/// Consumes through one broker whenever it is connected.
async fn follow(
    brokers: Brokers,
    index: usize,
    subscription: Subscription,
    sender: mpsc::Sender<Delivery>,
    stop: CancellationToken,
) {
    let mut live = brokers.links()[index].follow();
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(1));
    loop {
        let current = tokio::select! {
            () = stop.cancelled() => return,
            current = live.wait_for(Option::is_some) => match current {
                Ok(current) => current.clone(),
                Err(_) => return,
            },
        };
        let Some(current) = current else { continue };
        match consume(&current, subscription, &sender, &stop).await {
            Ok(()) => {}
            Err(error) => tracing::debug!(%error, "consumer ended"),
        }
        if stop.is_cancelled() {
            return;
        }
        backoff.wait().await;
    }
}

async fn consume(
    live: &Live,
    subscription: Subscription,
    sender: &mpsc::Sender<Delivery>,
    stop: &CancellationToken,
) -> lapin::Result<()> {
    let channel = live.connection.create_channel().await?;
    channel
        .basic_qos(subscription.prefetch, BasicQosOptions::default())
        .await?;
    let mut tags = Vec::new();
    let mut deliveries: SelectAll<Consumer> = SelectAll::new();
    for queue in subscription.queues {
        let tag = format!("{}-{queue}", subscription.name);
        let consumer = channel
            .basic_consume(
                (*queue).into(),
                tag.into(),
                BasicConsumeOptions::default(),
                FieldTable::default(),
            )
            .await?;
        tags.push(consumer.tag());
        deliveries.push(consumer);
    }
    let mut stopping = std::pin::pin!(stop.cancelled());
    let mut stopped = false;
    loop {
        tokio::select! {
            () = stopping.as_mut(), if !stopped => {
                stopped = true;
                cancel(&channel, &tags).await;
            }
            delivery = deliveries.next() => match delivery {
                Some(delivery) => {
                    if sender.send(delivery?).await.is_err() {
                        return Ok(());
                    }
                }
                None if stopped => {
                    // What was delivered is still to be acknowledged, which takes an open channel.
                    tokio::spawn(async move {
                        tokio::time::sleep(ACKNOWLEDGE_WITHIN).await;
                        drop(channel);
                    });
                    return Ok(());
                }
                None => return Ok(()),
            }
        }
        // A queue that was lost ends its consumer; all are taken up again together.
        if !stopped && deliveries.len() < subscription.queues.len() {
            cancel(&channel, &tags).await;
            return Ok(());
        }
    }
}

async fn cancel(channel: &Channel, tags: &[lapin::types::ShortString]) {
    for tag in tags {
        let cancelled = channel.basic_cancel(tag.clone(), BasicCancelOptions::default());
        if let Err(error) = cancelled.await {
            tracing::debug!(%error, "consumer not cancelled");
        }
    }
}

/// Confirms to the broker that a message is done with; a lost connection means that it comes again.
pub async fn acknowledge(delivery: &Delivery) {
    let acknowledged = delivery.ack(BasicAckOptions::default());
    if let Err(error) = acknowledged.await {
        tracing::debug!(%error, "not acknowledged");
    }
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
