//! How hard the database and the pools in front of it worked, episode by episode: which of them runs short first.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use timeline::Offset;

use crate::{figures::figure, story::Story, tally::Tally};

/// How hard they worked in one episode, or in the quiet time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct StrainFigures {
    /// The episode; empty for the quiet time.
    pub episode: String,
    /// Time that the database's sessions spent on statements, in percent of the time that passed, all members together:
    /// 100 keep one processor busy at most. None where it was not read twice.
    pub database_busy_percent: Option<f64>,
    /// Transactions a second, all members together.
    pub commits_per_s: Option<f64>,
    /// Most connections of one member's pools that were in use at once, as looked at from time to time.
    pub pool_in_use: Option<f64>,
    /// Most requests of one member that waited for a connection.
    pub pool_waiting: Option<f64>,
}

/// Counters that are followed over time.
const BUSY_MS: &str = "busy_ms";
const COMMITS: &str = "commits";
const IN_USE: &str = "pool_in_use_now";
const WAITING: &str = "pool_waiting_now";

/// Samples of one counter by member, in the order in which they were read.
type Samples = BTreeMap<String, Vec<(Offset, f64)>>;

/// Samples of the counters that are followed.
#[derive(Debug, Default)]
pub(crate) struct Strain(BTreeMap<&'static str, Samples>);

impl Strain {
    /// Takes a sample, if the counter is one of them.
    pub(crate) fn sample(&mut self, at: Offset, member: &str, counter: &str, value: f64) {
        let followed = [BUSY_MS, COMMITS, IN_USE, WAITING];
        let Some(name) = followed.into_iter().find(|name| *name == counter) else {
            return;
        };
        if value.is_finite() {
            let members = self.0.entry(name).or_default();
            members
                .entry(member.to_owned())
                .or_default()
                .push((at, value));
        }
    }

    /// Increase a second in the time that `is_in` picks, all members together. A step between two samples falls to
    /// where its middle is.
    fn rate(&self, counter: &str, is_in: impl Fn(Offset) -> bool) -> Option<f64> {
        let rates = self.0.get(counter)?.values().filter_map(|samples| {
            let (mut grown, mut took) = (0.0, 0.0);
            for pair in samples.windows(2) {
                let ((from, before), (until, after)) = (pair[0], pair[1]);
                // What falls began again at 0 somewhere between.
                if is_in(Offset(from.0.midpoint(until.0))) && after >= before {
                    grown += after - before;
                    took += until.since(from).as_secs_f64();
                }
            }
            (took > 0.0).then(|| grown / took)
        });
        rates.reduce(|sum, rate| sum + rate).map(figure)
    }

    fn highest(&self, counter: &str, is_in: impl Fn(Offset) -> bool) -> Option<f64> {
        let samples = self.0.get(counter)?.values().flatten();
        let within = samples
            .filter(|(at, _)| is_in(*at))
            .map(|(_, value)| *value);
        within.reduce(f64::max)
    }
}

/// The quiet time, then each episode; none in a drill whose load stays as the curve has it.
pub(crate) fn figures(story: &Story, tally: &Tally) -> Vec<StrainFigures> {
    let episodes = &story.header.drill.episodes;
    if episodes
        .iter()
        .all(|episode| episode.fault.pressure().is_none())
    {
        return vec![];
    }
    let load = story.zero()..story.load_end();
    let row = |place: Option<usize>| {
        let is_in = |at: Offset| load.contains(&at) && tally.episode_at(at) == place;
        let strain = &story.strain;
        StrainFigures {
            episode: place.map_or_else(String::new, |episode| story.name_of(episode)),
            // Milliseconds a second are tenths of a percent.
            database_busy_percent: strain.rate(BUSY_MS, is_in).map(|ms| figure(ms / 10.0)),
            commits_per_s: strain.rate(COMMITS, is_in),
            pool_in_use: strain.highest(IN_USE, is_in),
            pool_waiting: strain.highest(WAITING, is_in),
        }
    };
    let places = std::iter::once(None).chain((0..episodes.len()).map(Some));
    places.map(row).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Offset {
        Offset::from(Duration::from_secs(seconds))
    }

    #[test]
    fn rates_are_of_the_steps_within_and_of_all_members() {
        let mut strain = Strain::default();
        for (second, value) in [(0, 0.0), (5, 500.0), (10, 3000.0), (15, 5500.0)] {
            strain.sample(at(second), "postgres-1", BUSY_MS, value);
        }
        for (second, value) in [(6, 900.0), (11, 400.0), (16, 900.0)] {
            strain.sample(at(second), "postgres-2", BUSY_MS, value);
        }
        // 5,000 ms in 10 s, and 500 ms in 5 s after a restart.
        let late = |moment: Offset| moment >= at(6);
        assert_eq!(strain.rate(BUSY_MS, late), Some(600.0));
        assert_eq!(strain.rate(BUSY_MS, |_| false), None);
        assert_eq!(strain.rate(COMMITS, late), None);
    }

    #[test]
    fn levels_keep_their_highest_within() {
        let mut strain = Strain::default();
        for (second, value) in [(1, 9.0), (5, 3.0), (6, f64::NAN)] {
            strain.sample(at(second), "api-1", IN_USE, value);
        }
        strain.sample(at(5), "api-2", IN_USE, 4.0);
        strain.sample(at(5), "api-2", "requests", 99.0);
        assert_eq!(strain.highest(IN_USE, |moment| moment > at(1)), Some(4.0));
        assert_eq!(strain.highest(WAITING, |_| true), None);
    }
}
