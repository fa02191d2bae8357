//! Newest readings: one that was acknowledged must be shown once the contract's bound has passed, and one that was shown
//! must not vanish again.

use std::time::Duration;

use timeline::{Offset, Outcome};

use crate::versions::Versions;

/// Shared by all users of a load. Its memory is bounded: of each patient it keeps the readings of the last bound only.
#[derive(Debug)]
pub(crate) struct Visible {
    acknowledged: Versions,
    shown: Versions,
}

/// What a read shows of one patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shown {
    pub(crate) patient: u32,
    /// When its newest reading was taken, in milliseconds since the Unix epoch; none without a reading.
    pub(crate) newest_ms: Option<i64>,
}

impl Visible {
    /// Nothing is missed without `visible_within`, and nothing has gone back in time without `stale_after`.
    pub(crate) fn new(visible_within: Option<Duration>, stale_after: Option<Duration>) -> Self {
        Self {
            acknowledged: Versions::new(visible_within),
            shown: Versions::new(stale_after),
        }
    }

    /// A reading that was taken at `taken_at_ms` was acknowledged at `at`.
    pub(crate) fn acknowledged(&self, patient: u32, taken_at_ms: i64, at: Offset) {
        self.acknowledged.note(patient, taken_at_ms, at);
    }

    /// Judges a read that was sent at `sent` and is answered now.
    pub(crate) fn look(&self, all: &[Shown], sent: Offset, now: Offset) -> Outcome {
        // A patient without a reading shows less than any reading.
        let shows = |book: &Versions, shown: &Shown| {
            book.is_fresh(shown.patient, shown.newest_ms.unwrap_or(i64::MIN), sent)
        };
        let outcome = if !all.iter().all(|shown| shows(&self.shown, shown)) {
            Outcome::Stale
        } else if !all.iter().all(|shown| shows(&self.acknowledged, shown)) {
            Outcome::NotVisible
        } else {
            Outcome::Ok
        };
        for shown in all {
            if let Some(newest_ms) = shown.newest_ms {
                self.shown.note(shown.patient, newest_ms, now);
            }
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: u64) -> Offset {
        Offset::from(Duration::from_secs(seconds))
    }

    fn shown(newest_ms: Option<i64>) -> [Shown; 2] {
        let other = Shown {
            patient: 2,
            newest_ms: None,
        };
        let patient = 1;
        [other, Shown { patient, newest_ms }]
    }

    #[test]
    fn an_acknowledged_reading_is_shown_after_the_bound() {
        let visible = Visible::new(Some(Duration::from_secs(5)), None);
        visible.acknowledged(1, 1_000, at(10));
        let look = |newest_ms, sent| visible.look(&shown(newest_ms), at(sent), at(sent));
        assert_eq!(look(None, 14), Outcome::Ok);
        assert_eq!(look(None, 15), Outcome::NotVisible);
        assert_eq!(look(Some(999), 15), Outcome::NotVisible);
        assert_eq!(look(Some(1_000), 15), Outcome::Ok);
        assert_eq!(look(Some(1_001), 99), Outcome::Ok, "a newer one");
    }

    #[test]
    fn a_reading_that_was_shown_does_not_vanish() {
        let visible = Visible::new(None, Some(Duration::from_secs(5)));
        let look = |newest_ms, sent| visible.look(&shown(newest_ms), at(sent), at(sent));
        assert_eq!(look(Some(7), 10), Outcome::Ok);
        assert_eq!(look(Some(6), 14), Outcome::Ok);
        assert_eq!(look(Some(6), 15), Outcome::Stale);
        assert_eq!(look(None, 15), Outcome::Stale);
    }

    #[test]
    fn without_bounds_nothing_is_missed() {
        let visible = Visible::new(None, None);
        visible.acknowledged(1, 1_000, at(0));
        assert_eq!(visible.look(&shown(None), at(99), at(99)), Outcome::Ok);
    }

    proptest! {
        #[test]
        fn a_read_is_missed_exactly_when_an_older_acknowledgement_is_not_shown(
            taken in prop::collection::vec(0_i64..50, 1..20), sent in 0_u64..60, newest in 0_i64..50,
        ) {
            let visible = Visible::new(Some(Duration::from_secs(5)), None);
            let acknowledged = taken.iter().zip(1..).map(|(taken, second)| (*taken, second));
            for (taken, second) in acknowledged.clone().filter(|(_, second)| *second <= sent) {
                visible.acknowledged(1, taken, at(second));
            }
            let settled = acknowledged.filter(|(_, second)| second + 5 <= sent);
            let due = settled.map(|(taken, _)| taken).max();
            let missed = visible.look(&shown(Some(newest)), at(sent), at(sent)) != Outcome::Ok;
            prop_assert_eq!(missed, due.is_some_and(|due| due > newest));
        }
    }
}
