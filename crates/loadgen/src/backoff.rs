//! How long a clinician's client waits before it opens its stream again.

use std::time::Duration;

use drill::derive_seed;

/// Part of the seed that chooses each wait.
const BACKOFF: u64 = 0xb0;
/// The shortest wait, and how much longer it may be.
const RANGE_MS: (u64, u64) = (200, 800);
/// Openings in a row that may fail before the waits grow: the failure of one member costs up to so many.
const PATIENT_FOR: u32 = 2;
/// How often the waits double at most; the longest is then 8 s.
const DOUBLED_AT_MOST: u32 = 3;

/// Waits of 0.2 to 1 s, drawn from the seed, that double with every opening that fails after the second in a row, to 1.6 to 8 s.
///
/// Whom nobody answers stays away longer each time, as clients that can be many have to (gRPC's connection backoff): 600 that
/// come back at once, each second, keep a platform busy with turning them away.
pub(crate) struct Backoff {
    seed: u64,
    drawn: u64,
    failed: u32,
}

impl Backoff {
    /// The waits of one user.
    pub(crate) fn new(seed: u64, user: u32) -> Self {
        Self {
            seed: derive_seed(derive_seed(seed, BACKOFF), u64::from(user)),
            drawn: 0,
            failed: 0,
        }
    }

    /// Takes note of an opening that was good or failed.
    pub(crate) fn opened(&mut self, good: bool) {
        self.failed = if good { 0 } else { self.failed + 1 };
    }

    /// The next wait.
    pub(crate) fn wait(&mut self) -> Duration {
        self.drawn += 1;
        let (least_ms, more_ms) = RANGE_MS;
        let first_ms = least_ms + derive_seed(self.seed, self.drawn) % (more_ms + 1);
        let doubled = self.failed.saturating_sub(PATIENT_FOR);
        Duration::from_millis(first_ms << doubled.min(DOUBLED_AT_MOST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The shortest and the longest of many users' waits after so many failed openings in a row.
    fn range(failed: u32) -> (Duration, Duration) {
        let waits = (0..2000).map(|user| {
            let mut backoff = Backoff::new(7, user);
            (0..failed).for_each(|_| backoff.opened(false));
            backoff.wait()
        });
        waits.fold((Duration::MAX, Duration::ZERO), |(least, most), wait| {
            (least.min(wait), most.max(wait))
        })
    }

    fn within(failed: u32, least_ms: u64, most_ms: u64) {
        let (least, most) = range(failed);
        let near = Duration::from_millis((most_ms - least_ms) / 50);
        let bounds = (
            Duration::from_millis(least_ms),
            Duration::from_millis(most_ms),
        );
        assert!(
            least >= bounds.0 && most <= bounds.1,
            "{least:?} to {most:?} after {failed}"
        );
        assert!(
            least - bounds.0 < near && bounds.1 - most < near,
            "{least:?} to {most:?} after {failed}"
        );
    }

    #[test]
    fn the_first_two_failures_cost_no_more_than_a_break() {
        (0..=2).for_each(|failed| within(failed, 200, 1000));
    }

    #[test]
    fn who_is_turned_away_again_and_again_stays_away_up_to_eight_seconds() {
        within(3, 400, 2000);
        within(4, 800, 4000);
        within(5, 1600, 8000);
        within(50, 1600, 8000);
    }

    #[test]
    fn a_good_opening_makes_it_begin_anew() {
        let mut backoff = Backoff::new(7, 1);
        (0..9).for_each(|_| backoff.opened(false));
        backoff.opened(true);
        (0..100).for_each(|_| assert!(backoff.wait() <= Duration::from_secs(1)));
    }
}
