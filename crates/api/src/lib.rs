//! The HTTP handler of the platform: takes readings, answers questions about patients and wards.

mod assets;
mod cache;
pub mod config;
mod ingest;
mod patients;
mod reads;
mod server;
mod thresholds;
mod validate;
mod wards;

use std::sync::Arc;
use std::time::Duration;

use service_kit::admin::nothing_more;
use service_kit::boot::{Failure, Process};
use service_kit::breaker::Breaker;
use service_kit::broker::{Brokers, PUBLISHER_HEARTBEAT_S};
use service_kit::budget::RetryBudget;
use service_kit::http::{self, Limits};
use service_kit::metrics::HttpMetrics;
use service_kit::postgres::{Databases, PoolGauges, Sizes};
use service_kit::publisher::Publisher;
use service_kit::queues;
use service_kit::readiness::Readiness;
use service_kit::redis_link::RedisLink;
use tokio::net::TcpListener;

use config::Config;
use server::{Api, Counters};

/// To the primary: direct inserts of a whole failover's ingest, and administrators' writes. To a replica: reads, which take
/// about a millisecond each. They are lost together with their load balancer, and each that is made again costs more than a read.
const CONNECTIONS: Sizes = Sizes {
    primary: 3,
    replica: 3,
};

/// Failures in a row after which a replica is asked last.
const FAILURES: u32 = 3;
/// Readings in a row that the queues lost to Postgres, after which they are tried last: what comes in a third of a second. A queue that
/// is merely slow had better stay first, because a commit for each reading is dear.
const QUEUE_FAILURES: u32 = 10;
/// For how long.
const OPEN_FOR: Duration = Duration::from_millis(500);

/// Serves until shut down.
pub async fn run(config: Config, process: Process) -> Result<(), Failure> {
    let listener = TcpListener::bind(config.common.listen).await?;
    let admin = TcpListener::bind(config.common.admin_listen).await?;
    let metrics = &process.metrics;

    let mut readiness = Readiness::default();
    let primary_up = readiness.dependency(metrics, "primary")?;
    let replica_up = readiness.dependency(metrics, "replica")?;
    let redis_up = readiness.dependency(metrics, "redis")?;
    let brokers_up = readiness.dependency(metrics, "rabbitmq")?;
    readiness.need("durable writes", &[&brokers_up, &primary_up]);
    readiness.need("reads", &[&redis_up, &replica_up, &primary_up]);
    tokio::spawn(process.admin(readiness).serve(admin, nothing_more));

    let name = config.common.instance.as_str();
    let Databases { primary, replica } = Databases::new(&config.postgres, name, CONNECTIONS)?;
    let gauges = PoolGauges::new(metrics)?;
    tokio::spawn(primary.clone().watch("primary", primary_up, gauges.clone()));
    tokio::spawn(replica.clone().watch("replica", replica_up, gauges));
    let brokers = Brokers::start(&config.amqp, name, PUBLISHER_HEARTBEAT_S, &brokers_up);

    let publisher = Publisher::new(brokers, &queues::INGEST, metrics)?;

    let api = Arc::new(Api {
        primary,
        replica,
        redis: RedisLink::start(&config.redis, redis_up),
        changes: publisher.to_others(&[queues::THRESHOLDS]),
        publisher,
        http: HttpMetrics::new(metrics)?,
        counters: Counters::new(metrics)?,
        queue_breaker: Breaker::new(QUEUE_FAILURES, OPEN_FOR).into(),
        replica_breaker: Breaker::new(FAILURES, OPEN_FOR).into(),
        second_ways: RetryBudget::new(),
        hedges: RetryBudget::new(),
        read_deadline: config.read_deadline,
        write_deadline: config.write_deadline,
        write_behind: config.write_behind,
    });
    let handler = move |request, _| {
        let api = api.clone();
        async move { api.handle(request).await }
    };
    http::serve(listener, handler, Limits::default(), process.shutdown).await;
    Ok(())
}
