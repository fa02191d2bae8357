//! The generic cell rate algorithm: a limit on rate and burst that needs one time stamp per client.
//!
//! Each request moves a client's theoretical arrival time (tat) one interval ahead. A request is refused when
//! tat would be more than `burst` intervals ahead of now. Over any span of length `t` at most
//! `burst + t / interval` requests pass.

use std::time::Duration;

/// A limit. Times are offsets from any fixed moment.
#[derive(Debug, Clone, Copy)]
pub struct Gcra {
    interval: Duration,
    tolerance: Duration,
}

/// What becomes of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It passes; the client's new arrival time.
    Pass(Duration),
    /// It is refused and would pass after this wait.
    Refuse(Duration),
}

impl Gcra {
    /// `rate` requests a second, `burst` of them at once; both at least one.
    pub fn new(rate: u32, burst: u32) -> Self {
        let interval = Duration::from_secs(1) / rate.max(1);
        Self {
            interval,
            tolerance: interval * (burst.max(1) - 1),
        }
    }

    /// Decides at `now` for a client whose arrival time is `tat`; a new client has zero.
    pub fn decide(&self, tat: Duration, now: Duration) -> Decision {
        let earliest = tat.saturating_sub(self.tolerance);
        match earliest <= now {
            true => Decision::Pass(self.after(tat, now)),
            false => Decision::Refuse(earliest - now),
        }
    }

    /// The arrival time after a request that passes at `now`.
    pub fn after(&self, tat: Duration, now: Duration) -> Duration {
        tat.max(now) + self.interval
    }

    /// One of `parts` equal limits that are together as wide as this one.
    pub fn part(&self, parts: u32) -> Self {
        let parts = parts.max(1);
        Self {
            interval: self.interval * parts,
            tolerance: self.tolerance.saturating_sub(self.interval * (parts - 1)),
        }
    }

    /// The arrival time after `count` requests that passed elsewhere, at the earliest from `since` on. It is never further
    /// ahead of `now` than `bursts` bursts and a second: who pays for a while pays no longer than that.
    pub fn charge(
        &self,
        tat: Duration,
        count: u64,
        since: Duration,
        now: Duration,
        bursts: u32,
    ) -> Duration {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let charged = tat
            .max(since)
            .saturating_add(self.interval.saturating_mul(count));
        let furthest = now + self.tolerance * bursts + Duration::from_secs(1);
        charged.min(furthest).max(tat)
    }

    /// Requests by which `tat` is ahead of `now`.
    pub fn ahead(&self, tat: Duration, now: Duration) -> u64 {
        let ahead = tat.saturating_sub(now).as_nanos();
        u64::try_from(ahead.div_ceil(self.interval.as_nanos())).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_burst_passes_then_the_rate_holds() {
        let gcra = Gcra::new(10, 3);
        let now = Duration::from_secs(5);
        let mut tat = Duration::ZERO;
        for _ in 0..3 {
            let Decision::Pass(next) = gcra.decide(tat, now) else {
                panic!()
            };
            tat = next;
        }
        assert_eq!(
            gcra.decide(tat, now),
            Decision::Refuse(Duration::from_millis(100))
        );
        let later = now + Duration::from_millis(100);
        assert!(matches!(gcra.decide(tat, later), Decision::Pass(_)));
    }

    #[test]
    fn parts_are_together_as_wide_as_the_whole() {
        let now = Duration::from_secs(5);
        let passed = |limit: Gcra| {
            let mut tat = Duration::ZERO;
            let passes = (0..100).filter(|_| match limit.decide(tat, now) {
                Decision::Pass(next) => {
                    tat = next;
                    true
                }
                Decision::Refuse(_) => false,
            });
            passes.count()
        };
        let whole = Gcra::new(10, 20);
        assert_eq!(passed(whole), 20);
        assert_eq!(passed(whole.part(2)), 10);
        // A burst that can't be divided is one for each.
        assert_eq!(passed(Gcra::new(10, 1).part(3)), 1);
    }

    #[test]
    fn what_passed_elsewhere_is_charged_and_bounded() {
        let gcra = Gcra::new(10, 20);
        let (since, now) = (Duration::from_millis(4750), Duration::from_secs(5));
        let charged = gcra.charge(Duration::ZERO, 5, since, now, 2);
        assert_eq!(charged, Duration::from_millis(5250));
        assert_eq!(gcra.ahead(charged, now), 3);
        assert_eq!(gcra.ahead(now, now), 0);
        let furthest = now + Duration::from_millis(2 * 1900 + 1000);
        assert_eq!(gcra.charge(now, u64::MAX, since, now, 2), furthest);
    }

    proptest! {
        #[test]
        fn no_span_lets_more_pass_than_burst_plus_rate(
            rate in 1_u32..100,
            burst in 1_u32..50,
            gaps_ms in prop::collection::vec(0_u64..200, 1..200),
        ) {
            let gcra = Gcra::new(rate, burst);
            let (mut tat, mut now) = (Duration::ZERO, Duration::from_secs(1));
            let mut passed = Vec::new();
            for gap in gaps_ms {
                now += Duration::from_millis(gap);
                if let Decision::Pass(next) = gcra.decide(tat, now) {
                    tat = next;
                    passed.push(now);
                }
            }
            for (index, from) in passed.iter().enumerate() {
                for (more, to) in passed[index..].iter().enumerate() {
                    let span = (*to - *from).as_secs_f64();
                    let most = f64::from(burst) + span * f64::from(rate) + 1e-6;
                    prop_assert!((more + 1) as f64 <= most, "{} in {span} s", more + 1);
                }
            }
        }

        #[test]
        fn waiting_as_told_always_helps(rate in 1_u32..100, burst in 1_u32..50, requests in 1_usize..100) {
            let gcra = Gcra::new(rate, burst);
            let (mut tat, mut now) = (Duration::ZERO, Duration::ZERO);
            for _ in 0..requests {
                tat = match gcra.decide(tat, now) {
                    Decision::Pass(next) => next,
                    Decision::Refuse(wait) => {
                        now += wait;
                        match gcra.decide(tat, now) {
                            Decision::Pass(next) => next,
                            Decision::Refuse(again) => return Err(TestCaseError::fail(format!("{again:?}"))),
                        }
                    }
                };
            }
        }
    }
}
