//! Exponential waits between attempts, with jitter so that many clients do not come back together.

use std::time::Duration;

/// Waits of `base`, twice that, and so on up to `max`, each shortened at random by up to a half.
#[derive(Debug, Clone)]
pub struct Backoff {
    base: Duration,
    max: Duration,
    failures: u32,
}

impl Backoff {
    /// Starts at `base` and never waits longer than `max`.
    pub fn new(base: Duration, max: Duration) -> Self {
        Self {
            base,
            max: max.max(base),
            failures: 0,
        }
    }

    /// Back to the first wait, after a success.
    pub fn reset(&mut self) {
        self.failures = 0;
    }

    /// The next wait for a draw within `0.0..1.0`; counts one failure.
    pub fn next(&mut self, draw: f64) -> Duration {
        let doubled = self.base.saturating_mul(1 << self.failures.min(20));
        self.failures = self.failures.saturating_add(1);
        doubled
            .min(self.max)
            .mul_f64(1.0 - draw.clamp(0.0, 1.0) / 2.0)
    }

    /// Sleeps for the next wait.
    pub async fn wait(&mut self) {
        tokio::time::sleep(self.next(crate::entropy::share())).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_limit_and_reset() {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_millis(300));
        let waits: Vec<_> = (0..5).map(|_| backoff.next(0.0).as_millis()).collect();
        assert_eq!(waits, [50, 100, 200, 300, 300]);
        backoff.reset();
        assert_eq!(backoff.next(0.0).as_millis(), 50);
    }

    #[test]
    fn jitter_takes_at_most_a_half_and_nonsense_draws_do_no_harm() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(100));
        assert_eq!(backoff.next(1.0).as_millis(), 50);
        assert_eq!(backoff.next(7.0).as_millis(), 50);
        for _ in 0..100 {
            assert!(backoff.next(0.5).as_millis() == 75);
        }
    }
}
