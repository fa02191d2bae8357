//! The machine's disks: whether one stands still while somebody waits for it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use timeline::{DiskStall, Sighting};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::reporter::Reporter;

/// Time between two looks. A look reads one small file that the kernel keeps in memory.
const EVERY: Duration = Duration::from_millis(50);

/// A disk finishes what it is asked for within milliseconds. Who waits for so long feels it.
const WORTH_TELLING: Duration = Duration::from_millis(200);

/// The kernel counts for the whole machine here, in a container, too.
const COUNTS: &str = "/proc/diskstats";

/// Whole disks have a folder here; their partitions, which are counted once more, have not.
const WHOLE: &str = "/sys/block";

/// Tells of each stall when it is over, until nobody listens. Where the kernel counts nothing, nothing is told: the run is
/// as good without.
pub(crate) async fn patrol(sightings: Reporter) {
    let mut disks = Disks::new(whole_disks());
    let mut rounds = interval_at(Instant::now() + EVERY, EVERY);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while !sightings.is_closed() {
        rounds.tick().await;
        let counted = std::fs::read_to_string(COUNTS).unwrap_or_default();
        for stall in disks.look(Instant::now(), &counted) {
            if sightings.send(Sighting::DiskStall(stall)).await.is_err() {
                return;
            }
        }
    }
}

fn whole_disks() -> BTreeSet<String> {
    let entries = std::fs::read_dir(WHOLE).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

/// What was seen of each disk.
struct Disks {
    whole: BTreeSet<String>,
    seen: BTreeMap<String, Seen>,
}

/// The last look at a disk.
#[derive(Clone, Copy)]
struct Seen {
    at: Instant,
    counted: Counted,
    /// The look after which it was slow, up to this one.
    slow_since: Option<Instant>,
}

impl Disks {
    fn new(whole: BTreeSet<String>) -> Self {
        Self {
            whole,
            seen: BTreeMap::new(),
        }
    }

    /// The stalls that are over, given what the kernel has counted by now.
    fn look(&mut self, now: Instant, counted: &str) -> Vec<DiskStall> {
        let whole = counted.lines().filter_map(disk);
        let whole = whole.filter(|(name, _)| self.whole.contains(*name));
        let mut over = vec![];
        for (name, counted) in whole {
            let before = self.seen.get(name).copied();
            let slow = before.filter(|before| counted.is_slower_than_asked(before.counted));
            let seen = Seen {
                at: now,
                counted,
                slow_since: slow.map(|before| before.slow_since.unwrap_or(before.at)),
            };
            self.seen.insert(name.to_owned(), seen);
            let (None, Some(before)) = (slow, before) else {
                continue;
            };
            // Up to the last look that saw it slow, so that a late look adds nothing.
            let lasted = before.slow_since.map(|since| before.at - since);
            if let Some(lasted) = lasted.filter(|lasted| *lasted >= WORTH_TELLING) {
                over.push(DiskStall {
                    disk: name.to_owned(),
                    lasted_s: lasted.as_secs_f64(),
                });
            }
        }
        over
    }
}

/// What the kernel counts of a disk.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Counted {
    /// Reads, writes, discards and flushes that were finished.
    finished: u64,
    /// How many are under way.
    under_way: u64,
}

impl Counted {
    /// Whether fewer were finished since the look before than were under way then, and there are more: by Little's law each waits
    /// for longer than the time between the looks. A busy disk that works finishes many times as many.
    fn is_slower_than_asked(self, before: Self) -> bool {
        self.under_way > 0 && self.finished.saturating_sub(before.finished) < before.under_way
    }
}

/// A line of the kernel's Documentation/admin-guide/iostats.rst: major, minor, name, then counts. Reads are the first of them, writes
/// the fifth, what is under way the ninth, discards the twelfth (kernel 4.18), flushes the sixteenth (5.5).
fn disk(line: &str) -> Option<(&str, Counted)> {
    let mut words = line.split_ascii_whitespace().skip(2);
    let name = words.next()?;
    let counts: Vec<u64> = words.map(str::parse).collect::<Result<_, _>>().ok()?;
    let finished = [0, 4, 11, 15].iter().filter_map(|at| counts.get(*at));
    let counted = Counted {
        finished: finished.sum(),
        under_way: *counts.get(8)?,
    };
    Some((name, counted))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at a disk and its partition, of which is told how many writes they have finished and how many are under way.
    fn stalls(every: Duration, looks: impl IntoIterator<Item = (u64, u64)>) -> Vec<f64> {
        let mut disks = Disks::new(BTreeSet::from(["vda".to_owned()]));
        let mut now = Instant::now();
        let mut told = vec![];
        for (writes, under_way) in looks {
            let counts = format!("5 0 40 1 {writes} 0 80 2 {under_way} 7 9 1 0 8 0 3 1");
            let text = format!("254 0 vda {counts}\n254 1 vda1 {counts}\n");
            told.extend(disks.look(now, &text));
            now += every;
        }
        assert!(told.iter().all(|stall| stall.disk == "vda"), "{told:?}");
        told.into_iter().map(|stall| stall.lasted_s).collect()
    }

    #[test]
    fn who_finishes_nothing_while_somebody_waits_stands_still() {
        let mut looks = vec![(20, 0), (21, 12)];
        looks.extend([(21, 12); 10]);
        looks.extend([(133, 0), (155, 1)]);
        assert_eq!(stalls(EVERY, looks), [0.5]);
    }

    #[test]
    fn who_lets_a_few_through_now_and_then_does_too() {
        let few = (0..20).map(|look| (look / 2, 24));
        assert_eq!(stalls(EVERY, few.chain([(80, 3)])), [0.95]);
    }

    #[test]
    fn who_is_idle_or_has_much_to_do_does_not() {
        assert_eq!(stalls(EVERY, [(1, 0); 100]), [0.0; 0]);
        // 32 at a time, each for 5 ms; and one at a time, each for 40.
        let busy = |every: u64| (0..100).map(move |look| (look * every * 320, 32));
        assert_eq!(stalls(EVERY, busy(1)), [0.0; 0]);
        assert_eq!(stalls(20 * EVERY, busy(20)), [0.0; 0]);
        assert_eq!(stalls(EVERY, (0..100).map(|look| (look, 1))), [0.0; 0]);
    }

    #[test]
    fn a_look_that_came_late_adds_nothing() {
        let mut disks = Disks::new(BTreeSet::from(["vda".to_owned()]));
        let now = Instant::now();
        let text = |writes| format!("254 0 vda 5 0 40 1 {writes} 0 80 2 1 7 9");
        assert_eq!(disks.look(now, &text(1)), []);
        assert_eq!(disks.look(now + EVERY, &text(1)), []);
        assert_eq!(disks.look(now + Duration::from_secs(3), &text(2)), []);
    }

    #[test]
    fn lines_of_old_and_of_unknown_kernels_are_read_as_far_as_they_go() {
        let (name, old) = disk(" 8 16 sdb 5 0 40 1 7 0 80 2 1 7 9").unwrap();
        let expected = Counted {
            finished: 12,
            under_way: 1,
        };
        assert_eq!((name, old), ("sdb", expected));
        for line in [
            "",
            "8 16 sdb",
            "8 16 sdb 5 0 x 1 7 0 80 2 1 7 9",
            "8 16 sdb 1 2",
        ] {
            assert!(disk(line).is_none(), "{line}");
        }
    }
}
