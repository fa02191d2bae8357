//! The fan-out: what the workers publish in Redis. It is fast and may lose messages; the sweep does not.

use std::time::Duration;

use futures_util::StreamExt;
use redis::Client;
use service_kit::env::HostPort;
use service_kit::redis_link::RedisLink;

use crate::hub::{Hub, Request};

/// Batches of readings as JSON arrays.
const VITALS: &str = "live:vitals";
/// Batches of alerts as JSON arrays.
const ALERTS: &str = "live:alerts";
/// For connecting and subscribing.
const SUBSCRIBE_WITHIN: Duration = Duration::from_millis(500);
/// Pause before the next attempt.
const RETRY_AFTER: Duration = Duration::from_millis(200);

/// Listens to whoever is master, for ever.
pub(crate) async fn follow(redis: RedisLink, hub: Hub) {
    let mut master = redis.master();
    loop {
        let current = master
            .borrow_and_update()
            .as_ref()
            .map(|(address, _)| address.clone());
        let Some(address) = current else {
            if master.changed().await.is_err() {
                return;
            }
            continue;
        };
        let moved = async {
            // The link reconnects to the same master at times; only another address matters here.
            while master.changed().await.is_ok() {
                let now = master
                    .borrow_and_update()
                    .as_ref()
                    .map(|(address, _)| address.clone());
                if now.is_some_and(|now| now != address) {
                    return;
                }
            }
        };
        tokio::select! {
            () = moved => {}
            ended = listen(&address, &hub) => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "fan-out ended");
                }
                tokio::time::sleep(RETRY_AFTER).await;
            }
        }
    }
}

async fn listen(address: &HostPort, hub: &Hub) -> redis::RedisResult<()> {
    let client = Client::open((address.host.as_str(), address.port))?;
    let subscribed = tokio::time::timeout(SUBSCRIBE_WITHIN, async {
        let mut subscription = client.get_async_pubsub().await?;
        subscription.subscribe(&[VITALS, ALERTS]).await?;
        Ok::<_, redis::RedisError>(subscription)
    });
    let mut subscription = match subscribed.await {
        Ok(subscription) => subscription?,
        Err(_) => return Ok(()),
    };
    tracing::info!(%address, "listening to the fan-out");
    let mut messages = subscription.on_message();
    while let Some(message) = messages.next().await {
        let payload = message.get_payload_bytes();
        let request = match message.get_channel_name() {
            VITALS => serde_json::from_slice(payload).map(Request::Vitals),
            _ => serde_json::from_slice(payload).map(Request::Alerts),
        };
        match request {
            Ok(request) => hub.tell(request).await,
            Err(error) => tracing::warn!(%error, "unreadable message in the fan-out"),
        }
    }
    Ok(())
}
