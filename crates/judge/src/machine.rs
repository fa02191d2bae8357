//! How much of the machine was still to be had: what is late on a machine without a free processor may be the
//! machine's own.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use timeline::{Offset, Processors};

use crate::{figures::figure, story::Story, tally::Tally};

/// Length of the tightest window, in seconds.
const TIGHTEST_OVER: Duration = Duration::from_secs(10);

/// What the machine's processors did while there was load, in percent of all that they had to give.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MachineFigures {
    /// Nothing: this was to be had.
    pub idle_percent: f64,
    /// Lent to others by the host of a virtual machine, while there was work.
    pub stolen_percent: f64,
    /// Nothing, in the ten seconds with the least of it.
    pub tightest_idle_percent: f64,
    /// Where those begin, in seconds from the load's start.
    pub tightest_begin_s: f64,
    /// The episode in which they begin; empty in the quiet time.
    pub tightest_episode: String,
}

/// What was told of the processors, in the order of time.
pub(crate) type Machine = Vec<(Offset, Processors)>;

/// None where less than ten seconds of the load were looked at.
pub(crate) fn figures(story: &Story, tally: &Tally) -> Option<MachineFigures> {
    let load = story.zero()..story.load_end();
    let looks = story.machine.iter().filter(|(at, _)| load.contains(at));
    let looks: Machine = looks.copied().collect();
    let whole = looks.last()?.1.since(looks.first()?.1)?;
    let (begin, tightest) = tightest(&looks)?;
    let episode = tally.episode_at(begin);
    Some(MachineFigures {
        idle_percent: percent(whole.idle_s, whole),
        stolen_percent: percent(whole.stolen_s, whole),
        tightest_idle_percent: percent(tightest.idle_s, tightest),
        tightest_begin_s: story.seconds(begin),
        tightest_episode: episode.map_or_else(String::new, |episode| story.name_of(episode)),
    })
}

/// The ten seconds of which the smallest share was idle, and what was done in them.
fn tightest(looks: &[(Offset, Processors)]) -> Option<(Offset, Processors)> {
    let window = |(number, &(from, before)): (usize, &(Offset, Processors))| {
        let mut later = looks[number..].iter();
        let (_, after) = later.find(|(at, _)| at.since(from) >= TIGHTEST_OVER)?;
        Some((from, after.since(before)?))
    };
    let share = |did: Processors| did.idle_s / did.total_s();
    let windows = looks.iter().enumerate().filter_map(window);
    windows.min_by(|(_, one), (_, other)| share(*one).total_cmp(&share(*other)))
}

/// The kernel's own count of idle time may step back by a tick.
fn percent(part_s: f64, of: Processors) -> f64 {
    figure(100.0 * part_s.max(0.0) / of.total_s())
}

#[cfg(test)]
mod tests {
    use timeline::{Entry, Event};

    use super::*;
    use crate::testing::Run;

    /// Two processors, looked at every second: half idle, a tenth stolen from second 30 on, nothing idle from 40 to 50.
    fn looks(run: &mut Run) {
        let mut did = Processors::default();
        for second in 0..60_u32 {
            let stolen_s = if second >= 30 { 0.2 } else { 0.0 };
            let idle_s = if (40..50).contains(&second) { 0.0 } else { 1.0 };
            run.push(second.into(), Event::Processors(did));
            did.busy_s += 2.0 - idle_s - stolen_s;
            did.idle_s += idle_s;
            did.stolen_s += stolen_s;
        }
    }

    fn figures_of(entries: &[Entry]) -> Option<MachineFigures> {
        let story = Story::new(entries).unwrap();
        figures(&story, &Tally::new(&story))
    }

    #[test]
    fn the_tightest_ten_seconds_are_found() {
        let mut run = Run::healthy();
        looks(&mut run);
        let figures = figures_of(&run.entries).unwrap();
        assert_eq!(figures.tightest_begin_s, 40.0);
        assert_eq!(figures.tightest_idle_percent, 0.0);
        // 49 s of 59, and 5.8 s of 118.
        assert!((figures.idle_percent - 41.525).abs() < 0.01, "{figures:?}");
        assert!((figures.stolen_percent - 4.915).abs() < 0.01, "{figures:?}");
    }

    #[test]
    fn too_few_looks_tell_nothing() {
        let mut run = Run::healthy();
        assert_eq!(figures_of(&run.entries), None);
        for second in [5_u32, 14] {
            run.push(second.into(), Event::Processors(Processors::default()));
        }
        assert_eq!(figures_of(&run.entries), None);
    }
}
