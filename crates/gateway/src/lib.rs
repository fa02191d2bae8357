//! The rate limiter in front of the platform: bounds what a client may send, passes the rest on.

mod body;
mod concurrency;
pub mod config;
mod forward;
mod gate;
pub mod gcra;
mod headers;
mod limiter;
mod metrics;
mod pool;
mod priority;
mod tunnel;

use std::sync::Arc;
use std::time::Duration;

use service_kit::admin::nothing_more;
use service_kit::boot::{Failure, Process};
use service_kit::budget::RetryBudget;
use service_kit::http::{self, Limits};
use service_kit::readiness::Readiness;
use tokio::net::TcpListener;
use tokio_util::task::TaskTracker;

use concurrency::Concurrency;
use config::Config;
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
    // so it is ready as soon as it listens.
    let readiness = Readiness::default();
    tokio::spawn(process.admin(readiness).serve(admin, nothing_more));
    serve(config, process, listener).await
}

/// Serves on a given listener until shut down.
pub async fn serve(config: Config, process: Process, listener: TcpListener) -> Result<(), Failure> {
    let limits = Allowed {
        client: Gcra::new(config.client_rate_per_second, config.client_burst),
        newcomers: Gcra::new(config.newcomer_rate_per_second, config.newcomer_burst),
        total: Gcra::new(config.total_rate_per_second, config.total_burst),
    };
    let streams = TaskTracker::new();
    let counters = Counters::new(&process.metrics)?;
    let gate = Arc::new(Gate {
        concurrency: Concurrency::new(
            config.most_in_flight,
            counters.concurrency.clone(),
            counters.in_flight.clone(),
        ),
        api: Pool::new(config.api),
        ws: config.ws,
        limiter: Limiter::new(limits),
        retries: RetryBudget::new(),
        ids: RequestIds::new(),
        counters,
        max_body_bytes: config.max_body_bytes as usize,
        request_timeout: config.request_timeout,
        shutdown: process.shutdown.clone(),
        streams: streams.clone(),
    });
    let handler = move |request, peer| {
        let gate = gate.clone();
        async move { gate.handle(request, peer).await }
    };
    http::serve(listener, handler, Limits::default(), process.shutdown).await;
    streams.close();
    if tokio::time::timeout(STREAMS_WITHIN, streams.wait())
        .await
        .is_err()
    {
        tracing::warn!(left = streams.len(), "streams did not end in time");
    }
    Ok(())
}
