//! Metrics in Prometheus text, on one registry per process.

use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry, TextEncoder,
};

/// Upper bounds in seconds: dense around the 100 ms that a request may take.
const SECONDS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 2.0,
];

/// The registry of a process. Copies share it.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    dependencies: IntGaugeVec,
}

impl Metrics {
    /// An empty registry.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let dependencies = IntGaugeVec::new(
            Opts::new(
                "dependency_up",
                "Whether a dependency was reachable when last tried.",
            ),
            &["dependency"],
        )?;
        registry.register(Box::new(dependencies.clone()))?;
        Ok(Self {
            registry,
            dependencies,
        })
    }

    /// The gauge that says whether `dependency` is reachable.
    pub(crate) fn dependency_up(&self, dependency: &str) -> Result<IntGauge, prometheus::Error> {
        self.dependencies
            .get_metric_with_label_values(&[dependency])
    }

    /// A counter without labels.
    pub fn counter(&self, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
        self.keep(IntCounter::new(name, help)?)
    }

    /// A counter with labels.
    pub fn counters(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntCounterVec, prometheus::Error> {
        self.keep(IntCounterVec::new(Opts::new(name, help), labels)?)
    }

    /// A gauge without labels.
    pub fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
        self.keep(IntGauge::new(name, help)?)
    }

    /// A gauge with labels.
    pub fn gauges(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntGaugeVec, prometheus::Error> {
        self.keep(IntGaugeVec::new(Opts::new(name, help), labels)?)
    }

    /// A histogram of seconds with labels.
    pub fn seconds(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<HistogramVec, prometheus::Error> {
        let options = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
        self.keep(HistogramVec::new(options, labels)?)
    }

    /// Everything, as Prometheus text.
    pub fn text(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }

    fn keep<C: Collector + Clone + 'static>(&self, metric: C) -> Result<C, prometheus::Error> {
        self.registry.register(Box::new(metric.clone()))?;
        Ok(metric)
    }
}

/// What became of requests: `http_requests_total{route,status}` and `http_request_seconds{route}`.
#[derive(Debug, Clone)]
pub struct HttpMetrics {
    requests: IntCounterVec,
    seconds: HistogramVec,
}

impl HttpMetrics {
    /// Registers both.
    pub fn new(metrics: &Metrics) -> Result<Self, prometheus::Error> {
        Ok(Self {
            requests: metrics.counters(
                "http_requests_total",
                "Requests answered, by route and status.",
                &["route", "status"],
            )?,
            seconds: metrics.seconds(
                "http_request_seconds",
                "From the request's head to the answer's head.",
                &["route"],
            )?,
        })
    }

    /// Counts one answer.
    pub fn answered(&self, route: &str, status: hyper::StatusCode, took: Duration) {
        self.requests
            .with_label_values(&[route, status.as_str()])
            .inc();
        self.seconds
            .with_label_values(&[route])
            .observe(took.as_secs_f64());
    }
}
