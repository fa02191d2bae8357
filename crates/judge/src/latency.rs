//! Percentiles of latency in bounded memory, in which a failed request never looks fast.

use std::{collections::BTreeMap, time::Duration};

use hdrhistogram::{Counter, Histogram};

use crate::{
    figures::Percentiles,
    noise,
    samples::{self, Second},
};

/// Largest latency told apart, an hour: far beyond any user's patience.
const MOST_US: u64 = 3_600_000_000;
/// Significant digits: a percentile is off by at most 0.1 %.
const DIGITS: u8 = 3;

/// Latencies of one class. Good answers have a latency; every other request ranks above all of them.
#[derive(Debug)]
pub(crate) struct Latencies {
    good: Histogram<u64>,
    failed: u64,
    /// The limits that the contract sets, and how many good answers came within each, counted exactly.
    within: Vec<(Duration, u64)>,
    /// Requests of each second of the run, and for each limit those that were slower or failed.
    seconds: BTreeMap<usize, (u64, Vec<u64>)>,
}

/// Microseconds with three significant digits.
pub(crate) fn histogram() -> Histogram<u64> {
    match Histogram::new_with_bounds(1, MOST_US, DIGITS) {
        Ok(histogram) => histogram,
        Err(error) => unreachable!("the bounds are constants that are valid: {error}"),
    }
}

/// Whole microseconds, rounded up: a latency is never flattered.
pub(crate) fn micros(latency: Duration) -> u64 {
    u64::try_from(latency.as_nanos().div_ceil(1000)).unwrap_or(u64::MAX)
}

/// Rank of a percentile among `count`, from 1: the smallest rank that at least so many percent do not exceed.
pub(crate) fn rank(percentile: f64, count: u64) -> u64 {
    // The subtraction undoes rounding: 99.9 % of 1000 is 999, not 999.0000000000001 and so 1000.
    let exact = percentile * count as f64 / 100.0;
    ((exact - 1e-6).ceil() as u64).clamp(1, count.max(1))
}

/// The value at a rank, in microseconds; none when there are fewer.
pub(crate) fn at_rank<C: Counter>(histogram: &Histogram<C>, rank: u64) -> Option<u64> {
    let mut seen = 0;
    histogram.iter_recorded().find_map(|step| {
        seen += step.count_since_last_iteration();
        (seen >= rank).then(|| step.value_iterated_to())
    })
}

/// The usual percentiles of a histogram followed by `failed` requests that are slower than all of it.
pub(crate) fn percentiles(good: &Histogram<u64>, failed: u64) -> Percentiles {
    shifted(good, failed, |percentile| percentile)
}

/// As [`percentiles`], each read at the percentile that `shift` makes of it.
fn shifted(good: &Histogram<u64>, failed: u64, shift: impl Fn(f64) -> f64) -> Percentiles {
    let count = good.len() + failed;
    let at = |percentile| match count {
        0 => None,
        _ => at_rank(good, rank(shift(percentile), count)).map(ms),
    };
    Percentiles {
        p50_ms: at(50.0),
        p95_ms: at(95.0),
        p99_ms: at(99.0),
        p999_ms: at(99.9),
        max_ms: at(100.0),
    }
}

/// Microseconds as milliseconds.
pub(crate) fn ms(micros: u64) -> f64 {
    micros as f64 / 1000.0
}

/// A latency clause held against one class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Held {
    /// Whether the percentile is within the limit.
    pub(crate) within: bool,
    /// The percentile in milliseconds; none where it falls on a failed request.
    pub(crate) value_ms: Option<f64>,
    /// Whether the upper end of the percentile's 95 % interval is within the limit, too.
    pub(crate) proven: bool,
    /// Lower end of the interval in milliseconds; none where it falls on a failed request.
    pub(crate) low_ms: Option<f64>,
    /// Upper end of the interval in milliseconds; none where it lies beyond every good answer.
    pub(crate) high_ms: Option<f64>,
    /// Requests, about, that would prove as much; none where the share of slow ones leaves no room.
    pub(crate) needed: Option<u64>,
    /// All requests, and how many independent ones they are worth.
    pub(crate) requests: (u64, u64),
}

impl Latencies {
    /// For a contract with the given limits.
    pub(crate) fn new(limits: impl Iterator<Item = Duration>) -> Self {
        Self {
            good: histogram(),
            failed: 0,
            within: limits.map(|limit| (limit, 0)).collect(),
            seconds: BTreeMap::new(),
        }
    }

