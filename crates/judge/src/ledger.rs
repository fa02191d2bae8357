//! The ledger: what was acknowledged to a monitor against what the database holds once everything has healed.
//!
//! Which readings were acknowledged follows from the arrivals alone: a monitor's id and values are pure
//! functions of seed, user and slot, so nothing else has to be recorded.

use std::{collections::BTreeMap, io::Read, time::Duration};

use drill::{Class, alarms, reading, slot_of};
use timeline::{Arrival, Offset, Outcome, StoredError, StoredReadings};
use uuid::Uuid;
use wire::{Reading, Thresholds};

use crate::{
    changes::Changes,
    figures::{EntryFault, LedgerEntry, LedgerFigures, figure},
    story::Story,
};

#[cfg(test)]
mod tests;

/// Entries that are named; more are only counted.
pub(crate) const MOST_NAMED: usize = 100;

/// Slots of one user, a bit each.
#[derive(Debug, Clone, Default)]
pub(crate) struct Slots(Vec<u64>);

impl Slots {
    /// Sets a bit and says whether it was set before.
    fn set(&mut self, slot: u32) -> bool {
        let (word, bit) = (slot as usize / 64, 1 << (slot % 64));
        if word >= self.0.len() {
            self.0.resize(word + 1, 0);
        }
        let before = self.0[word] & bit != 0;
        self.0[word] |= bit;
        before
    }

    /// Sets a bit and says whether that is new.
    pub(crate) fn set_anew(&mut self, slot: u32) -> bool {
        !self.set(slot)
    }

    /// Number of bits set.
    pub(crate) fn count(&self) -> u64 {
        self.0.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    pub(crate) fn has(&self, slot: u32) -> bool {
        let word = self.0.get(slot as usize / 64);
        word.is_some_and(|word| word & (1 << (slot % 64)) != 0)
    }

    fn iter(&self) -> impl Iterator<Item = u32> {
        let slots = 0..self.0.len() as u32 * 64;
        slots.filter(|slot| self.has(*slot))
    }
}

/// One monitor.
#[derive(Debug, Clone, Default)]
struct Monitor {
    /// Time from the load's begin to its slot 0, once an arrival has told it: any will do, answered or not.
    phase_ns: Option<u64>,
    acknowledged: Slots,
    stored: Slots,
}

/// The readings and changes of a run that were acknowledged.
#[derive(Debug)]
pub(crate) struct Acknowledged {
    seed: u64,
    begin: Offset,
    every: Duration,
    /// Zero of every offset on the wall clock; 0 where the recording does not say.
    zero_unix_ns: u64,
    monitors: Vec<Monitor>,
    /// What was changed beside the readings.
    pub(crate) changes: Changes,
}

impl Acknowledged {
    /// For the run that the story tells.
    pub(crate) fn new(story: &Story) -> Self {
        let drill = &story.header.drill;
        Self {
            seed: drill.seed,
            begin: story.zero(),
            every: drill.traffic.monitor_every(),
            zero_unix_ns: story.header.zero_unix_ns,
            monitors: vec![Monitor::default(); drill.most_users() as usize],
            changes: Changes::new(story),
        }
    }

    /// Notes an arrival, if it is a reading or a change.
    pub(crate) fn add(&mut self, arrival: &Arrival) {
        self.changes.add(arrival);
        if arrival.class != Class::Ingest {
            return;
        }
        let Some(monitor) = self.monitors.get_mut(arrival.user as usize) else {
            return;
        };
        let since = arrival.due.since(self.begin).as_nanos();
        let every = self.every.as_nanos();
        // Both fit: the quotient counts slots, the remainder is below one period.
        monitor.phase_ns = Some((since % every) as u64);
        if arrival.outcome == Outcome::Ok {
            monitor.acknowledged.set((since / every) as u32);
        }
    }

    /// Those that alarm, with the moment at which they were due.
    pub(crate) fn alarming(&self) -> impl Iterator<Item = (Uuid, Offset)> {
        let limits = Thresholds::default();
        let all = self
            .monitors
            .iter()
            .enumerate()
            .flat_map(|(user, monitor)| {
                let slots = monitor.acknowledged.iter();
                slots.map(move |slot| (user as u32, slot))
            });
        all.filter_map(move |(user, slot)| {
            let reading = reading(self.seed, user, slot, 0);
            alarms(&reading, &limits).then(|| (reading.reading_id, self.due(user, slot)))
        })
    }

    /// Seconds from the load's begin.
    pub(crate) fn seconds(&self, at: Offset) -> f64 {
        figure(at.since(self.begin).as_secs_f64())
    }

