//! The rate limiter in front of the platform: bounds what a client may send, passes the rest on.

mod account;
mod body;
mod client;
mod concurrency;
pub mod config;
mod exchange;
mod forward;
mod gate;
pub mod gcra;
mod headers;
mod limiter;
mod metrics;
mod peers;
mod pool;
mod priority;
mod shared;
mod tunnel;

use std::sync::Arc;
use std::time::Duration;

use service_kit::admin::nothing_more;
use service_kit::boot::{Failure, Process};
use service_kit::budget::RetryBudget;
use service_kit::http::{self, Limits};
use service_kit::readiness::Readiness;
use service_kit::redis_link::RedisLink;
use service_kit::shutdown::Shutdown;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use concurrency::Concurrency;
use config::Config;
use exchange::{RedisBoard, keep_exchanging};
use gate::Gate;
use gcra::Gcra;
use headers::RequestIds;
use limiter::{Allowed, Limiter};
use metrics::Counters;
use pool::Pool;

/// Streams are cut within this time after closing.
const STREAMS_WITHIN: Duration = Duration::from_secs(4);

/// Serves until shut down.
pub async fn run(config: Config, process: Process) -> Result<(), Failure> {
    let listener = TcpListener::bind(config.common.listen).await?;
    let admin = TcpListener::bind(config.common.admin_listen).await?;
    // Its upstreams lie behind the same address for all gateways: none of them is better off than another,
    // so it is ready as soon as it listens. Redis is no need: without it the gateway decides alone.
    let mut readiness = Readiness::default();
    let redis_up = readiness.dependency(&process.metrics, "redis")?;
    tokio::spawn(process.admin(readiness).serve(admin, nothing_more));
    let counters = Counters::new(&process.metrics)?;
    let limiter = Arc::new(Limiter::new(Allowed {
        client: Gcra::new(config.client_rate_per_second, config.client_burst),
        newcomers: Gcra::new(config.newcomer_rate_per_second, config.newcomer_burst),
        total: Gcra::new(config.total_rate_per_second, config.total_burst),
    }));
    let board = RedisBoard {
        redis: RedisLink::start(&config.redis, redis_up),
        name: config.common.instance.clone(),
    };
    let shown = counters.exchange.clone();
    tokio::spawn(keep_exchanging(limiter.clone(), board, shown));
    serve(config, process.shutdown, limiter, counters, listener).await;
    Ok(())
}

/// Serves on a given listener until shut down.
async fn serve(
    config: Config,
    shutdown: Shutdown,
    limiter: Arc<Limiter>,
    counters: Counters,
    listener: TcpListener,
) {
    let streams = TaskTracker::new();
    let gate = Arc::new(Gate {
        concurrency: Concurrency::new(
            config.most_in_flight,
            counters.concurrency.clone(),
            counters.in_flight.clone(),
        ),
        api: Pool::new(config.api),
        ws: config.ws,
        limiter,
        retries: RetryBudget::new(),
        ids: RequestIds::new(),
        counters,
        max_body_bytes: config.max_body_bytes as usize,
        request_timeout: config.request_timeout,
        shutdown: shutdown.clone(),
        streams: streams.clone(),
    });
    let handler = move |request, peer| {
        let gate = gate.clone();
        async move { gate.handle(request, peer).await }
    };
    http::serve(listener, handler, Limits::default(), shutdown).await;
    streams.close();
    if tokio::time::timeout(STREAMS_WITHIN, streams.wait())
        .await
        .is_err()
    {
        tracing::warn!(left = streams.len(), "streams did not end in time");
    }
}
