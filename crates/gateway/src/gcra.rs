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
            true => Decision::Pass(tat.max(now) + self.interval),
            false => Decision::Refuse(earliest - now),
        }
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
