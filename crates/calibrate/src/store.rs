//! What the target keeps of the readings that it acknowledges, and what it does wrong with them on purpose.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;
use wire::Reading;

/// By how much an altered reading's heart rate is off.
const ALTERED_BY: i32 = 1;

/// What goes wrong, by the number of the acknowledged reading, from 0. Everything else is kept as posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spoil {
    /// Acknowledged, and not kept.
    pub lose: Option<u64>,
    /// Kept twice.
    pub double: Option<u64>,
    /// Kept with another heart rate.
    pub alter: Option<u64>,
    /// From this one on, reads show what was newest before it.
    pub stale_from: Option<u64>,
}

/// Readings in the order in which they were first acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Store {
    spoil: Spoil,
    acknowledged: HashSet<Uuid>,
    rows: Vec<Reading>,
    newest: HashMap<u32, Reading>,
    pub(crate) spoilt: Spoilt,
}

/// The readings that were spoilt: the truth that a ledger has to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Spoilt {
    pub(crate) lost: Option<Uuid>,
    pub(crate) doubled: Option<Uuid>,
    pub(crate) altered: Option<Uuid>,
}

impl Store {
    pub(crate) fn new(spoil: Spoil) -> Self {
        Self {
            spoil,
            ..Self::default()
        }
    }

    /// Keeps a reading that is about to be acknowledged. One that is sent again is kept once.
    pub(crate) fn keep(&mut self, reading: Reading) {
        let number = Some(self.acknowledged.len() as u64);
        if !self.acknowledged.insert(reading.reading_id) {
            return;
        }
        let id = Some(reading.reading_id);
        let mut kept = reading;
        if self.spoil.lose == number {
            self.spoilt.lost = id;
            return;
        }
        if self.spoil.alter == number {
            self.spoilt.altered = id;
            kept.heart_rate += ALTERED_BY;
        }
        if self.spoil.double == number {
            self.spoilt.doubled = id;
            self.rows.push(kept.clone());
        }
        if self.spoil.stale_from.is_none_or(|from| number < Some(from)) {
            self.newest.insert(kept.patient_id, kept.clone());
        }
        self.rows.push(kept);
    }

    /// The newest reading of a patient, as a read shows it.
    pub(crate) fn newest(&self, patient: u32) -> Option<&Reading> {
        self.newest.get(&patient)
    }

    /// Everything that is kept.
    pub(crate) fn rows(&self) -> &[Reading] {
        &self.rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(number: u128) -> Reading {
        Reading {
            reading_id: Uuid::from_u128(number),
            patient_id: 7,
            taken_at_ms: number as i64,
            heart_rate: 70,
            spo2: 97,
            systolic: 120,
        }
    }

    fn filled(spoil: Spoil) -> Store {
        let mut store = Store::new(spoil);
        (0..10).for_each(|number| store.keep(reading(number)));
        store
    }

    #[test]
    fn without_a_fault_everything_is_kept_once_as_posted() {
        let mut store = filled(Spoil::default());
        store.keep(reading(3));
        let posted: Vec<_> = (0..10).map(reading).collect();
        assert_eq!(store.rows(), posted);
        assert_eq!(store.newest(7), Some(&reading(9)));
        assert_eq!(store.spoilt, Spoilt::default());
    }

    #[test]
    fn exactly_one_is_lost_doubled_and_altered() {
        let store = filled(Spoil {
            lose: Some(2),
            double: Some(4),
            alter: Some(6),
            stale_from: None,
        });
        let id = |number| Some(Uuid::from_u128(number));
        assert_eq!(store.spoilt.lost, id(2));
        assert_eq!(store.spoilt.doubled, id(4));
        assert_eq!(store.spoilt.altered, id(6));
        let rows = store.rows();
        let count = |number| rows.iter().filter(|r| **r == reading(number)).count();
        let counts: Vec<_> = (0..10).map(count).collect();
        assert_eq!(counts, [1, 1, 0, 1, 2, 1, 0, 1, 1, 1]);
        assert_eq!(rows.len(), 10);
    }

    #[test]
    fn what_was_lost_stays_lost_when_it_is_sent_again() {
        let mut store = filled(Spoil {
            lose: Some(2),
            ..Spoil::default()
        });
        store.keep(reading(2));
        assert_eq!(store.rows().len(), 9);
    }

    #[test]
    fn stale_reads_show_what_was_newest_before() {
        let store = filled(Spoil {
            stale_from: Some(5),
            ..Spoil::default()
        });
        assert_eq!(store.newest(7), Some(&reading(4)));
        assert_eq!(store.rows().len(), 10);
    }
}
