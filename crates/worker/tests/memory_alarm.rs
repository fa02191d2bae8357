//! What a publisher knows of a broker that is short of memory, on a real broker. Skipped where its image is not built.

#![allow(clippy::unwrap_used, reason = "a test ends in a panic where it must")]

mod support;

use std::time::Duration;

use bytes::Bytes;
use service_kit::{
    boot::Process,
    publisher::{PublishError, Publisher},
    queues,
};
use support::{Broker, eventually};
use tokio::time::Instant;

/// The share of memory from which on a broker takes no messages; the second is the default.
const WATERMARK: &str = "set_vm_memory_high_watermark";
const ANY: &str = "0.0000001";
const USUAL: &str = "0.6";

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_short_of_memory_is_known_to_take_nothing_until_it_does_again() {
    let Some(broker) = Broker::start() else {
        return;
    };
    let process = Process::new().unwrap();
    let brokers = broker.connect(&process).await;
    let publisher = Publisher::new(brokers, &queues::LIVING, &process.metrics).unwrap();
    let publish = async |id: &'static str, within: Duration| {
        let body = Bytes::from_static(b"{}");
        publisher.publish(id, body, Instant::now() + within).await
    };
    publish("before", Duration::from_secs(10)).await.unwrap();
    assert!(publisher.flows());

    broker.control(&[WATERMARK, ANY]);
    let waited = publish("meanwhile", Duration::from_millis(500)).await;
    assert!(matches!(waited, Err(PublishError::Deadline)), "{waited:?}");
    assert!(!publisher.flows(), "the broker said that it takes nothing");

    broker.control(&[WATERMARK, USUAL]);
    eventually("messages flow again", async || {
        publisher.flows().then_some(())
    })
    .await;
    publish("after", Duration::from_secs(10)).await.unwrap();
}
