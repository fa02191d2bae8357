//! What the worker counts.

use std::time::Duration;

use prometheus::{HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};
use service_kit::metrics::Metrics;

use crate::store::Raised;

/// All of it.
#[derive(Debug, Clone)]
pub(crate) struct Counters {
    /// `worker_readings_total{result}`.
    readings: IntCounterVec,
    /// `worker_batches_total{result}`.
    pub(crate) batches: IntCounterVec,
    /// `worker_batch_seconds`.
    seconds: HistogramVec,
    /// `worker_readings_evaluated_late_total`.
    pub(crate) late: IntCounter,
    /// `worker_thresholds_stored_total`.
    pub(crate) changes: IntCounter,
    /// `worker_alerts_raised_total`.
    pub(crate) raised: IntCounter,
    /// `worker_alerts_announced_total{by}`.
    announced: IntCounterVec,
    /// `worker_live_batches_total{result}`.
    live: IntCounterVec,
    /// `worker_dead_letters_waiting`.
    pub(crate) dead_letters: IntGauge,
    /// `worker_pages_total{pager,outcome}`.
    pages: IntCounterVec,
    /// `worker_pager_breaker_open{pager}`.
    breaker_open: IntGaugeVec,
}

impl Counters {
    /// Registers them.
    pub(crate) fn new(metrics: &Metrics) -> Result<Self, prometheus::Error> {
        Ok(Self {
            readings: metrics.counters(
                "worker_readings_total",
                "Readings by result: stored, duplicate.",
                &["result"],
            )?,
            batches: metrics.counters(
                "worker_batches_total",
                "Attempts to store a batch by result: committed, failed.",
                &["result"],
            )?,
            seconds: metrics.seconds(
                "worker_batch_seconds",
                "From a full batch to its acknowledgement.",
                &[],
            )?,
            late: metrics.counter(
                "worker_readings_evaluated_late_total",
                "Readings that came past the queue.",
            )?,
            changes: metrics.counter(
                "worker_thresholds_stored_total",
                "Changes of thresholds taken from the queue and stored.",
            )?,
            raised: metrics.counter("worker_alerts_raised_total", "Alerts raised.")?,
            announced: metrics.counters(
                "worker_alerts_announced_total",
                "Alerts announced: direct, or by the sweep.",
                &["by"],
            )?,
            live: metrics.counters(
                "worker_live_batches_total",
                "Batches for the fan-out by result: published, lost.",
                &["result"],
            )?,
            dead_letters: metrics.gauge(
                "worker_dead_letters_waiting",
                "Messages given up that wait for somebody to look, in the whole cluster.",
            )?,
            pages: metrics.counters(
                "worker_pages_total",
                "Attempts to page by third party (1 is asked first): delivered, failed, timeout, refused.",
                &["pager", "outcome"],
            )?,
            breaker_open: metrics.gauges(
                "worker_pager_breaker_open",
                "Whether the third party is being left alone.",
                &["pager"],
            )?,
        })
    }

    /// A batch was committed and acknowledged.
    pub(crate) fn batch(&self, took: Duration, stored: usize, duplicates: usize) {
        self.batches.with_label_values(&["committed"]).inc();
        let count = |result, number: usize| {
            self.readings
                .with_label_values(&[result])
                .inc_by(number as u64);
        };
        count("stored", stored);
        count("duplicate", duplicates);
        let none: [&str; 0] = [];
        self.seconds
            .with_label_values(&none)
            .observe(took.as_secs_f64());
    }

    /// Alerts were stored after their announcement, those not announced for sure left out.
    pub(crate) fn announced(&self, by: &str, raised: &[Raised]) {
        let told = raised.iter().filter(|raised| raised.told).count();
        self.announced.with_label_values(&[by]).inc_by(told as u64);
    }

    /// A third party was asked to take a page.
    pub(crate) fn page(&self, pager: &str, outcome: &str) {
        self.pages.with_label_values(&[pager, outcome]).inc();
    }

    /// Whether a third party is being left alone.
    pub(crate) fn breaker(&self, pager: &str, open: bool) {
        let gauge = self.breaker_open.with_label_values(&[pager]);
        gauge.set(i64::from(open));
    }

    #[cfg(test)]
    pub(crate) fn breaker_is_open(&self, pager: &str) -> bool {
        self.breaker_open.with_label_values(&[pager]).get() == 1
    }

    /// A batch reached the fan-out or did not.
    pub(crate) fn live(&self, published: bool) {
        let result = match published {
            true => "published",
            false => "lost",
        };
        self.live.with_label_values(&[result]).inc();
    }
}
