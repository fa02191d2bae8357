//! Which pages came and what became of them.

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus::{IntCounter, IntCounterVec};
use serde::Serialize;
use service_kit::metrics::Metrics;
use uuid::Uuid;
use wire::Paged;

use crate::book::Book;

/// Pages by outcome, as `GET /pages` shows them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Pages {
    /// Taken.
    pub taken: u64,
    /// Sent again after they were taken: answered as before, and not taken twice.
    pub repeated: u64,
    /// Refused with 503.
    pub failed: u64,
    /// Left without an answer.
    pub hung: u64,
    /// Not understood.
    pub malformed: u64,
}

/// What the ledger holds: counts since the start, and the book, which outlives a restart.
#[derive(Debug)]
struct Inner {
    pages: Pages,
    known: HashSet<Uuid>,
    book: Book,
}

/// Counts and keeps. Copies share it.
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    inner: Arc<Mutex<Inner>>,
    outcomes: IntCounterVec,
    repeated: IntCounter,
}

impl Ledger {
    /// Counts in `pager_pages_total{outcome}` and `pager_repeated_total` too.
    pub(crate) fn new(book: Book, metrics: &Metrics) -> Result<Self, prometheus::Error> {
        let help = "Pages by outcome: taken, failed, hung, malformed.";
        let known = book.pages().iter().map(|page| page.alert_id).collect();
        let inner = Inner {
            pages: Pages::default(),
            known,
            book,
        };
        Ok(Self {
            inner: Arc::new(Mutex::new(inner)),
            outcomes: metrics.counters("pager_pages_total", help, &["outcome"])?,
            repeated: metrics.counter(
                "pager_repeated_total",
                "Pages sent again after they were taken.",
            )?,
        })
    }

    /// The counts so far.
    pub(crate) fn pages(&self) -> Pages {
        self.lock().pages
    }

    /// Every page taken, those before a restart included.
    pub(crate) fn book(&self) -> Vec<Paged> {
        self.lock().book.pages().to_vec()
    }

    /// Takes a page, unless its alert is in the book: then there is nothing left to do.
    ///
    /// # Errors
    /// When it can't be kept; then it is not taken.
    pub(crate) fn take(&self, page: Paged) -> io::Result<()> {
        let mut inner = self.lock();
        let alert = page.alert_id;
        if inner.known.contains(&alert) {
            inner.pages.repeated += 1;
            self.repeated.inc();
            return Ok(());
        }
        inner.book.enter(page)?;
        inner.known.insert(alert);
        inner.pages.taken += 1;
        self.outcomes.with_label_values(&["taken"]).inc();
        Ok(())
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
        *of(&mut self.lock().pages) += 1;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(alert_id: u128) -> Paged {
        Paged {
            alert_id: Uuid::from_u128(alert_id),
            reading_id: Uuid::nil(),
            taken_at_ms: 5,
        }
    }

    #[test]
    fn a_page_is_taken_once_also_when_it_comes_again_after_a_restart() {
        let path = std::env::temp_dir().join(format!("pager-ledger-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let open = || Ledger::new(Book::open(&path).unwrap(), &Metrics::new().unwrap()).unwrap();
        let ledger = open();
        for alert in [1, 1, 2] {
            ledger.take(page(alert)).unwrap();
        }
        ledger.hung();
        let pages = ledger.pages();
        assert_eq!((pages.taken, pages.repeated, pages.hung), (2, 1, 1));
        let ledger = open();
        ledger.take(page(2)).unwrap();
        assert_eq!((ledger.pages().taken, ledger.pages().repeated), (0, 1));
        assert_eq!(ledger.book(), [page(1), page(2)]);
    }
}
