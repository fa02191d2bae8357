//! The worker: announces alerts at once, stores readings exactly once, applies changes of thresholds, and has staff
//! notified.

pub mod alerts;
mod announce;
pub mod batch;
mod changes;
pub mod config;
mod dead_letters;
mod ingest;
mod intake;
mod leftovers;
mod limits;
mod live;
mod metrics;
mod pager;
mod pages;
mod store;

use std::sync::Arc;
use std::time::Duration;

use service_kit::boot::{Failure, Process};
use service_kit::broker::{Brokers, CONSUMER_HEARTBEAT_S};
use service_kit::consumer::{Rejects, Subscription};
use service_kit::dead_letters::DeadLetters;
use service_kit::postgres::{Databases, PoolGauges, Sizes};
use service_kit::publisher::Publisher;
use service_kit::queues;
use service_kit::readiness::Readiness;
use service_kit::redis_link::RedisLink;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use announce::Announcer;
use changes::Changes;
use config::Config;
use ingest::Ingest;
use intake::Intake;
use leftovers::Leftovers;
use limits::Limits;
use live::Live;
use metrics::Counters;
use pages::Pages;
use store::Store;

/// To the primary: ingest, changes, both kinds of leftovers, limits, and the watch. To a replica: limits.
const CONNECTIONS: Sizes = Sizes {
    primary: 4,
    replica: 1,
};
/// Readings per queue and broker that may wait here for the database: what comes within a failover has to be here, because
/// its alerts can't wait. Two workers hold 9000, 25 s hold 3500 at the peak.
const WAITING: u16 = 500;
const READINGS: Subscription = Subscription {
    queues: &queues::INGEST,
    prefetch: WAITING,
    name: "readings",
};
/// Changes wait in their queue: whoever made them shows them.
const CHANGES: Subscription = Subscription {
    queues: &[queues::THRESHOLDS],
    prefetch: 8,
    name: "thresholds",
};
/// Pages under way per broker: as many as a slow third party can hold back.
const PAGES: Subscription = Subscription {
    queues: &[queues::PAGES],
    prefetch: 4,
    name: "pages",
};
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
    let name = config.common.instance.as_str();
    let brokers = Brokers::start(&config.amqp, name, CONSUMER_HEARTBEAT_S, &brokers_up);
    let counters = Counters::new(metrics)?;
    let letters = DeadLetters::new(brokers.clone());
    let waiting = counters.dead_letters.clone();
    tokio::spawn(dead_letters::watch(letters.clone(), waiting));
    let control = move |request| dead_letters::control(request, letters.clone());
    tokio::spawn(process.admin(readiness).serve(admin, control));

    let Databases { primary, replica } = Databases::new(&config.postgres, name, CONNECTIONS)?;
    let gauges = PoolGauges::new(metrics)?;
    tokio::spawn(primary.clone().watch("primary", primary_up, gauges));
    let limits = Limits::default();
    tokio::spawn(limits.clone().follow(replica, primary.clone()));
    let redis = RedisLink::start(&config.redis, redis_up);
    let rejects = Rejects::new(metrics)?;

    let announcer = Announcer {
        live: Arc::new(Live::new(redis.clone())),
        pages: Publisher::new(brokers.clone(), &[queues::PAGES], metrics)?,
        counters: counters.clone(),
    };
    let leftovers = Arc::new(Leftovers {
        primary: primary.clone(),
        limits: limits.clone(),
        announcer: announcer.clone(),
    });
    let sweeping = leftovers.clone();
    tokio::spawn(async move { leftovers.readings().await });
    tokio::spawn(async move { sweeping.alerts().await });

    // Nobody routes to a worker, so it stops taking messages as soon as it is told to leave.
    let stop = &process.shutdown.draining;
    let pages = Pages::new(config.pagers, &counters, rejects.clone());
    tokio::spawn(pages.run(brokers.consume(PAGES, stop)));
    let changes = Changes {
        primary: primary.clone(),
        redis,
        limits: limits.clone(),
        counters: counters.clone(),
        rejects: rejects.clone(),
    };
    tokio::spawn(changes.run(brokers.consume(CHANGES, stop)));
    let consumers = queues::INGEST.len() * config.amqp.hosts.len();
    let (storing, taken) = mpsc::channel(consumers * usize::from(WAITING));
    let intake = Intake {
        limits,
        announcer,
        rejects,
        storing,
    };
    tokio::spawn(intake.run(brokers.consume(READINGS, stop)));
    let ingest = Ingest {
        store: Store { primary },
        counters,
        closing: process.shutdown.closing.clone(),
    };
    let working = tokio::spawn(ingest.run(taken));
    process.shutdown.closing.cancelled().await;
    if tokio::time::timeout(FINISH_WITHIN, working).await.is_err() {
        tracing::warn!("last batch not finished; the broker delivers it again");
    }
    Ok(())
}
