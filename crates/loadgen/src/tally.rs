//! Counters of one load, for `GET /stats` and for the footer.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use drill::Class;
use serde::Serialize;
use timeline::{Arrival, Outcome};

/// Counts what happens; shared by every user of a load.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    arrivals: [[AtomicU64; Outcome::ALL.len()]; Class::ALL.len()],
    recorded: AtomicU64,
    lost: AtomicU64,
    connects: AtomicU64,
    retries: AtomicU64,
    alerts: AtomicU64,
    alerts_again: AtomicU64,
    lateness_max_ns: AtomicU64,
}

/// The counters as `GET /stats` shows them.
#[derive(Debug, Serialize)]
pub(crate) struct Counts {
    arrivals: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    lost_records: u64,
    connects: u64,
    retries: u64,
    alerts_seen: u64,
    alerts_seen_again: u64,
    lateness_max_ms: f64,
}

impl Tally {
    pub(crate) fn count(&self, arrival: &Arrival) {
        self.recorded.fetch_add(1, Relaxed);
        if arrival.is_abuse() || arrival.is_probe() {
            return;
        }
        let class = Class::ALL.iter().position(|c| *c == arrival.class);
        if let Some(class) = class {
            self.arrivals[class][arrival.outcome as usize].fetch_add(1, Relaxed);
        }
        self.retries.fetch_add(u64::from(arrival.again), Relaxed);
        if let Some(late) = arrival.lateness() {
            let late_ns = u64::try_from(late.as_nanos()).unwrap_or(u64::MAX);
            self.lateness_max_ns.fetch_max(late_ns, Relaxed);
        }
    }

    /// A span of a follower, which is a record of the recording and no arrival.
    pub(crate) fn span(&self) {
        self.recorded.fetch_add(1, Relaxed);
    }

    /// A record that was counted but could not be kept.
    pub(crate) fn lost(&self) {
        self.lost.fetch_add(1, Relaxed);
    }

    /// A user that ended by a defect of ours: its arrivals are missing, so the recording must not look whole.
    pub(crate) fn user_failed(&self) {
        self.recorded.fetch_add(1, Relaxed);
        self.lost();
    }

    pub(crate) fn connected(&self) {
        self.connects.fetch_add(1, Relaxed);
    }

    /// An alert came over a stream; one that is not new came twice.
    pub(crate) fn alert_seen(&self, new: bool) {
        self.alerts.fetch_add(1, Relaxed);
        self.alerts_again.fetch_add(u64::from(!new), Relaxed);
    }

    /// Records that a whole recording has.
    pub(crate) fn recorded(&self) -> u64 {
        self.recorded.load(Relaxed)
    }

    pub(crate) fn counts(&self) -> Counts {
        let of_class = |row: &[AtomicU64; Outcome::ALL.len()]| {
            let cells = Outcome::ALL.iter().zip(row);
            let seen = cells.map(|(outcome, count)| (outcome.name(), count.load(Relaxed)));
            seen.filter(|(_, count)| *count > 0).collect()
        };
        let rows = Class::ALL.iter().zip(&self.arrivals);
        Counts {
            arrivals: rows.map(|(c, row)| (c.name(), of_class(row))).collect(),
            lost_records: self.lost.load(Relaxed),
            connects: self.connects.load(Relaxed),
            retries: self.retries.load(Relaxed),
            alerts_seen: self.alerts.load(Relaxed),
            alerts_seen_again: self.alerts_again.load(Relaxed),
            lateness_max_ms: self.lateness_max_ns.load(Relaxed) as f64 / 1e6,
        }
    }
}
