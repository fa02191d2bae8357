//! The worker: stores readings exactly once, raises alerts, and has staff notified.

pub mod alerts;
mod announce;
pub mod batch;
pub mod config;
mod ingest;
mod live;
mod metrics;
mod pages;
mod store;

use std::time::Duration;

use service_kit::admin::nothing_more;
use service_kit::boot::{Failure, Process};
use service_kit::broker::Brokers;
use service_kit::consumer::Subscription;
use service_kit::postgres::{Database, PoolGauges};
use service_kit::publisher::Publisher;
use service_kit::queues;
use service_kit::readiness::Readiness;
use service_kit::redis_link::RedisLink;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use announce::Announcer;
use config::Config;
use ingest::Ingest;
use live::Live;
use metrics::Counters;
use pages::Pager;
use store::Store;

/// Ingest, leftovers, announcing and its sweep, and the watch.
const CONNECTIONS: usize = 5;
/// Per queue and broker, so up to 180 readings are under way with three of each. A frozen broker holds back
/// what was delivered through it, so the number is not larger than a batch or two needs.
const READINGS: Subscription = Subscription {
    queues: &queues::INGEST,
    prefetch: 20,
    name: "readings",
};
/// Pages under way per broker: as many as a slow third party can hold back.
const PAGES: Subscription = Subscription {
    queues: &[queues::PAGES],
    prefetch: 4,
    name: "pages",
};
/// Batches waiting to be announced; beyond that the sweep does it.
const UNANNOUNCED: usize = 64;
/// For the last batch after the end of deliveries.
const FINISH_WITHIN: Duration = Duration::from_secs(5);

/// Works until shut down.
pub async fn run(config: Config, process: Process) -> Result<(), Failure> {
    let admin = TcpListener::bind(config.common.admin_listen).await?;
    let metrics = &process.metrics;

    let mut readiness = Readiness::default();
    let primary_up = readiness.dependency(metrics, "primary")?;
    let redis_up = readiness.dependency(metrics, "redis")?;
    let brokers_up = readiness.dependency(metrics, "rabbitmq")?;
    readiness.need("readings", &[&brokers_up]);
    readiness.need("storage", &[&primary_up]);
    tokio::spawn(process.admin(readiness).serve(admin, nothing_more));

    let name = config.common.instance.as_str();
    let primary = Database::primary(&config.postgres, name, CONNECTIONS)?;
    let gauges = PoolGauges::new(metrics)?;
    tokio::spawn(primary.clone().watch("primary", primary_up, gauges));
    let brokers = Brokers::start(&config.amqp, name, &brokers_up);
    let redis = RedisLink::start(&config.redis, redis_up);
    let counters = Counters::new(metrics)?;

    let (stored, announcements) = mpsc::channel(UNANNOUNCED);
    let announcer = Announcer {
        live: Live::new(redis),
        pages: Publisher::new(brokers.clone(), &[queues::PAGES], metrics)?,
        primary: primary.clone(),
        counters: counters.clone(),
    };
    tokio::spawn(announcer.run(announcements));
    let leftovers = ingest::leftovers(
        Store::new(primary.clone()),
        stored.clone(),
        counters.clone(),
    );
    tokio::spawn(leftovers);

    // Nobody routes to a worker, so it stops taking messages as soon as it is told to leave.
    let stop = &process.shutdown.draining;
    let pager = Pager::new(config.pager, counters.clone());
    tokio::spawn(pager.run(brokers.consume(PAGES, stop)));
    let ingest = Ingest {
        store: Store::new(primary),
        stored,
        counters,
        closing: process.shutdown.closing.clone(),
    };
    let working = tokio::spawn(ingest.run(brokers.consume(READINGS, stop)));
    process.shutdown.closing.cancelled().await;
    if tokio::time::timeout(FINISH_WITHIN, working).await.is_err() {
        tracing::warn!("last batch not finished; the broker delivers it again");
    }
    Ok(())
}