    /// A good answer to a request that was due in a second of the run.
    pub(crate) fn good(&mut self, second: usize, latency: Duration) {
        self.good.saturating_record(micros(latency));
        for (limit, count) in &mut self.within {
            *count += u64::from(latency <= *limit);
        }
        self.count(second, |limit| latency > limit);
    }

    /// A request without a good answer that was due in a second of the run.
    pub(crate) fn failed(&mut self, second: usize) {
        self.failed += 1;
        self.count(second, |_| true);
    }

    fn count(&mut self, second: usize, is_slow: impl Fn(Duration) -> bool) {
        let limits = self.within.len();
        let none = || (0, vec![0; limits]);
        let (requests, slow) = self.seconds.entry(second).or_insert_with(none);
        *requests += 1;
        for (slow, (limit, _)) in slow.iter_mut().zip(&self.within) {
            *slow += u64::from(is_slow(*limit));
        }
    }

    /// Over all requests.
    pub(crate) fn all(&self) -> Percentiles {
        percentiles(&self.good, self.failed)
    }

    /// 95 % intervals of [`Self::all`], lower and upper ends: the percentiles between which each true one
    /// lies, when only `seconds` of the requests tell something of their own.
    pub(crate) fn interval(&self, seconds: u64) -> (Percentiles, Percentiles) {
        let margin = |percentile: f64| {
            let share = percentile / 100.0;
            100.0 * noise::Z * (share * (1.0 - share) / seconds.max(1) as f64).sqrt()
        };
        let low = shifted(&self.good, self.failed, |p| (p - margin(p)).max(0.0));
        let high = shifted(&self.good, self.failed, |p| (p + margin(p)).min(100.0));
        (low, high)
    }

    /// Over the good answers.
    pub(crate) fn answered(&self) -> Percentiles {
        percentiles(&self.good, 0)
    }

