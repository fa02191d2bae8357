//! What becomes of messages that are given up, on a real broker. Skipped where its image is not built.

#![allow(clippy::unwrap_used, reason = "a test ends in a panic where it must")]

mod support;

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Connection, ConnectionProperties};
use service_kit::boot::Process;
use service_kit::broker::Brokers;
use service_kit::consumer::{Message, Reason, Rejects, Subscription, acknowledge};
use service_kit::dead_letters::{DeadLetter, DeadLetters, Replayed};
use service_kit::publisher::Publisher;
use service_kit::queues;
use support::{Broker, eventually};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

const ALL: Subscription = Subscription {
    queues: &queues::LIVING,
    prefetch: 10,
    name: "test",
};
/// One message in each queue.
const MESSAGES: usize = queues::LIVING.len();

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_up_waits_is_shown_and_goes_back_when_told() {
    let Some(broker) = Broker::start() else {
        return;
    };
    let process = Process::new().unwrap();
    let brokers = broker.connect(&process).await;
    let rejects = Rejects::new(&process.metrics).unwrap();
    let letters = DeadLetters::new(brokers.clone());
    let stop = CancellationToken::new();
    let mut messages = brokers.consume(ALL, &stop);

    publish(brokers.clone(), &process).await;
    reject(&mut messages, &rejects).await;
    let shown = waiting(&letters, MESSAGES).await;
    let origins: Vec<_> = shown
        .values()
        .map(|letter| letter.origin.clone().unwrap())
        .collect();
    assert_eq!(origins, queues::LIVING);
    for (id, letter) in &shown {
        assert_eq!(letter.reason.as_deref(), Some("rejected"), "{letter:?}");
        assert_eq!((letter.replays, letter.bytes), (0, id.len()));
        assert!(letter.died_at_s.is_some());
    }
    assert_eq!(
        waiting(&letters, MESSAGES).await,
        shown,
        "looking took some away"
    );

    // Sent back too early: they are dead letters again, each once.
    assert_eq!(letters.replay().await.unwrap().replayed, 5);
    reject(&mut messages, &rejects).await;
    let again = waiting(&letters, MESSAGES).await;
    assert!(again.keys().eq(shown.keys()));
    assert!(
        again.values().all(|letter| letter.replays == 1),
        "{again:?}"
    );
    assert!(messages.try_recv().is_err(), "the replay goes on by itself");

    // Sent back when the cause is gone: each arrives once, as it was.
    assert_eq!(letters.replay().await.unwrap().replayed, 5);
    for _ in 0..MESSAGES {
        let message = next(&mut messages).await;
        let id = id(&message);
        assert_eq!(
            again[&id].origin.as_deref(),
            Some(message.routing_key.as_str())
        );
        assert_eq!(message.data, id.as_bytes());
        acknowledge(&message).await;
    }
    waiting(&letters, 0).await;

    // A letter that nobody can send back stays.
    stray(&broker).await;
    waiting(&letters, 1).await;
    let kept = Replayed {
        replayed: 0,
        kept: 1,
        waiting: 1,
    };
    assert_eq!(letters.replay().await.unwrap(), kept);
    waiting(&letters, 1).await;
}

/// One message to each queue: the publisher takes them in turn.
async fn publish(brokers: Brokers, process: &Process) {
    let publisher = Publisher::new(brokers, &queues::LIVING, &process.metrics).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    for number in 0..MESSAGES {
        let id = format!("message-{number}");
        let body = Bytes::from(id.clone());
        publisher.publish(&id, body, deadline).await.unwrap();
    }
}

async fn reject(messages: &mut mpsc::Receiver<Message>, rejects: &Rejects) {
    for _ in 0..MESSAGES {
        let message = next(messages).await;
        rejects
            .reject(&message, Reason::Unreadable, "as told")
            .await;
    }
}

async fn next(messages: &mut mpsc::Receiver<Message>) -> Message {
    let next = tokio::time::timeout(Duration::from_secs(30), messages.recv());
    next.await.expect("a message within 30 s").unwrap()
}

/// The letters by their ids, once there are so many.
async fn waiting(letters: &DeadLetters, count: usize) -> BTreeMap<String, DeadLetter> {
    eventually("letters wait", async || {
        let shown = letters.look().await.unwrap();
        let by_id = shown.letters.into_iter();
        let by_id = by_id.map(|letter| (letter.id.clone().unwrap_or_default(), letter));
        let by_id: BTreeMap<_, _> = by_id.collect();
        (by_id.len() == count).then_some(by_id)
    })
    .await
}

fn id(message: &Message) -> String {
    message
        .properties
        .message_id()
        .as_ref()
        .unwrap()
        .to_string()
}

/// A message that nobody gave up, where dead letters are.
async fn stray(broker: &Broker) {
    let (uri, properties) = (broker.uri(), ConnectionProperties::default());
    let connection = Connection::connect(&uri, properties).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    let (options, about) = (BasicPublishOptions::default(), BasicProperties::default());
    let sent = channel.basic_publish("".into(), queues::DEAD.into(), options, b"?", about);
    sent.await.unwrap().await.unwrap();
}
