//! What killing a consumer again and again does to the messages that it holds: with the broker's default limit of
//! deliveries, and with the platform's.
//!
//!     cargo bench -p worker
//!
//! Each kill is a SIGKILL of a process that holds all it may. Skipped where the broker's image is not built.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a measurement ends in a panic where it must"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use futures_util::StreamExt;
use lapin::{
    BasicProperties, Channel, Connection, ConnectionProperties,
    options::{
        BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
        QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable},
};
use service_kit::{boot::Process, queues};
use support::{Broker, eventually};

const KILLS: u32 = 50;
const MESSAGES: u32 = 200;
/// Unacknowledged messages of one consumer: half of what is there, so that it shows whom a kill counts against.
const PREFETCH: u16 = 100;
/// The broker's default since 4.0.
const DEFAULT_LIMIT: i32 = 20;

/// Tells the process that it is the consumer: the broker's URI, the queue, and how many messages to wait for.
const CONSUMER: &str = "KILLS_CONSUMER";

#[tokio::main]
async fn main() {
    if let Ok(order) = std::env::var(CONSUMER) {
        return hold(&order).await;
    }
    let Some(broker) = Broker::start() else {
        return;
    };
    let process = Process::new().unwrap();
    let _platform = broker.connect(&process).await;
    let channel = channel(&broker.uri()).await;
    declare(&channel, "limited", None).await;
    declare(&channel, "limited-dead", None).await;
    declare(&channel, "limited-buried", Some("limited-dead")).await;
    println!(
        "{:44} {:>6} {:>6} {:>6} {:>10} {:>14}",
        "", "kills", "kept", "dead", "discarded", "first at kill"
    );
    for (what, queue, dead) in [
        ("limit 20, no dead letters", "limited", None),
        (
            "limit 20, dead letters",
            "limited-buried",
            Some("limited-dead"),
        ),
        (
            "as the platform declares it",
            queues::INGEST[0],
            Some(queues::DEAD),
        ),
    ] {
        let row = kill_consumers(&broker, &channel, queue, dead).await;
        println!("{what:44} {row}");
    }
}

async fn kill_consumers(
    broker: &Broker,
    channel: &Channel,
    queue: &str,
    dead: Option<&str>,
) -> String {
    for _ in 0..MESSAGES {
        let (options, about) = (BasicPublishOptions::default(), BasicProperties::default());
        let sent = channel.basic_publish("".into(), queue.into(), options, b"reading", about);
        assert!(sent.await.unwrap().await.unwrap().is_ack());
    }
    let (mut kept, mut first) = (MESSAGES, None);
    for kill in 1..=KILLS {
        let mut consumer = consumer(broker, queue, kept.min(PREFETCH.into()));
        consumer.kill().unwrap();
        consumer.wait().unwrap();
        kept = eventually("the broker has noticed", async || {
            idle(channel, queue).await
        })
        .await;
        if kept < MESSAGES {
            first.get_or_insert(kill);
        }
    }
    let mut buried = 0;
    if let Some(dead) = dead {
        // Each is on its way until the other queue has confirmed it.
        buried = idle(channel, dead).await.unwrap();
        if kept + buried < MESSAGES {
            let all = async || {
                idle(channel, dead)
                    .await
                    .filter(|dead| dead + kept == MESSAGES)
            };
            buried = eventually("all are in either queue", all).await;
        }
    }
    let discarded = MESSAGES - kept - buried;
    let first = first.map_or("-".into(), |kill| kill.to_string());
    format!("{KILLS:>6} {kept:>6} {buried:>6} {discarded:>10} {first:>14}")
}

/// Starts a consumer and returns once it holds `count` messages.
fn consumer(broker: &Broker, queue: &str, count: u32) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .env(CONSUMER, format!("{} {queue} {count}", broker.uri()))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    said.read_line(&mut line).unwrap();
    assert_eq!(line, "holding\n");
    child
}

/// Takes messages, says so, and waits to be killed.
async fn hold(order: &str) {
    let [uri, queue, count] = order.split(' ').collect::<Vec<_>>()[..] else {
        panic!("not an order: {order}");
    };
    let channel = channel(uri).await;
    let qos = channel.basic_qos(PREFETCH, BasicQosOptions::default());
    qos.await.unwrap();
    let options = BasicConsumeOptions::default();
    let consumer = channel.basic_consume(
        queue.into(),
        "victim".into(),
        options,
        FieldTable::default(),
    );
    let mut messages = consumer.await.unwrap();
    let mut held = vec![];
    while held.len() < count.parse().unwrap() {
        held.push(messages.next().await.unwrap().unwrap());
    }
    println!("holding");
    std::future::pending().await
}

async fn channel(uri: &str) -> Channel {
    let connection = Connection::connect(uri, ConnectionProperties::default());
    let channel = connection.await.unwrap().create_channel().await.unwrap();
    let confirms = channel.confirm_select(ConfirmSelectOptions::default());
    confirms.await.unwrap();
    channel
}

async fn declare(channel: &Channel, queue: &str, dead: Option<&str>) {
    let text = |text: &str| AMQPValue::LongString(text.into());
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments.insert("x-delivery-limit".into(), AMQPValue::LongInt(DEFAULT_LIMIT));
    if let Some(dead) = dead {
        arguments.insert("x-dead-letter-exchange".into(), text(""));
        arguments.insert("x-dead-letter-routing-key".into(), text(dead));
    }
    let options = QueueDeclareOptions::durable();
    let declared = channel.queue_declare(queue.into(), options, arguments);
    declared.await.unwrap();
}

/// The messages in a queue that has no consumer.
async fn idle(channel: &Channel, queue: &str) -> Option<u32> {
    let options = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::durable()
    };
    let asked = channel.queue_declare(queue.into(), options, FieldTable::default());
    let queue = asked.await.unwrap();
    (queue.consumer_count() == 0).then(|| queue.message_count())
}
