//! How many trials the next run has room for, and how long all of them will take. Pure.

use std::time::Duration;

use drill::survival::{Survival, Trial, fitting};
use judge::survival::{Tried, expected};

/// Longest load of one run: whatever spoils a run spoils no more than this.
const LONGEST: Duration = Duration::from_secs(20 * 60);
/// What a run takes beside its load, before the first one has shown it: raising, health, the ledger, putting down.
const BESIDE: Duration = Duration::from_secs(120);

/// The next run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Batch {
    /// So many of the pending trials, from the first on.
    pub(super) trials: usize,
    /// Length of its load.
    pub(super) span: Duration,
}

/// Plans runs, and learns from those that were made.
#[derive(Debug)]
pub(super) struct Planner {
    survival: Survival,
    /// What a run takes beside its load.
    beside: Duration,
}

impl Planner {
    pub(super) fn new(survival: Survival) -> Self {
        Self {
            survival,
            beside: BESIDE,
        }
    }

    /// The next run, within the time that is left; none when no trial fits any more.
    pub(super) fn next(
        &self,
        pending: &[Trial],
        known: &[Tried],
        left: Option<Duration>,
    ) -> Option<Batch> {
        let room = left.map_or(LONGEST, |left| left.saturating_sub(self.beside));
        let expected = self.expected(pending, known);
        let trials = fitting(&self.survival, &expected, room.min(LONGEST));
        // A single trial that is longer than the longest load has it for itself.
        let trials = if left.is_none() {
            trials.max(1)
        } else {
            trials
        };
        (trials > 0 && !pending.is_empty()).then(|| Batch {
            trials,
            span: self.survival.span(expected[..trials].iter().copied()),
        })
    }

    /// Takes from a run how long the next ones will take beside their load.
    pub(super) fn learn(&mut self, span: Duration, took: Duration) {
        self.beside = took.saturating_sub(span);
    }

    /// Runs and time for all the trials.
    pub(super) fn estimate(&self, pending: &[Trial], known: &[Tried]) -> (usize, Duration) {
        let (mut runs, mut time, mut rest) = (0, Duration::ZERO, pending);
        while let Some(batch) = self.next(rest, known, None) {
            runs += 1;
            time += batch.span + self.beside;
            rest = &rest[batch.trials..];
        }
        (runs, time)
    }

    /// What comes now, and what after it.
    pub(super) fn words(&self, batch: &Batch, pending: &[Trial], known: &[Tried]) -> String {
        let minutes = |time: Duration| time.as_secs().div_ceil(60);
        let now = format!(
            "{} trials in about {} min",
            batch.trials,
            minutes(batch.span + self.beside)
        );
        match self.estimate(&pending[batch.trials..], known) {
            (0, _) => now,
            (_, time) => format!(
                "{now}; then {} more in about {} min",
                pending.len() - batch.trials,
                minutes(time)
            ),
        }
    }

    fn expected(&self, pending: &[Trial], known: &[Tried]) -> Vec<Duration> {
        let guess = self.survival.guess();
        let one = |trial: &Trial| expected(known, trial).unwrap_or(guess);
        pending.iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use drill::survival::{Blow, Subject, trials};

    use super::*;
    use crate::survive::shelf::tests::one;

    fn pending(members: usize) -> Vec<Trial> {
        let subjects: Vec<_> = (1..=members)
            .map(|n| Subject::Member(format!("api-{n}")))
            .collect();
        trials(&subjects, &[Blow::Kill], 1)
    }

    fn planner() -> Planner {
        Planner::new(Survival {
            topology: "ha".into(),
            users: 800,
            hold: Duration::from_secs(10),
        })
    }

    #[test]
    fn many_trials_are_split_and_none_is_left_out() {
        let pending = pending(90);
        let (runs, time) = planner().estimate(&pending, &[]);
        assert!(runs > 1 && time > LONGEST, "{runs} {time:?}");
        let first = planner().next(&pending, &[], None).unwrap();
        assert!(first.span <= LONGEST && first.trials < 90);
        let words = planner().words(&first, &pending, &[]);
        assert!(
            words.contains(&format!("{} more", 90 - first.trials)),
            "{words}"
        );
    }

    #[test]
    fn no_run_begins_that_would_end_too_late() {
        let minute = Duration::from_secs(60);
        assert_eq!(planner().next(&pending(3), &[], Some(minute)), None);
        let batch = planner().next(&pending(90), &[], Some(5 * minute)).unwrap();
        assert!(
            batch.span + BESIDE <= 5 * minute && batch.trials > 1,
            "{batch:?}"
        );
        let mut planner = planner();
        planner.learn(batch.span, batch.span + 4 * minute);
        assert_eq!(planner.next(&pending(3), &[], Some(4 * minute)), None);
    }

    #[test]
    fn what_was_seen_replaces_the_guess() {
        let slow = judge::survival::Tried {
            at_risk_s: Some(80.0),
            ..one("r", "api-9")
        };
        let fresh = planner().next(&pending(2), &[], None).unwrap();
        let warned = planner().next(&pending(2), &[slow], None).unwrap();
        assert!(warned.span > fresh.span + Duration::from_secs(100));
    }

    #[test]
    fn nothing_pending_needs_no_run() {
        assert_eq!(planner().next(&[], &[], None), None);
        assert_eq!(planner().estimate(&[], &[]).0, 0);
    }
}
