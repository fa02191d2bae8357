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
use tokio::sync::mpsc::{self, error::TrySendError};
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

/// Somebody who follows a ward.
#[derive(Debug)]
struct Follower {
    user: u32,
    sender: mpsc::Sender<Due>,
}

/// Who follows which ward.
#[derive(Debug)]
pub(crate) struct AlertBook {
    wards: Vec<Mutex<Vec<Follower>>>,
}

impl AlertBook {
    pub(crate) fn new() -> Self {
        let wards = (0..=WARDS).map(|_| Mutex::default());
        Self {
            wards: wards.collect(),
        }
    }

    /// What is due from now on to a user who follows the ward.
    pub(crate) fn follow(&self, ward: u32, user: u32) -> Expected {
        let (sender, inbox) = mpsc::channel(BACKLOG);
        if let Some(followers) = self.wards.get(ward as usize) {
            let mut followers = followers.lock().unwrap_or_else(PoisonError::into_inner);
            followers.push(Follower { user, sender });
        }
        Expected {
            inbox,
            waiting: HashMap::new(),
            early: HashMap::new(),
            seen: HashSet::new(),
        }
    }

    /// A reading that alarms was acknowledged at `at`. Nobody observes it for a follower who has too much to wait for already.
    pub(crate) fn announce(&self, ward: u32, reading_id: Uuid, at: Offset, recorder: &Recorder) {
        let Some(followers) = self.wards.get(ward as usize) else {
            return;
        };
        let mut followers = followers.lock().unwrap_or_else(PoisonError::into_inner);
        let due = Due { reading_id, at };
        followers.retain(|follower| match follower.sender.try_send(due) {
            Ok(()) => true,
            // Those who left have dropped or closed their ends.
            Err(TrySendError::Closed(_)) => false,
            Err(TrySendError::Full(_)) => {
                recorder.record(ended(follower.user, Outcome::Unobserved, at, at));
                true
            }
        });
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

    /// From now on nothing more becomes due.
    pub(crate) fn leave(&mut self) {
        self.inbox.close();
    }

    /// Until when the first of those that are due is waited for; none when nothing is.
    pub(crate) fn next(&self) -> Option<Offset> {
        let first = self.waiting.values().min()?;
        // Just after it: at the very moment it is not overdue yet.
        let patience = PATIENCE + Duration::from_millis(1);
        Some(Offset::from(first.as_duration() + patience))
    }

    /// Records what has come and what is overdue.
    pub(crate) fn settle(&mut self, user: u32, now: Offset, recorder: &Recorder) {
        while let Ok(due) = self.inbox.try_recv() {
            self.waiting.insert(due.reading_id, due.at);
        }
        let early = &mut self.early;
        self.waiting.retain(|reading_id, due| {
            let (outcome, done) = match early.remove(reading_id) {
                Some(seen) if seen.since(*due) > PATIENCE => (Outcome::TimedOut, seen),
                Some(seen) => (Outcome::Ok, seen.max(*due)),
                None if now.since(*due) > PATIENCE => (Outcome::TimedOut, now),
                None => return true,
            };
            recorder.record(ended(user, outcome, *due, done));
            false
        });
    }

    /// Records all that is due: what has not come, nobody waits for any more.
    pub(crate) fn give_up(&mut self, user: u32, now: Offset, recorder: &Recorder) {
        self.leave();
        self.settle(user, now, recorder);
        for (_, due) in self.waiting.drain() {
            recorder.record(ended(user, Outcome::Unobserved, due, now.max(due)));
        }
    }
}

/// The record of an alert that its follower was shown before.
pub(crate) fn repeated(user: u32, now: Offset) -> Arrival {
    ended(user, Outcome::Repeated, now, now)
}

fn ended(user: u32, outcome: Outcome, due: Offset, done: Offset) -> Arrival {
    Arrival {
        user,
        class: Class::Alert,
        outcome,
        again: false,
        status: 0,
        due,
        sent: due,
        done,
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
        recorded_by(|recorder| expected.settle(1, now, recorder))
    }

    fn recorded_by(work: impl FnOnce(&Recorder)) -> Vec<(Outcome, Offset, Offset)> {
        let (recorder, mut records) = Recorder::new(Arc::new(Tally::default()), 1000);
        work(&recorder);
        let mut all = vec![];
        while let Ok(record) = records.try_recv() {
            let bytes = [timeline::HEADER.as_slice(), &record].concat();
            let mut arrivals = timeline::Arrivals::open(bytes.as_slice()).unwrap();
            let arrival = arrivals.next().unwrap().unwrap();
            assert_eq!(arrival.class, Class::Alert);
            all.push((arrival.outcome, arrival.due, arrival.done));
        }
        all
    }

    fn announce(book: &AlertBook, ward: u32, reading_id: Uuid, at: Offset) {
        let all = recorded_by(|recorder| book.announce(ward, reading_id, at, recorder));
        assert!(all.is_empty(), "{all:?}");
    }

    #[test]
    fn what_is_not_waited_for_is_unobserved() {
        let book = AlertBook::new();
        let mut expected = book.follow(3, 1);
        (1..=3).for_each(|id| announce(&book, 3, Uuid::from_u128(id), at(5)));
        expected.leave();
        announce(&book, 3, Uuid::from_u128(4), at(6));
        assert!(expected.saw(&alert(70, 1), at(7)));
        assert_eq!(
            recorded(&mut expected, at(7)),
            [(Outcome::Ok, at(5), at(7))]
        );
        assert!(expected.next().unwrap() > at(15));
        let rest = recorded_by(|recorder| expected.give_up(1, at(9), recorder));
        assert_eq!(rest, [(Outcome::Unobserved, at(5), at(9)); 2]);
        assert_eq!(expected.next(), None);
    }

    #[test]
    fn a_follower_who_has_too_much_to_wait_for_stays_a_follower() {
        let book = AlertBook::new();
        let mut expected = book.follow(3, 1);
        (0..BACKLOG as u128).for_each(|id| announce(&book, 3, Uuid::from_u128(id), at(5)));
        let over = recorded_by(|recorder| book.announce(3, Uuid::nil(), at(6), recorder));
        assert_eq!(over, [(Outcome::Unobserved, at(6), at(6))]);
        assert!(recorded(&mut expected, at(6)).is_empty());
        announce(&book, 3, Uuid::from_u128(1 << 90), at(7));
        assert_eq!(recorded(&mut expected, at(99)).len(), BACKLOG + 1);
    }

    #[test]
    fn what_comes_after_patience_has_not_come() {
        let book = AlertBook::new();
        let mut expected = book.follow(3, 1);
        announce(&book, 3, Uuid::from_u128(1), at(5));
        assert!(expected.saw(&alert(70, 1), at(16)));
        let late = [(Outcome::TimedOut, at(5), at(16))];
        assert_eq!(recorded(&mut expected, at(16)), late);
    }

    #[test]
    fn what_comes_is_on_time_and_what_does_not_is_missed() {
        let book = AlertBook::new();
        let mut expected = book.follow(3, 1);
        announce(&book, 3, Uuid::from_u128(1), at(5));
        announce(&book, 3, Uuid::from_u128(2), at(6));
        announce(&book, 4, Uuid::from_u128(3), at(6));
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
        let mut expected = book.follow(3, 1);
        assert!(expected.saw(&alert(70, 1), at(4)));
        assert!(!expected.saw(&alert(70, 1), at(5)), "the same again");
        assert!(recorded(&mut expected, at(4)).is_empty());
        announce(&book, 3, Uuid::from_u128(1), at(5));
        assert_eq!(
            recorded(&mut expected, at(6)),
            [(Outcome::Ok, at(5), at(5))]
        );
    }

    #[test]
    fn nobody_waits_for_who_has_left() {
        let book = AlertBook::new();
        drop(book.follow(3, 1));
        announce(&book, 3, Uuid::from_u128(1), at(5));
        assert!(book.wards[3].lock().unwrap().is_empty());
    }
}
