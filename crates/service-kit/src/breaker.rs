//! A circuit breaker: after some failures in a row it refuses for a while, then lets one attempt through.

use std::time::Duration;

use tokio::time::Instant;

/// Counts failures in a row. Not shared: whoever shares it locks it.
#[derive(Debug, Clone)]
pub struct Breaker {
    allowed_failures: u32,
    open_for: Duration,
    failures: u32,
    open_until: Option<Instant>,
}

impl Breaker {
    /// Opens for `open_for` at the `allowed_failures`-th failure in a row.
    pub fn new(allowed_failures: u32, open_for: Duration) -> Self {
        Self {
            allowed_failures: allowed_failures.max(1),
            open_for,
            failures: 0,
            open_until: None,
        }
    }

    /// Whether an attempt may start at `now`. While open, one attempt is let through per period.
    pub fn allows(&mut self, now: Instant) -> bool {
        match self.open_until {
            Some(until) if now < until => false,
            Some(_) => {
                // Half open: this attempt decides; meanwhile the others are refused.
                self.open_until = Some(now + self.open_for);
                true
            }
            None => true,
        }
    }

    /// Notes a success: closed again.
    pub fn succeeded(&mut self) {
        self.failures = 0;
        self.open_until = None;
    }

    /// Notes a failure; returns whether the breaker is open now.
    pub fn failed(&mut self, now: Instant) -> bool {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= self.allowed_failures {
            self.open_until = Some(now + self.open_for);
        }
        self.open_until.is_some()
    }

    /// Whether an attempt at `now` would be against the odds; unlike [`Breaker::allows`] this changes nothing.
    pub fn is_open_at(&self, now: Instant) -> bool {
        self.open_until.is_some_and(|until| now < until)
    }

    /// Whether attempts are being refused.
    pub fn is_open(&self) -> bool {
        self.open_until.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPEN: Duration = Duration::from_millis(250);

    #[tokio::test(start_paused = true)]
    async fn opens_after_failures_in_a_row_and_lets_one_attempt_through() {
        let mut breaker = Breaker::new(3, OPEN);
        let now = Instant::now();
        assert!(!breaker.failed(now) && !breaker.failed(now));
        assert!(breaker.failed(now));
        assert!(!breaker.allows(now));
        let later = now + OPEN;
        assert!(breaker.allows(later));
        assert!(!breaker.allows(later), "only one attempt while half open");
        breaker.succeeded();
        assert!(breaker.allows(later));
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_between_failures_keeps_it_closed() {
        let mut breaker = Breaker::new(2, OPEN);
        let now = Instant::now();
        breaker.failed(now);
        breaker.succeeded();
        assert!(!breaker.failed(now));
        assert!(!breaker.is_open());
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_trial_opens_it_again() {
        let mut breaker = Breaker::new(1, OPEN);
        let now = Instant::now();
        breaker.failed(now);
        assert!(breaker.allows(now + OPEN));
        breaker.failed(now + OPEN);
        assert!(!breaker.allows(now + OPEN + OPEN / 2));
    }
}
