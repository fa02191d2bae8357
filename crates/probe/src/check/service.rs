//! Our own services: `/readyz` and `/metrics` on the admin port.

use std::sync::Arc;

use drill::Component;
use hyper::StatusCode;
use timeline::Watched;

use crate::{
    http::Http,
    look::{Check, Look, LookError, Reading},
    metrics::{self, Wanted, all, only},
    site::{Site, at},
};

const READY: &str = "/readyz";
const METRICS: &str = "/metrics";

/// Looks at one instance of a service.
pub(crate) struct Service {
    admin: Http,
    component: Component,
}

impl Service {
    pub(crate) fn new(site: Arc<Site>, member: &Watched) -> Self {
        Self {
            admin: Http::new(at(member, site.ports.admin)),
            component: member.component,
        }
    }
}

impl Check for Service {
    async fn look(&mut self) -> Result<Look, LookError> {
        let answer = self.admin.get(READY).await?;
        Ok(read_ready(answer.status, answer.text()?))
    }

    async fn counters(&mut self) -> Result<Vec<Reading>, LookError> {
        let metrics = self.admin.get(METRICS).await?.ok(METRICS)?;
        Ok(metrics::read(wanted(self.component), metrics.text()?))
    }
}

/// 200 is ready, and may name what it can't do all the same; 404 is draining, anything else names what is missing: one a line,
/// below a headline.
fn read_ready(status: StatusCode, text: &str) -> Look {
    let mut look = Look::new("ready");
    match status {
        StatusCode::OK => {
            let cannot = text.lines().filter(|line| line.starts_with("cannot: "));
            look.troubles.extend(cannot.map(str::to_owned));
        }
        StatusCode::NOT_FOUND => look.troubles.push("draining".into()),
        StatusCode::SERVICE_UNAVAILABLE => {
            let missing: Vec<_> = text.lines().skip(1).collect();
            look.troubles
                .push(format!("not ready: {}", missing.join(", ")));
        }
        status => look
            .troubles
            .push(format!("{READY} answered {}", status.as_u16())),
    }
    look
}

const GATEWAY: &[Wanted] = &[
    all("requests", "http_requests_total"),
    all("limited", "gateway_limited_total"),
    only(
        "limited_newcomers",
        "gateway_limited_total",
        "by",
        &["newcomer"],
    ),
];

const API: &[Wanted] = &[
    all("requests", "http_requests_total"),
    only("reads_redis", "reads_total", "source", &["redis"]),
    only("reads_replica", "reads_total", "source", &["replica"]),
    only("reads_primary", "reads_total", "source", &["primary"]),
    only(
        "publishes_confirmed",
        "publishes_total",
        "result",
        &["confirmed", "hedged"],
    ),
    only("publishes_hedged", "publishes_total", "result", &["hedged"]),
    only("ingest_queue", "ingest_total", "path", &["queue"]),
    only("ingest_postgres", "ingest_total", "path", &["postgres"]),
    only("pool_in_use_now", "postgres_pool", "state", &["in_use"]),
    only("pool_waiting_now", "postgres_pool", "state", &["waiting"]),
];

const WS: &[Wanted] = &[
    all("live_streams_now", "live_streams"),
    all("frames", "live_frames_sent_total"),
];

const WORKER: &[Wanted] = &[
    only("stored", "worker_readings_total", "result", &["stored"]),
    only(
        "duplicates",
        "worker_readings_total",
        "result",
        &["duplicate"],
    ),
    all("alerts", "worker_alerts_raised_total"),
    only("pages", "worker_pages_total", "outcome", &["delivered"]),
];

const PAGER: &[Wanted] = &[only("pages", "pager_pages_total", "outcome", &["taken"])];

fn wanted(component: Component) -> &'static [Wanted] {
    match component {
        Component::Gateway => GATEWAY,
        Component::Api => API,
        Component::Ws => WS,
        Component::Worker => WORKER,
        Component::Pager => PAGER,
        _ => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn troubles(status: u16, text: &str) -> Vec<String> {
        read_ready(StatusCode::from_u16(status).unwrap(), text).troubles
    }

    #[test]
    fn only_200_is_ready_and_the_reason_is_named() {
        assert_eq!(troubles(200, "ready\n"), [""; 0]);
        let degraded = "ready\nwithout: primary\ncannot: writes: no primary\n";
        assert_eq!(troubles(200, degraded), ["cannot: writes: no primary"]);
        assert_eq!(troubles(404, "draining\n"), ["draining"]);
        let missing = "not ready\nreads: no redis, no replica\nwrites: no primary\n";
        assert_eq!(
            troubles(503, missing),
            ["not ready: reads: no redis, no replica, writes: no primary"]
        );
        assert_eq!(troubles(500, ""), ["/readyz answered 500"]);
    }
}
