//! The live server: clinicians hold a stream per ward and see vitals once a second and alerts at once.

mod alerts;
pub mod config;
mod feed;
mod hub;
mod memory;
mod query;
mod server;
mod stream;
mod sweep;

use std::sync::Arc;

use service_kit::admin::nothing_more;
use service_kit::boot::{Failure, Process};
use service_kit::budget::RetryBudget;
use service_kit::http::{self, Limits};
use service_kit::postgres::{Databases, PoolGauges, Sizes};
use service_kit::readiness::Readiness;
use service_kit::redis_link::RedisLink;
use tokio::net::TcpListener;

use alerts::AlertStore;
use config::Config;
use hub::{Counters, Hub};
use server::Live;

/// Sweeps and resumes only.
const CONNECTIONS: Sizes = Sizes {
    primary: 2,
    replica: 2,
};

/// Serves until shut down.
pub async fn run(config: Config, process: Process) -> Result<(), Failure> {
    let listener = TcpListener::bind(config.common.listen).await?;
    let admin = TcpListener::bind(config.common.admin_listen).await?;
    let metrics = &process.metrics;

    let mut readiness = Readiness::default();
    let primary_up = readiness.dependency(metrics, "primary")?;
    let replica_up = readiness.dependency(metrics, "replica")?;
    let redis_up = readiness.dependency(metrics, "redis")?;
    readiness.need("alerts", &[&redis_up, &replica_up, &primary_up]);
    tokio::spawn(process.admin(readiness).serve(admin, nothing_more));

    let name = config.common.instance.as_str();
    let Databases { primary, replica } = Databases::new(&config.postgres, name, CONNECTIONS)?;
    let gauges = PoolGauges::new(metrics)?;
    tokio::spawn(primary.clone().watch("primary", primary_up, gauges.clone()));
    tokio::spawn(replica.clone().watch("replica", replica_up, gauges));
    let redis = RedisLink::start(&config.redis, redis_up);

    let counters = Counters::new(metrics)?;
    let store = AlertStore {
        replica,
        primary,
        hedges: Arc::new(RetryBudget::new()),
    };
    let hub = Hub::start(counters.clone());
    tokio::spawn(feed::follow(redis, hub.clone()));
    tokio::spawn(sweep::run(store.clone(), hub.clone(), counters.clone()));

    let live = Arc::new(Live {
        hub,
        store,
        counters,
        shutdown: process.shutdown.clone(),
        streams: tokio_util::task::TaskTracker::new(),
    });
    let streams = live.streams.clone();
    let handler = move |request, _| {
        let live = live.clone();
        async move { live.handle(request) }
    };
    http::serve(listener, handler, Limits::default(), process.shutdown).await;
    streams.close();
    if tokio::time::timeout(stream::LEAVE_WITHIN, streams.wait())
        .await
        .is_err()
    {
        tracing::warn!(left = streams.len(), "streams did not end in time");
    }
    Ok(())
}
