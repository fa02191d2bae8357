//! What the episodes allow to say about a window that has such faults.
//!
//! Requests fail in clusters, so the independent unit is the episode. Three bounds are given, each one-sided at
//! 95 %: on the chance that an episode costs users anything (Clopper and Pearson, exact), on the cost of one
//! schedule of faults (bootstrap over the episodes), and on the bad seconds that a window's quiet time may have
//! (Poisson, exact). The schedule is an assumption, and stated; the bootstrap knows only what was seen: where no
//! episode cost anything, it is silent; and quiet time that was not run bounds nothing: minutes of it leave
//! hours open, which only a long run closes.

use drill::{Drill, derive_seed};

use crate::figures::{Confidence, EpisodeFigures, EpisodeState, QuietFigures, figure};

/// Chance of being wrong that the bounds accept.
const ERROR: f64 = 0.05;
/// Schedules drawn for the bootstrap: enough for the 95th percentile to stand still to about 1 %.
const DRAWS: u64 = 2000;
/// Part of the drill's seed from which the draws come; far from those of its episodes.
const SEED_PART: u64 = 1 << 32;

/// The bounds; none when no episode came to its end and there was no quiet time either.
pub(crate) fn confidence(
    drill: &Drill,
    episodes: &[EpisodeFigures],
    quiet: &QuietFigures,
) -> Option<Confidence> {
    let window_s = drill.contract.window.as_secs_f64();
    // Quiet time beyond the window counts as it is: scaling down would claim less than was seen.
    let scaled = |bad_s: f64| {
        let seen = quiet.seconds > 0.0;
        seen.then(|| figure(bad_s * (window_s / quiet.seconds).max(1.0)))
    };
    let complete = episodes
        .iter()
        .filter(|row| row.state == EpisodeState::Complete);
    let costs: Vec<f64> = complete
        .clone()
        .map(|row| row.toll.bad_second_equivalents)
        .collect();
    let count = costs.len() as u64;
    let clean = complete.filter(|row| row.toll.bad == 0).count() as u64;
    let mean_s: f64 = costs.iter().sum();
    let bound_s = (clean < count).then(|| bootstrap(&costs, derive_seed(drill.seed, SEED_PART)));
    let quiet_mean_s = scaled(quiet.toll.bad_second_equivalents);
    let quiet_bound_s = scaled(events_at_most(quiet.toll.bad_seconds));
    (count > 0 || quiet.seconds > 0.0).then(|| Confidence {
        episodes: count,
        clean,
        costly_at_most_percent: figure(100.0 * share_at_most(count - clean, count)),
        mean_s: figure(mean_s),
        bound_s: bound_s.map(figure),
        quiet_mean_s,
        quiet_bound_s,
        together_mean_s: quiet_mean_s.map(|quiet| figure(quiet + mean_s)),
        together_bound_s: quiet_bound_s
            .zip(bound_s)
            .map(|(quiet, faults)| figure(quiet + faults)),
        schedule: format!(
            "{count} faults in {:.0} h, each as likely as any other to be one of those seen here",
            window_s / 3600.0
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

/// The largest mean number of events under which `seen` or fewer would still be seen 5 times in 100.
fn events_at_most(seen: u64) -> f64 {
    // The mean lies within ten standard deviations above what was seen, also for the smallest counts.
    let (mut low, mut high) = (0.0, seen as f64 + 10.0 * (seen as f64 + 1.0).sqrt());
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        match poisson_at_most(seen, middle) > ERROR {
            true => low = middle,
            false => high = middle,
        }
    }
    high
}

/// Chance of at most `seen` events when `mean` are to be expected; in logarithms, because `exp(-mean)` is 0 from 745 on.
fn poisson_at_most(seen: u64, mean: f64) -> f64 {
    let mut log_term = -mean;
    let mut sum = log_term.exp();
    for k in 1..=seen {
        log_term += mean.ln() - (k as f64).ln();
        sum += log_term.exp();
    }
    sum
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
    use crate::{
        figures::Toll,
        testing::{Run, drill},
    };

    fn quiet(seconds: f64, bad_seconds: u64) -> QuietFigures {
        let toll = Toll {
            bad_seconds,
            bad_second_equivalents: bad_seconds as f64,
            ..Run::healthy().judge().quiet.toll
        };
        QuietFigures { seconds, toll }
    }

    #[test]
    fn quiet_time_is_scaled_up_to_the_window_and_never_down() {
        let window_s = drill().contract.window.as_secs_f64();
        let known = |quiet| confidence(&drill(), &[], &quiet).unwrap();
        let half = known(quiet(window_s / 2.0, 1));
        assert_eq!(half.quiet_mean_s, Some(2.0));
        let bound = half.quiet_bound_s.unwrap();
        assert!((bound - 2.0 * 4.744).abs() < 0.01, "{bound}");
        assert_eq!(known(quiet(window_s, 1)).quiet_mean_s, Some(1.0));
        assert_eq!(known(quiet(window_s * 3.0, 1)).quiet_mean_s, Some(1.0));
    }

    #[test]
    fn a_run_without_episodes_speaks_of_its_quiet_time_only() {
        let known = confidence(&drill(), &[], &quiet(7200.0, 0)).unwrap();
        assert_eq!((known.episodes, known.bound_s), (0, None));
        assert_eq!(known.costly_at_most_percent, 100.0);
        assert_eq!(known.quiet_mean_s, Some(0.0));
        assert_eq!(confidence(&drill(), &[], &quiet(0.0, 0)), None);
    }

    #[test]
    fn clean_episodes_follow_the_rule_of_three() {
        for (count, percent) in [(10, 25.9), (30, 9.5), (59, 4.95), (299, 0.997)] {
            let bound = 100.0 * share_at_most(0, count);
            assert!((bound - percent).abs() < 0.06, "{count}: {bound}");
        }
    }

    #[test]
    fn quiet_seconds_follow_the_tables() {
        // One-sided 95 % limits of a Poisson mean.
        for (seen, limit) in [
            (0, 2.996),
            (1, 4.744),
            (2, 6.296),
            (10, 16.962),
            (1000, 1053.6),
        ] {
            let bound = events_at_most(seen);
            assert!((bound - limit).abs() < 0.05, "{seen}: {bound}");
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
