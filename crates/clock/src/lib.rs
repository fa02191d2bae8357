//! One clock for all loops of a run: nanoseconds since the run's start, anchored once to the wall clock
//! and monotonic from then on. Nothing else in the testbed asks what time it is.

mod reading;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use timeline::Offset;
use tokio::time::Instant;

pub use reading::read;

/// The clock of one run. Copies agree.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    anchor: Instant,
    /// Offset of the anchor from zero, in nanoseconds; negative when zero lies in the future.
    anchor_ns: i128,
}

impl Clock {
    /// A clock whose zero is now, and the wall time of that zero in nanoseconds since the Unix epoch.
    pub fn start() -> (Self, u64) {
        let clock = Self {
            anchor: Instant::now(),
            anchor_ns: 0,
        };
        (clock, unix_ns())
    }

    /// A clock whose zero is the given wall time, in nanoseconds since the Unix epoch.
    pub fn anchored(zero_unix_ns: u64) -> Self {
        Self {
            anchor: Instant::now(),
            anchor_ns: i128::from(unix_ns()) - i128::from(zero_unix_ns),
        }
    }

    /// Now, or zero when zero has not come yet.
    pub fn now(&self) -> Offset {
        let since = i128::try_from(self.anchor.elapsed().as_nanos()).unwrap_or(i128::MAX);
        Offset(u64::try_from(self.anchor_ns.saturating_add(since)).unwrap_or(0))
    }

    /// Waits until `at`; returns at once when that is past.
    pub async fn until(&self, at: Offset) {
        let ahead = i128::from(at.0) - self.anchor_ns;
        if let Ok(ahead) = u64::try_from(ahead) {
            tokio::time::sleep_until(self.anchor + Duration::from_nanos(ahead)).await;
        }
    }
}

/// The wall clock in nanoseconds since the Unix epoch: for anchoring and for display, never for measuring.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place that reads the wall clock"
)]
pub fn unix_ns() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn until_waits_to_the_offset_and_not_beyond() {
        let (clock, _) = Clock::start();
        clock.until(Offset::from(Duration::from_secs(3))).await;
        assert_eq!(clock.now().as_duration(), Duration::from_secs(3));
        clock.until(Offset(1)).await;
        assert_eq!(clock.now().as_duration(), Duration::from_secs(3));
    }

    #[tokio::test]
    async fn two_anchored_clocks_agree_within_a_few_milliseconds() {
        let (first, zero) = Clock::start();
        let second = Clock::anchored(zero);
        let apart = second.now().0.abs_diff(first.now().0);
        assert!(apart < 20_000_000, "{apart} ns apart");
    }

    #[tokio::test]
    async fn before_zero_the_clock_stands_at_zero() {
        let clock = Clock::anchored(unix_ns() + 10_000_000_000);
        assert_eq!(clock.now(), Offset(0));
    }
}
