//! Which members took writes, by the write-ahead log of those that say they are the primary, and when two did.

use std::{collections::BTreeMap, time::Duration};

use timeline::Offset;

use crate::primaries::Overlap;

/// The counter that the observer reads from a primary: the end of its write-ahead log, in bytes.
pub(crate) const COUNTER: &str = "wal_written";
/// Samples further apart say that something was written, but not when.
const APART: Duration = Duration::from_millis(2500);

/// A member that writes.
#[derive(Debug, Clone, Copy)]
struct Writer {
    last: (Offset, f64),
    /// From when to when its log grew with each sample.
    spell: Option<(Offset, Offset)>,
}

/// Samples of the logs, folded as they come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Writers {
    members: BTreeMap<String, Writer>,
    longest: Option<Overlap>,
}

impl Writers {
    /// A sample of a member's log.
    pub(crate) fn see(&mut self, at: Offset, member: &str, value: f64) {
        let Some(writer) = self.members.get_mut(member) else {
            let writer = Writer {
                last: (at, value),
                spell: None,
            };
            self.members.insert(member.to_owned(), writer);
            return;
        };
        let (before, last) = std::mem::replace(&mut writer.last, (at, value));
        let grew = value > last && at.since(before) <= APART;
        writer.spell = grew.then(|| (writer.spell.map_or(before, |(from, _)| from), at));
        if let Some(spell) = writer.spell {
            self.compare(member, spell);
        }
    }

    fn compare(&mut self, member: &str, (from, until): (Offset, Offset)) {
        let others = self.members.iter().filter(|(name, _)| *name != member);
        let both = others.filter_map(|(name, writer)| {
            let (other_from, other_until) = writer.spell?;
            let from = from.max(other_from);
            let lasted_s = until.min(other_until).since(from).as_secs_f64();
            let members = vec![name.clone(), member.to_owned()];
            Some(Overlap {
                members,
                from,
                lasted_s,
            })
        });
        let longest = both
            .chain(self.longest.take())
            .filter(|overlap| overlap.lasted_s > 0.0);
        self.longest = longest.max_by(|a, b| a.lasted_s.total_cmp(&b.lasted_s));
    }

    /// Whether any log was seen.
    pub(crate) fn were_seen(&self) -> bool {
        !self.members.is_empty()
    }

    /// The longest time in which two logs grew.
    pub(crate) fn longest_overlap(&self) -> Option<&Overlap> {
        self.longest.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples of seconds and values, by member.
    fn seen(samples: &[(f64, &str, u32)]) -> Writers {
        let mut writers = Writers::default();
        for (seconds, member, value) in samples {
            let at = Offset::from(Duration::from_secs_f64(*seconds));
            writers.see(at, member, f64::from(*value));
        }
        writers
    }

    #[test]
    fn one_after_the_other_is_no_overlap() {
        let writers = seen(&[
            (1.0, "a", 1),
            (2.0, "a", 2),
            (3.0, "b", 1),
            (4.0, "b", 2),
            (4.5, "a", 2),
        ]);
        assert!(writers.were_seen());
        assert_eq!(writers.longest_overlap(), None);
        assert!(!seen(&[]).were_seen());
    }

    #[test]
    fn two_logs_that_grow_at_the_same_time_are_two_writers() {
        let both: Vec<_> = (0..6)
            .flat_map(|n| {
                [
                    (f64::from(n), "a", n as u32),
                    (f64::from(n) + 0.5, "b", n as u32),
                ]
            })
            .collect();
        let overlap = seen(&both).longest_overlap().cloned().unwrap();
        assert_eq!((overlap.lasted_s, overlap.members.len()), (4.5, 2));
    }

    #[test]
    fn a_log_that_stands_still_writes_nothing() {
        let both: Vec<_> = (0..6)
            .flat_map(|n| [(f64::from(n), "a", n as u32), (f64::from(n) + 0.5, "b", 7)])
            .collect();
        assert_eq!(seen(&both).longest_overlap(), None);
    }

    #[test]
    fn what_was_written_out_of_sight_is_not_dated() {
        let writers = seen(&[
            (0.0, "b", 1),
            (1.0, "a", 1),
            (2.0, "a", 2),
            (3.0, "a", 3),
            (3.5, "b", 9),
        ]);
        assert_eq!(writers.longest_overlap(), None);
    }
}
