//! What clients have seen of each patient: nobody may see less once the staleness bound has passed.
//!
//! A change of thresholds is answered with the record's new version, and every later read shows one. Whoever
//! reads longer than the bound after a version was seen, by anybody, must see that version or a newer one: a
//! read that does not has gone back in time.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use timeline::Offset;

/// A version with the moment at which it was first seen.
type Seen = (i64, Offset);

/// Shared by all users of a load.
#[derive(Debug)]
pub(crate) struct Versions {
    /// No check without one.
    bound: Option<Duration>,
    /// By patient, ascending in version and in time.
    seen: Mutex<HashMap<u32, Vec<Seen>>>,
}

impl Versions {
    pub(crate) fn new(bound: Option<Duration>) -> Self {
        Self {
            bound,
            seen: Mutex::default(),
        }
    }

    /// Notes that a version was seen at `at`.
    pub(crate) fn note(&self, patient: u32, version: i64, at: Offset) {
        let Some(bound) = self.bound else { return };
        let mut all = self.lock();
        let seen = all.entry(patient).or_default();
        if seen.last().is_none_or(|(newest, _)| version > *newest) {
            seen.push((version, at));
        }
        // Of those whose bound has passed only the newest still matters.
        let settled = settled(seen, at, bound);
        seen.drain(..settled.saturating_sub(1));
    }

    /// Whether a read that was sent at `sent` may show `version`.
    pub(crate) fn is_fresh(&self, patient: u32, version: i64, sent: Offset) -> bool {
        let Some(bound) = self.bound else { return true };
        let all = self.lock();
        let seen = all.get(&patient).map(Vec::as_slice).unwrap_or_default();
        let settled = &seen[..settled(seen, sent, bound)];
        settled.last().is_none_or(|(newest, _)| version >= *newest)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u32, Vec<Seen>>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many of the versions had been seen for longer than the bound at `now`.
fn settled(seen: &[Seen], now: Offset, bound: Duration) -> usize {
    seen.partition_point(|(_, at)| at.as_duration() + bound <= now.as_duration())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Offset {
        Offset::from(Duration::from_secs(seconds))
    }

    #[test]
    fn an_old_version_is_stale_only_after_the_bound() {
        let versions = Versions::new(Some(Duration::from_secs(5)));
        versions.note(1, 1, at(0));
        versions.note(1, 2, at(10));
        assert!(versions.is_fresh(1, 1, at(14)));
        assert!(!versions.is_fresh(1, 1, at(15)));
        assert!(versions.is_fresh(1, 2, at(99)) && versions.is_fresh(1, 3, at(99)));
        assert!(versions.is_fresh(2, 0, at(99)), "another patient");
    }

    #[test]
    fn seeing_an_old_version_again_takes_nothing_back() {
        let versions = Versions::new(Some(Duration::from_secs(5)));
        for (version, seconds) in [(7, 0), (8, 1), (7, 8), (9, 9)] {
            versions.note(1, version, at(seconds));
        }
        assert!(!versions.is_fresh(1, 7, at(10)));
        assert!(versions.is_fresh(1, 8, at(10)));
        assert!(!versions.is_fresh(1, 8, at(14)));
    }

    #[test]
    fn without_a_bound_nothing_is_stale() {
        let versions = Versions::new(None);
        versions.note(1, 9, at(0));
        assert!(versions.is_fresh(1, 1, at(1_000)));
    }
}
