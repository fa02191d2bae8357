//! What a percentile of few requests, or of requests that share their fate, can prove.
//!
//! The interval of a percentile comes from order statistics: the rank of the true percentile among `n` independent
//! requests follows the binomial distribution, whatever the latencies look like. Requests of one second are not
//! independent. A design effect tells by how much their shares differ more than chance allows, and divides `n` by it.

use crate::noise;

/// What a 95 % interval leaves out on either side.
const TAIL: f64 = 0.025;

/// Requests of one second, and those of them that were slower than a limit or failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Second {
    pub(crate) requests: u64,
    pub(crate) slow: u64,
}

/// Variance of the share of slow requests over the seconds (ratio estimator), divided by that of independent requests.
/// From 1 to the number of requests; 1 where all or none were slow, because nothing can be estimated from that.
pub(crate) fn design_effect(seconds: impl Iterator<Item = Second> + Clone) -> f64 {
    let (mut count, mut requests, mut slow) = (0_u64, 0_u64, 0_u64);
    for second in seconds.clone() {
        count += 1;
        requests += second.requests;
        slow += second.slow;
    }
    if count < 2 || slow == 0 || slow >= requests {
        return 1.0;
    }
    let share = slow as f64 / requests as f64;
    let squares = seconds.map(|s| (s.slow as f64 - share * s.requests as f64).powi(2));
    let squares: f64 = squares.sum::<f64>() * count as f64 / (count - 1) as f64;
    (squares / (requests as f64 * share * (1.0 - share))).clamp(1.0, requests as f64)
}

/// Most hits of `count` that are still fewer than chance would give when each has the chance `share`, above 0 and below 1:
/// so few or fewer come in at most 2.5 % of all cases. None when even no hit at all comes more often.
pub(crate) fn fewer_than_chance(count: u64, share: f64) -> Option<u64> {
    let odds = (share / (1.0 - share)).ln();
    // Logarithms, because the first terms of many requests are smaller than any number.
    let mut term = count as f64 * (1.0 - share).ln();
    let (mut sum, mut most) = (term.exp(), None);
    for hits in 0..count {
        if sum > TAIL {
            break;
        }
        most = Some(hits);
        term += ((count - hits) as f64 / (hits + 1) as f64).ln() + odds;
        sum += term.exp();
    }
    most
}

/// Requests, about, of which the interval of a percentile (above 0, below 100) would stay below the limit when the share
/// `slow` (0 to 1) of them is slower and they cluster by `effect`; none when that share is all that the limit allows.
pub(crate) fn needed(percentile: f64, slow: f64, effect: f64) -> Option<u64> {
    let share = 1.0 - percentile / 100.0;
    let room = share - slow;
    // 1 - 0.99 is a little more than 0.01 in binary.
    if room <= 1e-9 {
        return None;
    }
    let none_slow = TAIL.ln() / (1.0 - share).ln();
    let some_slow = noise::Z.powi(2) * share * (1.0 - share) / room.powi(2);
    let independent = if slow > 0.0 {
        none_slow.max(some_slow)
    } else {
        none_slow
    };
    Some((effect * independent - 1e-6).ceil() as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn effect(seconds: &[(u64, u64)]) -> f64 {
        let seconds = seconds.iter();
        design_effect(seconds.map(|&(requests, slow)| Second { requests, slow }))
    }

    #[test]
    fn three_hundred_and_sixty_eight_fast_requests_prove_a_p99() {
        assert_eq!(fewer_than_chance(367, 0.01), None);
        assert_eq!(fewer_than_chance(368, 0.01), Some(0));
        assert_eq!(needed(99.0, 0.0, 1.0), Some(368));
        assert_eq!(needed(99.0, 0.0, 2.0), Some(735));
        assert_eq!(needed(99.0, 0.01, 1.0), None);
    }

    #[test]
    fn many_requests_do_not_underflow() {
        // 10 000 less 1.96 standard deviations of 99.5.
        let most = fewer_than_chance(1_000_000, 0.01).unwrap();
        assert!((9_795..9_815).contains(&most), "{most}");
    }

    #[test]
    fn slow_requests_that_come_together_count_for_fewer() {
        assert_eq!(effect(&[(10, 0); 20]), 1.0);
        assert_eq!(effect(&[(10, 1); 20]), 1.0);
        let mut together = [(10, 0); 20];
        together[7] = (10, 10);
        let effect = effect(&together);
        assert!((10.5..10.6).contains(&effect), "{effect}");
    }

    proptest! {
        #[test]
        fn the_effect_is_at_least_one_and_never_above_the_requests(
            seconds in prop::collection::vec((1_u64..30, 0_u64..30), 1..50)
        ) {
            let seconds: Vec<_> = seconds.iter().map(|&(n, slow)| (n, slow.min(n))).collect();
            let requests: u64 = seconds.iter().map(|(n, _)| n).sum();
            let effect = effect(&seconds);
            prop_assert!(effect >= 1.0 && effect <= requests as f64);
        }

        #[test]
        fn fewer_than_chance_is_below_the_mean(count in 1_u64..3000, percent in 1_u32..50) {
            let share = f64::from(percent) / 100.0;
            if let Some(most) = fewer_than_chance(count, share) {
                prop_assert!((most as f64) < count as f64 * share);
            }
        }
    }
}