    /// Holds the contract's clause number `clause` against this class; none without a request.
    ///
    /// The verdict comes from exact counts. The histogram gives the number to show: the lower end of its
    /// step when within the limit and the upper end when beyond, so that number and verdict agree.
    pub(crate) fn hold(&self, clause: usize, percentile: f64) -> Option<Held> {
        let count = self.good.len() + self.failed;
        let (_, fast) = self.within.get(clause)?;
        if count == 0 {
            return None;
        }
        let rank = rank(percentile, count);
        let within = *fast >= rank;
        let value = at_rank(&self.good, rank).map(|value| match within {
            true => self.good.lowest_equivalent(value),
            false => self.good.highest_equivalent(value),
        });
        let seconds = self.seconds.values().map(|(requests, slow)| Second {
            requests: *requests,
            slow: slow[clause],
        });
        let effect = samples::design_effect(seconds);
        let worth = ((count as f64 / effect) as u64).max(1);
        let share = percentile / 100.0;
        // Ranks among the independent requests, as ranks among all.
        let of_all = |hits: u64| (hits as f64 * count as f64 / worth as f64) as u64;
        let slow_allowed = samples::fewer_than_chance(worth, 1.0 - share).map(of_all);
        let low = samples::fewer_than_chance(worth, share).map_or(0, of_all) + 1;
        let high = slow_allowed.map(|slow| count - slow);
        let slow = (count - fast) as f64 / count as f64;
        Some(Held {
            within,
            value_ms: value.map(ms),
            proven: high.is_some_and(|high| *fast >= high),
            low_ms: at_rank(&self.good, low.min(rank)).map(ms),
            high_ms: high.and_then(|high| at_rank(&self.good, high)).map(ms),
            needed: samples::needed(percentile, slow, effect),
            requests: (count, worth),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMIT: Duration = Duration::from_millis(100);

    fn latencies(good_ms: &[u64], failed: usize) -> Latencies {
        let mut latencies = Latencies::new([LIMIT].into_iter());
        good_ms
            .iter()
            .enumerate()
            .for_each(|(second, ms)| latencies.good(second, Duration::from_millis(*ms)));
        (0..failed).for_each(|n| latencies.failed(good_ms.len() + n));
        latencies
    }

    #[test]
    fn exactly_the_limit_is_within_it() {
        let held = latencies(&[100; 50], 0).hold(0, 99.0).unwrap();
        assert!(held.within);
        assert!(held.value_ms.unwrap() <= 100.0);
    }

    #[test]
    fn one_nanosecond_beyond_is_beyond() {
        let mut latencies = latencies(&[], 0);
        latencies.good(0, LIMIT + Duration::from_nanos(1));
        let held = latencies.hold(0, 50.0).unwrap();
        assert!(!held.within);
        assert!(held.value_ms.unwrap() > 100.0);
    }

    #[test]
    fn a_failed_request_is_slower_than_any_answer() {
        let mut mixed = vec![5; 98];
        mixed.push(40);
        assert_eq!(
            latencies(&mixed, 1).hold(0, 99.0).unwrap().value_ms,
            Some(40.0)
        );
        let held = latencies(&[5; 98], 2).hold(0, 99.0).unwrap();
        assert_eq!((held.within, held.value_ms), (false, None));
    }

    #[test]
    fn few_fast_requests_prove_no_high_percentile() {
        let few = latencies(&[5; 367], 0).hold(0, 99.0).unwrap();
        assert!(few.within && !few.proven);
        assert_eq!((few.high_ms, few.needed), (None, Some(368)));
        let enough = latencies(&[5; 368], 0).hold(0, 99.0).unwrap();
        assert!(enough.proven && enough.high_ms.is_some());
    }

    #[test]
    fn slow_requests_of_one_second_prove_less_than_as_many_apart() {
        let held = |slow_at: fn(usize) -> usize| {
            let mut all = Latencies::new([LIMIT].into_iter());
            (0..2000).for_each(|n| all.good(n / 20, Duration::from_millis(5)));
            (0..10).for_each(|n| all.failed(slow_at(n)));
            all.hold(0, 99.0).unwrap()
        };
        assert!(held(|n| n * 9).proven);
        let together = held(|_| 50);
        assert!(together.within && !together.proven, "{together:?}");
        assert!(together.requests.1 < together.requests.0 / 2);
    }

    #[test]
    fn without_a_request_there_is_nothing_to_hold() {
        assert_eq!(latencies(&[], 0).hold(0, 99.0), None);
        assert_eq!(latencies(&[], 0).all(), Percentiles::default());
    }

    #[test]
    fn an_interval_holds_its_percentile_and_narrows_with_the_seconds() {
        let latencies = latencies(&(1..=1000).collect::<Vec<_>>(), 5);
        let (low, high) = latencies.interval(400);
        let p95 = latencies.all().p95_ms.unwrap();
        assert!(low.p95_ms.unwrap() < p95 && p95 < high.p95_ms.unwrap());
        assert_eq!(high.p99_ms, None, "its upper end falls on a failed request");
        let (narrow, _) = latencies.interval(40_000);
        assert!(narrow.p95_ms > low.p95_ms);
    }

    #[test]
    fn ranks_are_not_moved_by_rounding() {
        assert_eq!(rank(99.9, 1000), 999);
        assert_eq!(rank(99.0, 100), 99);
        assert_eq!(rank(95.0, 1), 1);
        assert_eq!(rank(50.0, 3), 2);
    }

    proptest! {
        #[test]
        fn percentiles_agree_with_a_sorted_list(mut all in prop::collection::vec(1_u64..3000, 1..300), failed in 0_usize..20, p in 1_u32..100) {
            let latencies = latencies(&all, failed);
            all.sort_unstable();
            let rank = rank(f64::from(p), (all.len() + failed) as u64) as usize;
            let held = latencies.hold(0, f64::from(p)).unwrap();
            match all.get(rank - 1) {
                Some(truth) => {
                    prop_assert_eq!(held.within, *truth <= 100);
                    let value = held.value_ms.unwrap();
                    prop_assert!((value - *truth as f64).abs() <= *truth as f64 / 500.0 + 0.001);
                }
                None => prop_assert_eq!((held.within, held.value_ms), (false, None)),
            }
        }

        #[test]
        fn a_failure_never_improves_a_percentile(all in prop::collection::vec(1_u64..300, 1..100), p in 1_u32..100) {
            let before = latencies(&all, 0).hold(0, f64::from(p)).unwrap();
            let after = latencies(&all, 1).hold(0, f64::from(p)).unwrap();
            prop_assert!(before.within || !after.within);
            prop_assert!(before.within || !before.proven);
        }
    }
}
