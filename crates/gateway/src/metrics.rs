//! What the gateway counts beside requests.

use prometheus::{IntCounter, IntCounterVec, IntGauge};
use service_kit::metrics::{HttpMetrics, Metrics};

use crate::exchange::Shown;
use crate::priority::Priority;

/// All of it.
#[derive(Debug, Clone)]
pub(crate) struct Counters {
    /// `http_requests_total{route,status}` and `http_request_seconds{route}`.
    pub(crate) http: HttpMetrics,
    /// `gateway_limited_total{by}`.
    pub(crate) limited: IntCounterVec,
    /// `gateway_upstream_errors_total{upstream,kind}`.
    pub(crate) upstream: IntCounterVec,
    /// `gateway_upstream_retries_total`.
    pub(crate) retries: IntCounter,
    /// `gateway_shed_total{priority}`.
    pub(crate) shed: IntCounterVec,
    /// `gateway_concurrency_limit`.
    pub(crate) concurrency: IntGauge,
    /// `gateway_in_flight`.
    pub(crate) in_flight: IntGauge,
    /// `gateway_peers` and `gateway_exchanges_total{result}`.
    pub(crate) exchange: Shown,
    /// `gateway_open_streams`.
    pub(crate) streams: IntGauge,
}

impl Counters {
    /// Registers them.
    pub(crate) fn new(metrics: &Metrics) -> Result<Self, prometheus::Error> {
        let shed = metrics.counters(
            "gateway_shed_total",
            "Requests refused with 503 because the api is busy, by priority (vitals, dashboard, static).",
            &["priority"],
        )?;
        for priority in Priority::ALL {
            shed.with_label_values(&[priority.name()]);
        }
        Ok(Self {
            http: HttpMetrics::new(metrics)?,
            limited: metrics.counters(
                "gateway_limited_total",
                "Requests refused with 429, by the limit (client, newcomer, total).",
                &["by"],
            )?,
            upstream: metrics.counters(
                "gateway_upstream_errors_total",
                "Failed tries by upstream (api, ws) and kind (connect, closed, timeout).",
                &["upstream", "kind"],
            )?,
            retries: metrics.counter(
                "gateway_upstream_retries_total",
                "Requests that were sent a second time.",
            )?,
            shed,
            concurrency: metrics.gauge(
                "gateway_concurrency_limit",
                "Requests that may be under way to the api at once.",
            )?,
            in_flight: metrics.gauge(
                "gateway_in_flight",
                "Requests under way to the api.",
            )?,
            exchange: Shown {
                peers: metrics.gauge(
                    "gateway_peers",
                    "Other gateways whose requests count here, too; with none this one keeps the limits by itself.",
                )?,
                exchanges: metrics.counters(
                    "gateway_exchanges_total",
                    "Exchanges with other gateways through Redis, by result: ok, failed.",
                    &["result"],
                )?,
            },
            streams: metrics.gauge("gateway_open_streams", "WebSocket streams passing through.")?,
        })
    }
}
