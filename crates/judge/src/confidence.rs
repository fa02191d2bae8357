//! Bounds that hold with their confidence whatever the costs look like.
//!
//! Outages cost nothing most of the time, and much now and then: no formula fits them. A bound needs only that the next
//! schedule of faults is one like those that were run, in any order. Of `n` of them and the next one, each is as likely as
//! any other to be the costliest, so the next one stays within the `k`th of them with a chance of at least `k / (n + 1)`.

/// Fewest units of which the costliest bounds the next one, for a confidence in percent, above 0 and below 100.
pub(crate) fn units_needed(confidence_percent: f64) -> u64 {
    // 0.95 / 0.05 is a little more than 19 in binary.
    (confidence_percent / (100.0 - confidence_percent) - 1e-9).ceil() as u64
}

/// The cost that the next unit does not exceed, at a confidence in percent; none where too few were run, and where one of
/// those that count had no end.
pub(crate) fn bound(mut costs: Vec<f64>, confidence_percent: f64) -> Option<f64> {
    let rank = confidence_percent / 100.0 * (costs.len() + 1) as f64;
    let rank = (rank - 1e-9).ceil() as usize;
    costs.sort_by(f64::total_cmp);
    let bound = *costs.get(rank.checked_sub(1)?)?;
    bound.is_finite().then_some(bound)
}

/// The largest chance, 0 to 1, under which `hits` or fewer of `count` would still be seen as often as the confidence, in
/// percent, leaves open. Clopper and Pearson's bound, exact.
pub(crate) fn share_at_most(hits: u64, count: u64, confidence_percent: f64) -> f64 {
    if hits >= count {
        return 1.0;
    }
    let error = 1.0 - confidence_percent / 100.0;
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        match at_most(hits, count, middle) > error {
            true => low = middle,
            false => high = middle,
        }
    }
    high
}

/// Chance of at most `hits` of `count` when each has the chance `p`, which is above 0 and below 1.
fn at_most(hits: u64, count: u64, p: f64) -> f64 {
    let mut term = (1.0 - p).powf(count as f64);
    let mut sum = term;
    for k in 0..hits {
        term *= (count - k) as f64 / (k + 1) as f64 * p / (1.0 - p);
        sum += term;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nineteen_bound_the_twentieth() {
        assert_eq!([90.0, 95.0, 97.5, 99.0].map(units_needed), [9, 19, 39, 99]);
        let costs = |n: u32| (1..=n).map(f64::from).collect::<Vec<_>>();
        assert_eq!(bound(costs(18), 95.0), None);
        assert_eq!(bound(costs(19), 95.0), Some(19.0));
        assert_eq!(bound(costs(99), 95.0), Some(95.0));
        assert_eq!(bound(vec![], 95.0), None);
    }

    #[test]
    fn a_cost_without_an_end_has_no_bound() {
        let mut costs = vec![0.0; 18];
        costs.push(f64::INFINITY);
        assert_eq!(bound(costs, 95.0), None);
    }

    #[test]
    fn clean_episodes_follow_the_rule_of_three() {
        for (count, percent) in [(10, 25.9), (30, 9.5), (59, 4.95), (299, 0.997)] {
            let bound = 100.0 * share_at_most(0, count, 95.0);
            assert!((bound - percent).abs() < 0.06, "{count}: {bound}");
        }
    }

    #[test]
    fn each_costly_episode_raises_the_bound_up_to_certainty() {
        let bounds: Vec<f64> = (0..=14).map(|hits| share_at_most(hits, 14, 95.0)).collect();
        assert!(bounds.is_sorted());
        assert_eq!(bounds[14], 1.0);
        // Tables give 0.385 for 2 of 14, one-sided.
        assert!((bounds[2] - 0.385).abs() < 0.001, "{}", bounds[2]);
    }
}
