//! The load as a whole, and each of its classes.

use std::collections::BTreeMap;

use drill::Class;
use timeline::Outcome;

use crate::{
    disks,
    figures::{ClassFigures, Lateness, LoadFigures, figure},
    latency, machine,
    slots::index,
    story::Story,
    tally::Tally,
    toll,
};

/// Width of the window of the highest request rate, in seconds.
const PEAK_OVER_S: usize = 10;

/// The load as a whole.
pub(crate) fn figures(story: &Story, tally: &Tally) -> LoadFigures {
    let traffic = &story.header.drill.traffic;
    let seconds = story.load_end().since(story.zero()).as_secs_f64();
    let counted = tally.outcomes.iter().flatten().sum::<u64>();
    let answered: u64 = tally
        .outcomes
        .iter()
        .map(|by| by[Outcome::Ok as usize] + by[Outcome::Unobserved as usize])
        .sum();
    let not_sent = tally
        .outcomes
        .iter()
        .map(|by| by[Outcome::NotSent as usize])
        .sum();
    LoadFigures {
        seconds,
        scenario_hours: figure(traffic.span().as_secs_f64() / 3600.0),
        speed: figure(traffic.speed()),
        baseline_users: traffic.baseline_users(),
        peak_users: traffic.peak_users(),
        users_seen: tally.users.seen().into_iter().max().unwrap_or(0),
        users_due: tally.users.due(traffic),
        arrivals: tally.arrivals - tally.abuse - tally.probes,
        bad: counted - answered,
        peak_requests_per_s: tally.slots.peak_rate(PEAK_OVER_S),
        mean_requests_per_s: match seconds > 0.0 {
            true => figure(counted as f64 / seconds),
            false => 0.0,
        },
        lateness: Lateness {
            sent: latency::percentiles(&tally.lateness, 0),
            not_sent,
        },
        machine: machine::figures(story, tally),
        disk_stalls: disks::stalls(story, tally),
    }
}

/// Each class that the contract names or that was seen, in the order of [`Class::ALL`].
pub(crate) fn classes(story: &Story, tally: &Tally) -> Vec<ClassFigures> {
    let promised = &story.header.drill.contract.classes;
    let row = |class: Class| {
        let promised = promised.contains(&class);
        let toll = toll::of_class(class, tally);
        let latencies = &tally.latencies[index(class)];
        let seconds = tally.slots.of_class(index(class));
        let seconds = seconds.filter(|cell| cell.due > 0).count() as u64;
        let (latency_low, latency_high) = latencies.interval(seconds);
        (promised || toll.requests > 0).then(|| ClassFigures {
            class,
            promised,
            outcomes: outcomes(&tally.outcomes[index(class)]),
            good_percent: toll.good_percent(),
            good_at_first_percent: toll.good_at_first_percent(),
            latency: latencies.all(),
            latency_low,
            latency_high,
            seconds,
            answered: latencies.answered(),
            toll,
        })
    };
    Class::ALL.into_iter().filter_map(row).collect()
}

fn outcomes(counts: &[u64; Outcome::ALL.len()]) -> BTreeMap<String, u64> {
    let named = Outcome::ALL
        .iter()
        .zip(counts)
        .filter(|(_, count)| **count > 0);
    named
        .map(|(outcome, count)| (outcome.name().to_owned(), *count))
        .collect()
}
