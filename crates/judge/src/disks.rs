//! When the machine's disks stood still: what is late everywhere at once is no member's fault.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{figures::figure, story::Story, tally::Tally};

/// A trial during which a disk stood still for so long, in seconds, says nothing of the member that was hit. Whoever writes gives
/// a way up sooner than that, and has not many.
const SPOILS_FROM_S: f64 = 0.5;

/// A time in which a disk of the machine finished nothing, or much less than was waiting for it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DiskStallFigures {
    /// The disk's name in the kernel.
    pub disk: String,
    /// When it began, in seconds from the load's start.
    pub begin_s: f64,
    /// For at least so long, in seconds.
    pub lasted_s: f64,
    /// The episode in which it began; empty in the quiet time.
    pub episode: String,
}

/// The stalls during the load, the first one first.
pub(crate) fn stalls(story: &Story, tally: &Tally) -> Vec<DiskStallFigures> {
    let load = story.zero()..story.load_end();
    let told = story.disk_stalls.iter();
    let begun = told.map(|(end, stall)| (stall.begin(*end), stall));
    let during = begun.filter(|(begin, _)| load.contains(begin));
    let figures = during.map(|(begin, stall)| DiskStallFigures {
        disk: stall.disk.clone(),
        begin_s: story.seconds(begin),
        lasted_s: figure(stall.lasted_s),
        episode: tally
            .episode_at(begin)
            .map_or_else(String::new, |episode| story.name_of(episode)),
    });
    figures.collect()
}

/// The longest of the stalls between two moments, in seconds from the load's start, that spoils what was seen in that time.
pub(crate) fn spoils(
    stalls: &[DiskStallFigures],
    begin_s: f64,
    end_s: f64,
) -> Option<&DiskStallFigures> {
    let long = stalls
        .iter()
        .filter(|stall| stall.lasted_s >= SPOILS_FROM_S);
    let within =
        long.filter(|stall| stall.begin_s < end_s && stall.begin_s + stall.lasted_s > begin_s);
    within.max_by(|one, other| one.lasted_s.total_cmp(&other.lasted_s))
}

#[cfg(test)]
mod tests {
    use timeline::{DiskStall, Event};

    use super::*;
    use crate::testing::Run;

    fn stall(begin_s: f64, lasted_s: f64) -> DiskStallFigures {
        DiskStallFigures {
            disk: "vda".into(),
            begin_s,
            lasted_s,
            episode: String::new(),
        }
    }

    #[test]
    fn a_stall_counts_from_its_begin() {
        let mut run = Run::healthy();
        let disk = "vda".to_owned();
        let told = DiskStall {
            disk,
            lasted_s: 1.5,
        };
        run.push(20.0, Event::DiskStall(told));
        let story = Story::new(&run.entries).unwrap();
        let expected = DiskStallFigures {
            episode: "server".into(),
            ..stall(18.5, 1.5)
        };
        assert_eq!(stalls(&story, &Tally::new(&story)), [expected]);
    }

    #[test]
    fn only_a_long_one_that_overlaps_spoils_and_the_longest_is_named() {
        let stalls = [stall(1.0, 0.6), stall(2.0, 0.4), stall(3.0, 2.0)];
        let longest = |begin_s, end_s| spoils(&stalls, begin_s, end_s).map(|stall| stall.lasted_s);
        assert_eq!(longest(0.0, 9.0), Some(2.0));
        assert_eq!(longest(0.0, 3.0), Some(0.6));
        assert_eq!(longest(1.5, 1.55), Some(0.6));
        assert_eq!(longest(1.7, 3.0), None);
        assert_eq!(longest(5.0, 9.0), None);
    }
}
