//! What the excluded trials showed, so that a reader of the matrix sees that their outcome is not why they were excluded.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Tried;

/// The trials of a cell that do not count, and what they showed all the same.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Excluded {
    /// Trials.
    pub trials: u64,
    /// Of those, trials in which a request failed.
    pub felt: u64,
    /// Of those, trials in which a class was down.
    pub down: u64,
    /// Requests without a good answer in the worst of them.
    pub worst_bad: u64,
    /// Bad seconds of the worst class in the worst of them, in seconds.
    pub worst_bad_seconds: u64,
    /// Bad-second-equivalents of the worst class in the worst of them, in seconds.
    pub worst_equivalents: f64,
    /// Why they do not count, each reason once.
    pub reasons: Vec<String>,
}

impl Excluded {
    /// Of those among the trials that do not count; none where all do.
    pub(super) fn of(tried: &[&Tried]) -> Option<Self> {
        let mut excluded = Self::default();
        for one in tried.iter().filter(|one| !one.counts()) {
            let toll = &one.toll;
            excluded.trials += 1;
            excluded.felt += u64::from(toll.bad > 0);
            excluded.down += u64::from(!toll.down.is_empty());
            excluded.worst_bad = excluded.worst_bad.max(toll.bad);
            excluded.worst_bad_seconds = excluded.worst_bad_seconds.max(toll.bad_seconds);
            let equivalents = toll.bad_second_equivalents;
            excluded.worst_equivalents = excluded.worst_equivalents.max(equivalents);
            for reason in one.doubt.iter() {
                if !excluded.reasons.contains(reason) {
                    excluded.reasons.push(reason.clone());
                }
            }
        }
        (excluded.trials > 0).then_some(excluded)
    }
}

/// Why each trial that does not count does not.
pub(super) fn doubts(tried: &[&Tried]) -> Vec<String> {
    let excluded = tried.iter().filter(|one| !one.counts());
    excluded.filter_map(|one| one.doubt.clone()).collect()
}
