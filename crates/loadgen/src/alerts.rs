//! Alerts that are due to clinicians: from the acknowledgement of an alarming reading to each live stream that
//! follows its ward.
//!
//! The generator knows which readings alarm, because it made them. Once one is acknowledged, everybody who
//! follows the ward at that moment must see its alert; who leaves before that is not waited for.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use drill::Class;
use timeline::{Arrival, Offset, Outcome};
use tokio::sync::mpsc;
use uuid::Uuid;
use wire::{Alert, WARDS};

use crate::recording::Recorder;

/// An alert that has not come by then does not come: resuming a stream takes a second or two.
const PATIENCE: Duration = Duration::from_secs(10);
/// Alerts that may wait for one follower: minutes of a ward's.
const BACKLOG: usize = 256;

/// An alert that is due.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Due {
    reading_id: Uuid,
    at: Offset,
}

/// Who follows which ward.
#[derive(Debug)]
pub(crate) struct AlertBook {
    wards: Vec<Mutex<Vec<mpsc::Sender<Due>>>>,
}

impl AlertBook {
    pub(crate) fn new() -> Self {
        let wards = (0..=WARDS).map(|_| Mutex::default());
        Self {
            wards: wards.collect(),
        }
    }

    /// What is due from now on to somebody who follows the ward.
    pub(crate) fn follow(&self, ward: u32) -> Expected {
        let (sender, inbox) = mpsc::channel(BACKLOG);
        if let Some(followers) = self.wards.get(ward as usize) {
            let mut followers = followers.lock().unwrap_or_else(PoisonError::into_inner);
            followers.push(sender);
        }
        Expected {
            inbox,
            waiting: HashMap::new(),
            early: HashMap::new(),
            seen: HashSet::new(),
        }
    }

    /// A reading that alarms was acknowledged at `at`.
    pub(crate) fn announce(&self, ward: u32, reading_id: Uuid, at: Offset) {
        if let Some(followers) = self.wards.get(ward as usize) {
            let mut followers = followers.lock().unwrap_or_else(PoisonError::into_inner);
            let due = Due { reading_id, at };
            // Those who left have dropped their ends.
            followers.retain(|follower| follower.try_send(due).is_ok());
        }
    }
}

/// The alerts of one stay of one follower. Dropped, nothing more is due.
#[derive(Debug)]
pub(crate) struct Expected {
    inbox: mpsc::Receiver<Due>,
    /// Due, and not seen yet.
    waiting: HashMap<Uuid, Offset>,
    /// Seen, and not due yet: an alert may overtake the acknowledgement of its reading.
    early: HashMap<Uuid, Offset>,
    seen: HashSet<Uuid>,
}

impl Expected {
    /// An alert came; says whether it is new to this follower.
    pub(crate) fn saw(&mut self, alert: &Alert, now: Offset) -> bool {
        let new = self.seen.insert(alert.id);
        if new {
            self.early.insert(alert.reading_id, now);
        }
        new
    }

    /// Records what has come and what is overdue.
    pub(crate) fn settle(&mut self, user: u32, now: Offset, recorder: &Recorder) {
        while let Ok(due) = self.inbox.try_recv() {
            self.waiting.insert(due.reading_id, due.at);
        }
        let early = &mut self.early;
        self.waiting.retain(|reading_id, due| {
            let ending = match early.remove(reading_id) {
                Some(seen) => Some((Outcome::Ok, seen.max(*due))),
                None if now.since(*due) > PATIENCE => Some((Outcome::TimedOut, now)),
                None => None,
            };
            let Some((outcome, done)) = ending else {
                return true;
            };
            recorder.record(Arrival {
                user,
                class: Class::Alert,
                outcome,
                again: false,
                status: 0,
                due: *due,
                sent: *due,
                done,
            });
            false
        });
    }
}

/// The record of an alert that its follower was shown before.
pub(crate) fn repeated(user: u32, now: Offset) -> Arrival {
    Arrival {
        user,
        class: Class::Alert,
        outcome: Outcome::Repeated,
        again: false,
        status: 0,
        due: now,
        sent: now,
        done: now,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::tally::Tally;

    fn at(seconds: u64) -> Offset {
        Offset::from(Duration::from_secs(seconds))
    }

    fn alert(id: u128, reading: u128) -> Alert {
        Alert {
            id: Uuid::from_u128(id),
            reading_id: Uuid::from_u128(reading),
            patient_id: 3,
            ward: 3,
            kind: "spo2-low".into(),
            value: 80,
            raised_at_ms: 0,
        }
    }

    /// Outcome, due and done of every record.
    fn recorded(expected: &mut Expected, now: Offset) -> Vec<(Outcome, Offset, Offset)> {
        let (recorder, mut records) = Recorder::new(Arc::new(Tally::default()), 10);
        expected.settle(1, now, &recorder);
        let mut all = vec![];
        while let Ok(arrival) = records.try_recv() {
            assert_eq!(arrival.class, Class::Alert);
            all.push((arrival.outcome, arrival.due, arrival.done));
        }
        all
    }

    #[test]
    fn what_comes_is_on_time_and_what_does_not_is_missed() {
        let book = AlertBook::new();
        let mut expected = book.follow(3);
        book.announce(3, Uuid::from_u128(1), at(5));
        book.announce(3, Uuid::from_u128(2), at(6));
        book.announce(4, Uuid::from_u128(3), at(6));
        assert!(expected.saw(&alert(70, 1), at(7)));
        assert_eq!(
            recorded(&mut expected, at(8)),
            [(Outcome::Ok, at(5), at(7))]
        );
        assert!(recorded(&mut expected, at(16)).is_empty());
        let missed = [(Outcome::TimedOut, at(6), at(17))];
        assert_eq!(recorded(&mut expected, at(17)), missed);
    }

    #[test]
    fn an_alert_may_overtake_its_acknowledgement_and_comes_once() {
        let book = AlertBook::new();
        let mut expected = book.follow(3);
        assert!(expected.saw(&alert(70, 1), at(4)));
        assert!(!expected.saw(&alert(70, 1), at(5)), "the same again");
        assert!(recorded(&mut expected, at(4)).is_empty());
        book.announce(3, Uuid::from_u128(1), at(5));
        assert_eq!(
            recorded(&mut expected, at(6)),
            [(Outcome::Ok, at(5), at(5))]
        );
    }

    #[test]
    fn nobody_waits_for_who_has_left() {
        let book = AlertBook::new();
        drop(book.follow(3));
        book.announce(3, Uuid::from_u128(1), at(5));
        assert!(book.wards[3].lock().unwrap().is_empty());
    }
}
