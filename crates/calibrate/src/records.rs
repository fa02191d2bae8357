//! Patients' records whose version grows with each change, and reads of them that go back in time on purpose.

use std::collections::HashMap;
use std::time::Duration;

use timeline::Offset;

/// A change counts as settled so many bounds after it: far from the edge, where the client's clock and the
/// target's may disagree.
const SETTLED_BOUNDS: u32 = 2;
/// Every so many reads of a settled record show the version before.
const STALE_EVERY: u64 = 2;

/// The newest version of each patient's record.
#[derive(Debug, Default)]
pub(crate) struct Records {
    /// Reads go back in time beyond this bound; none does without one.
    bound: Option<Duration>,
    records: HashMap<u32, (i64, Offset)>,
    settled_reads: u64,
    /// Reads that showed less than had been acknowledged longer ago than the bound.
    pub(crate) stale: u64,
}

impl Records {
    pub(crate) fn new(bound: Option<Duration>) -> Self {
        Self {
            bound,
            ..Self::default()
        }
    }

    /// Changes a record, and returns its new version.
    pub(crate) fn change(&mut self, patient: u32, now: Offset) -> i64 {
        let record = self.records.entry(patient).or_insert((1, now));
        *record = (record.0 + 1, now);
        record.0
    }

    /// The version that a read shows.
    pub(crate) fn show(&mut self, patient: u32, now: Offset) -> i64 {
        let Some((version, changed)) = self.records.get(&patient) else {
            return 1;
        };
        let since = now.since(*changed);
        if self
            .bound
            .is_none_or(|bound| since < bound * SETTLED_BOUNDS)
        {
            return *version;
        }
        self.settled_reads += 1;
        if !self.settled_reads.is_multiple_of(STALE_EVERY) {
            return *version;
        }
        self.stale += 1;
        version - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Offset {
        Offset::from(Duration::from_millis(ms))
    }

    #[test]
    fn every_other_read_of_a_settled_record_is_stale() {
        let mut records = Records::new(Some(Duration::from_millis(100)));
        assert_eq!(records.show(1, at(0)), 1);
        assert_eq!(records.change(1, at(10)), 2);
        assert_eq!(records.show(1, at(209)), 2, "not settled yet");
        let shown: Vec<_> = (0..4).map(|n| records.show(1, at(300 + n))).collect();
        assert_eq!(shown, [2, 1, 2, 1]);
        assert_eq!(records.stale, 2);
    }

    #[test]
    fn without_a_bound_every_read_is_fresh() {
        let mut records = Records::default();
        records.change(1, at(0));
        assert_eq!(records.show(1, at(99_999)), 2);
        assert_eq!((records.show(1, at(99_999)), records.stale), (2, 0));
    }
}
