//! Which pages came and what became of them.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::{IntCounter, IntCounterVec};
use serde::Serialize;
use service_kit::metrics::Metrics;

/// Pages by outcome, as `GET /pages` shows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Pages {
    /// Taken, repeats included.
    pub taken: u64,
    /// Different alerts among those taken.
    pub alerts: u64,
    /// Taken again.
    pub repeated: u64,
    /// Refused with 503.
    pub failed: u64,
    /// Left without an answer.
    pub hung: u64,
    /// Not understood.
    pub malformed: u64,
}

/// Counts. Copies share it.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    inner: Arc<Mutex<(Pages, HashSet<i64>)>>,
    outcomes: IntCounterVec,
    repeated: IntCounter,
}

impl Ledger {
    /// Counts in `pager_pages_total{outcome}` and `pager_repeated_total` too.
    pub(crate) fn new(metrics: &Metrics) -> Result<Self, prometheus::Error> {
        let help = "Pages by outcome: taken, failed, hung, malformed.";
        Ok(Self {
            inner: Arc::default(),
            outcomes: metrics.counters("pager_pages_total", help, &["outcome"])?,
            repeated: metrics.counter("pager_repeated_total", "Pages taken more than once.")?,
        })
    }

    /// The counts so far.
    pub(crate) fn pages(&self) -> Pages {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    /// A page was taken.
    pub(crate) fn taken(&self, alert: i64) {
        self.outcomes.with_label_values(&["taken"]).inc();
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let (pages, known) = &mut *inner;
        pages.taken += 1;
        match known.insert(alert) {
            true => pages.alerts += 1,
            false => {
                pages.repeated += 1;
                self.repeated.inc();
            }
        }
    }

    /// A page was refused.
    pub(crate) fn failed(&self) {
        self.count("failed", |pages| &mut pages.failed);
    }

    /// A page is left without an answer.
    pub(crate) fn hung(&self) {
        self.count("hung", |pages| &mut pages.hung);
    }

    /// A page was not understood.
    pub(crate) fn malformed(&self) {
        self.count("malformed", |pages| &mut pages.malformed);
    }

    fn count(&self, outcome: &str, of: impl Fn(&mut Pages) -> &mut u64) {
        self.outcomes.with_label_values(&[outcome]).inc();
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        *of(&mut inner.0) += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeats_are_told_from_new_alerts() {
        let ledger = Ledger::new(&Metrics::new().unwrap()).unwrap();
        ledger.taken(1);
        ledger.taken(1);
        ledger.taken(2);
        ledger.hung();
        let pages = ledger.pages();
        assert_eq!(
            (pages.taken, pages.alerts, pages.repeated, pages.hung),
            (3, 2, 1, 1)
        );
    }
}
