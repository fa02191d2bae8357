//! How far two figures must be apart before their difference means anything.
//!
//! Requests of one second share their fate, so intervals count seconds, not requests. A share has Wilson's
//! interval; two intervals make that of the difference as Newcombe does it for shares (method of variance
//! estimates recovery). Where the units are episodes, their differences are drawn again with repetition.

use drill::derive_seed;
use serde::{Deserialize, Serialize};

use crate::figures::figure;

/// Standard deviations to either side that hold 95 % of a normal distribution.
pub(crate) const Z: f64 = 1.96;
/// Draws of the bootstrap: enough for the ends of the interval to stand still to a few percent.
const DRAWS: u64 = 2000;
/// Fewest units with which chance can be ruled out at 95 %: five that all point the same way still do so by
/// chance in 2 of 32 cases, six in 2 of 64.
const FEWEST_UNITS: usize = 6;

/// How B differs from A, with its 95 % interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// B minus A; none where one of them is worse than any number.
    pub change: Option<f64>,
    /// Lower end of the interval; none where it is unknown.
    pub low: Option<f64>,
    /// Upper end of the interval; none where it is unknown.
    pub high: Option<f64>,
    /// Whether the two may well be the same, and the change chance.
    pub within_noise: bool,
}

/// A figure with the ends of its interval. None is worse than any number: it lies beyond all of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Estimate {
    pub(crate) value: Option<f64>,
    pub(crate) low: Option<f64>,
    pub(crate) high: Option<f64>,
}

/// A share in percent, of which `of` independent observations were made.
pub(crate) fn share(percent: f64, of: u64) -> Estimate {
    let (p, n) = (percent / 100.0, of.max(1) as f64);
    let middle = (p + Z * Z / (2.0 * n)) / (1.0 + Z * Z / n);
    let reach = Z / (1.0 + Z * Z / n) * (p * (1.0 - p) / n + Z * Z / (4.0 * n * n)).sqrt();
    Estimate {
        value: Some(percent),
        low: Some(100.0 * (middle - reach).max(0.0)),
        high: Some(100.0 * (middle + reach).min(1.0)),
    }
}

/// How B differs from A.
pub(crate) fn difference(a: Estimate, b: Estimate) -> Difference {
    let (Some(from), Some(to)) = (a.value, b.value) else {
        let reaches = |low: Option<f64>, high: Option<f64>| match (low, high) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(low), Some(high)) => low <= high,
        };
        return Difference {
            change: None,
            low: None,
            high: None,
            within_noise: reaches(a.low, b.high) && reaches(b.low, a.high),
        };
    };
    let change = to - from;
    let reach = |up: f64, down: f64| figure((up * up + down * down).sqrt());
    let low = b
        .low
        .zip(a.high)
        .map(|(b, a)| change - reach(to - b, a - from));
    let high = b
        .high
        .zip(a.low)
        .map(|(b, a)| change + reach(b - to, from - a));
    Difference {
        change: Some(figure(change)),
        low: low.map(figure),
        high: high.map(figure),
        within_noise: low.is_none_or(|low| low <= 0.0) && high.is_none_or(|high| high >= 0.0),
    }
}

/// Mean of paired differences with its bootstrap interval; none when there are too few pairs.
pub(crate) fn mean_of_pairs(differences: &[f64], seed: u64) -> Option<Difference> {
    let count = differences.len();
    if count < FEWEST_UNITS {
        return None;
    }
    let mean = |of: &mut dyn Iterator<Item = f64>| of.sum::<f64>() / count as f64;
    let draw = |draw: u64| {
        let one = |n: u64| derive_seed(seed, draw * count as u64 + n) as usize % count;
        mean(&mut (0..count as u64).map(|n| differences[one(n)]))
    };
    let mut means: Vec<f64> = (0..DRAWS).map(draw).collect();
    means.sort_by(f64::total_cmp);
    let at = |share: f64| figure(means[(share * (DRAWS - 1) as f64) as usize]);
    let (low, high) = (at(0.025), at(0.975));
    Some(Difference {
        change: Some(figure(mean(&mut differences.iter().copied()))),
        low: Some(low),
        high: Some(high),
        within_noise: low <= 0.0 && high >= 0.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(value: f64, low: f64, high: f64) -> Estimate {
        Estimate {
            value: Some(value),
            low: Some(low),
            high: Some(high),
        }
    }

    /// Newcombe 1998, table II, example (a): 56/70 against 48/80, method 10: 0.0524 to 0.3339.
    #[test]
    fn the_difference_of_shares_is_newcombes() {
        let found = difference(share(100.0 * 48.0 / 80.0, 80), share(80.0, 70));
        assert!((found.change.unwrap() - 20.0).abs() < 1e-6);
        assert!((found.low.unwrap() - 5.24).abs() < 0.01, "{found:?}");
        assert!((found.high.unwrap() - 33.39).abs() < 0.01, "{found:?}");
        assert!(!found.within_noise);
    }

    #[test]
    fn a_share_of_all_or_nothing_still_has_an_interval() {
        let all = share(100.0, 480);
        assert!(all.low.unwrap() > 99.0 && all.low.unwrap() < 99.5);
        assert!(difference(all, share(99.7, 480)).within_noise);
        assert!(!difference(all, share(92.0, 480)).within_noise);
    }

    #[test]
    fn what_is_worse_than_any_number_has_no_change_but_a_verdict() {
        let failed = |low| Estimate {
            value: None,
            low,
            high: None,
        };
        assert!(!difference(plain(20.0, 15.0, 30.0), failed(Some(50.0))).within_noise);
        assert!(difference(plain(20.0, 15.0, 30.0), failed(Some(25.0))).within_noise);
        assert!(difference(failed(None), failed(None)).within_noise);
        assert!(!difference(failed(None), plain(20.0, 15.0, 30.0)).within_noise);
    }

    #[test]
    fn one_costly_episode_of_many_may_be_chance_and_a_shift_of_all_is_none() {
        let mut one = [0.0; 14];
        one[3] = 30.0;
        assert!(mean_of_pairs(&one, 1).unwrap().within_noise);
        let all = mean_of_pairs(&[2.0, 3.0, 2.5, 2.0, 3.5, 2.2], 1).unwrap();
        assert!(!all.within_noise && all.low.unwrap() > 2.0);
        assert_eq!(mean_of_pairs(&[0.0; 6], 1).unwrap().high, Some(0.0));
        assert_eq!(mean_of_pairs(&[1.0; 5], 1), None);
    }
}
