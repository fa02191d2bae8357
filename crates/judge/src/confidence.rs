//! What the episodes allow to say about a window that has such faults.
//!
//! Requests fail in clusters, so the independent unit is the episode. Two bounds are given, both one-sided at
//! 95 %: on the chance that an episode costs users anything (Clopper and Pearson, exact), and on the cost of
//! one schedule of faults (bootstrap over the episodes). The schedule is an assumption, and stated; and the
//! bootstrap knows only what was seen: where no episode cost anything, it is silent.

use drill::{Drill, derive_seed};

use crate::figures::{Confidence, EpisodeFigures, EpisodeState, figure};

/// Chance of being wrong that the bounds accept.
const ERROR: f64 = 0.05;
/// Schedules drawn for the bootstrap: enough for the 95th percentile to stand still to about 1 %.
const DRAWS: u64 = 2000;
/// Part of the drill's seed from which the draws come; far from those of its episodes.
const SEED_PART: u64 = 1 << 32;

/// The bounds; none when no episode came to its end.
pub(crate) fn confidence(drill: &Drill, episodes: &[EpisodeFigures]) -> Option<Confidence> {
    let complete = episodes
        .iter()
        .filter(|row| row.state == EpisodeState::Complete);
    let costs: Vec<f64> = complete
        .clone()
        .map(|row| row.toll.bad_second_equivalents)
        .collect();
    let count = costs.len() as u64;
    let clean = complete.filter(|row| row.toll.bad == 0).count() as u64;
    (count > 0).then(|| Confidence {
        episodes: count,
        clean,
        costly_at_most_percent: figure(100.0 * share_at_most(count - clean, count)),
        mean_s: figure(costs.iter().sum()),
        bound_s: (clean < count)
            .then(|| figure(bootstrap(&costs, derive_seed(drill.seed, SEED_PART)))),
        schedule: format!(
            "{count} faults in {:.0} h, each as likely as any other to be one of those seen here",
            drill.contract.window.as_secs_f64() / 3600.0
        ),
    })
}

/// The largest chance under which `hits` or fewer of `count` would still be seen 5 times in 100.
fn share_at_most(hits: u64, count: u64) -> f64 {
    if hits >= count {
        return 1.0;
    }
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        match at_most(hits, count, middle) > ERROR {
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

/// 95th percentile of the cost of as many episodes, drawn with repetition.
fn bootstrap(costs: &[f64], seed: u64) -> f64 {
    let count = costs.len() as u64;
    let schedule = |draw: u64| -> f64 {
        let episode = |n: u64| derive_seed(seed, draw * count + n) % count;
        (0..count).map(|n| costs[episode(n) as usize]).sum()
    };
    let mut sums: Vec<f64> = (0..DRAWS).map(schedule).collect();
    sums.sort_by(f64::total_cmp);
    sums[(DRAWS as f64 * (1.0 - ERROR)) as usize - 1]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clean_episodes_follow_the_rule_of_three() {
        for (count, percent) in [(10, 25.9), (30, 9.5), (59, 4.95), (299, 0.997)] {
            let bound = 100.0 * share_at_most(0, count);
            assert!((bound - percent).abs() < 0.06, "{count}: {bound}");
        }
    }

    #[test]
    fn each_costly_episode_raises_the_bound_up_to_certainty() {
        let bounds: Vec<f64> = (0..=14).map(|hits| share_at_most(hits, 14)).collect();
        assert!(bounds.is_sorted());
        assert_eq!(bounds[14], 1.0);
        // Tables give 0.385 for 2 of 14, one-sided.
        assert!((bounds[2] - 0.385).abs() < 0.001, "{}", bounds[2]);
    }

    #[test]
    fn equal_costs_leave_no_doubt_and_one_large_one_does() {
        assert!((bootstrap(&[2.0; 7], 1) - 14.0).abs() < 1e-9);
        let bound = bootstrap(&[0.0, 0.0, 0.0, 0.0, 10.0], 1);
        assert!((20.0..=30.0).contains(&bound), "{bound}");
        assert_eq!(bound, bootstrap(&[0.0, 0.0, 0.0, 0.0, 10.0], 1));
    }
}