    /// Compares with what is stored. `place` tells in which episode a moment falls.
    ///
    /// # Errors
    /// When the stored readings can't be read.
    pub(crate) fn compare(
        mut self,
        stored: &mut StoredReadings<impl Read>,
        place: impl Fn(Offset) -> Option<String>,
    ) -> Result<LedgerFigures, StoredError> {
        let mut figures = LedgerFigures {
            compared: Some(0),
            ..LedgerFigures::default()
        };
        for found in stored.by_ref() {
            let found = found?;
            figures.stored += 1;
            self.account(&found, &place, &mut figures);
        }
        figures.complete = stored.is_complete();
        for (user, monitor) in self.monitors.iter().enumerate() {
            for slot in monitor.acknowledged.iter() {
                figures.acknowledged += 1;
                if !monitor.stored.has(slot) {
                    let user = user as u32;
                    self.name(EntryFault::Lost, user, slot, &place, &mut figures);
                }
            }
        }
        Ok(figures)
    }

    /// One stored reading.
    fn account(
        &mut self,
        found: &Reading,
        place: &impl Fn(Offset) -> Option<String>,
        figures: &mut LedgerFigures,
    ) {
        let Some((user, slot)) = slot_of(self.seed, found.reading_id) else {
            figures.foreign += 1;
            return;
        };
        let Some(monitor) = self.monitors.get_mut(user as usize) else {
            figures.foreign += 1;
            return;
        };
        if monitor.stored.set(slot) {
            self.name(EntryFault::Duplicated, user, slot, place, figures);
            return;
        }
        let (acknowledged, dated) = (monitor.acknowledged.has(slot), monitor.phase_ns.is_some());
        // The monitor gave it up and it is stored all the same. No promise was made to keep it, but readers believe it.
        figures.unacknowledged += u64::from(!acknowledged);
        figures.compared = figures.compared.map(|compared| compared + 1);
        if !self.is_as_posted(found, user, slot, dated) {
            let fault = match acknowledged {
                true => EntryFault::Altered,
                false => EntryFault::AlteredUnacknowledged,
            };
            self.name(fault, user, slot, place, figures);
        }
    }

    /// Whether the values are those of the slot; the time, too, where the recording tells when the slot was.
    fn is_as_posted(&self, found: &Reading, user: u32, slot: u32, dated: bool) -> bool {
        let taken_at_ms = match self.zero_unix_ns {
            zero if dated && zero != 0 => {
                ((zero + self.due(user, slot).0) / 1_000_000).cast_signed()
            }
            _ => found.taken_at_ms,
        };
        *found == reading(self.seed, user, slot, taken_at_ms)
    }

    fn due(&self, user: u32, slot: u32) -> Offset {
        let phase_ns = self.monitors[user as usize].phase_ns.unwrap_or_default();
        let since = Duration::from_nanos(phase_ns) + self.every * slot;
        Offset::from(self.begin.as_duration() + since)
    }

    /// Counts a fault, and names it while there is room.
    fn name(
        &self,
        fault: EntryFault,
        user: u32,
        slot: u32,
        place: &impl Fn(Offset) -> Option<String>,
        figures: &mut LedgerFigures,
    ) {
        let due = self.due(user, slot);
        let episode = place(due);
        let count = match fault {
            EntryFault::Lost => &mut figures.lost,
            EntryFault::Altered => &mut figures.altered,
            EntryFault::AlteredUnacknowledged => &mut figures.altered_unacknowledged,
            EntryFault::Duplicated => &mut figures.duplicated,
            // A fault of the way to staff, not of what is stored.
            EntryFault::NotPaged => return,
        };
        *count += 1;
        if fault != EntryFault::Duplicated {
            let name = episode.clone().unwrap_or_default();
            *figures.by_episode.entry(name).or_default() += 1;
        }
        if figures.named.len() < MOST_NAMED {
            figures.named.push(LedgerEntry {
                reading_id: drill::reading_id(self.seed, user, slot).to_string(),
                fault,
                due_s: self.seconds(due),
                episode,
            });
        }
    }
}

/// Episodes with what they lost, the worst first; readings of the quiet time are under the empty name.
pub(crate) fn worst_first(by_episode: &BTreeMap<String, u64>) -> Vec<(&str, u64)> {
    let mut worst: Vec<_> = by_episode
        .iter()
        .map(|(name, lost)| (name.as_str(), *lost))
        .collect();
    worst.sort_by_key(|(_, lost)| std::cmp::Reverse(*lost));
    worst
}
