//! When each user acts, on the clock of the run.

use std::time::Duration;

use drill::schedule;
pub use drill::schedule::{Kind, User};
use timeline::{LoadPlan, Offset};

/// A moment at which an active user acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Counts the user's periods since the load's begin, active or not.
    pub number: u32,
    /// `begin + phase + number * every`.
    pub due: Offset,
    /// Whether the user was away in the slot before.
    pub first: bool,
    /// Whether the user is away, or the load over, in the slot after.
    pub last: bool,
}

/// The schedule of a load that begins at some moment of the run.
#[derive(Debug, Clone)]
pub struct Schedule {
    begin: Offset,
    times: schedule::Schedule,
}

impl Schedule {
    /// The schedule of a plan.
    pub fn new(plan: &LoadPlan) -> Self {
        Self {
            begin: Offset(plan.begin_ns),
            times: schedule::Schedule::new(plan.seed, plan.traffic.clone(), plan.duration),
        }
    }

    /// The schedule of users who come beside those of this one, from `from` for as long as `lasts`, but not beyond the
    /// load. Their numbers follow those of the curve, and their slots lie on the same grid.
    pub fn surge(&self, users: u32, from: Offset, lasts: Duration) -> Self {
        Self {
            begin: self.begin,
            times: self.times.surge(users, from.since(self.begin), lasts),
        }
    }

    /// When the load begins.
    pub fn begin(&self) -> Offset {
        self.begin
    }

    /// When the load ends, or the surge: nothing is due at or after it.
    pub fn end(&self) -> Offset {
        self.at(self.times.end())
    }

    /// Users that are active at `at`.
    pub fn users_at(&self, at: Offset) -> u32 {
        self.times.users_at(at.since(self.begin))
    }

    /// Every user that the curve can call, or of the surge, in the order of their numbers.
    pub fn users(&self) -> impl Iterator<Item = User> {
        self.times.users()
    }

    /// The slots of `user`, in time order.
    pub fn slots(&self, user: User) -> impl Iterator<Item = Slot> {
        self.times.slots(user).map(|slot| Slot {
            number: slot.number,
            due: self.at(slot.due),
            first: slot.first,
            last: slot.last,
        })
    }

    fn at(&self, since: Duration) -> Offset {
        Offset::from(self.begin.as_duration() + since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_count_from_the_loads_begin() {
        let traffic = "baseline_users = 5\npeak_users = 9\nspan = '48h'\nspeed = 288.0";
        let begin = Offset(1_000_000_000);
        let schedule = Schedule::new(&LoadPlan {
            seed: 5,
            zero_unix_ns: 0,
            begin_ns: begin.0,
            traffic: drill::Traffic::from_toml(traffic).unwrap(),
            duration: Duration::from_secs(600),
            stale_after: None,
            visible_within: None,
            probes: vec![],
            vip: String::new(),
            cdn: Vec::new(),
        });
        assert_eq!(schedule.end(), Offset(601_000_000_000));
        for user in schedule.users() {
            for slot in schedule.slots(user) {
                assert_eq!(slot.due.since(begin), user.due(slot.number));
                assert!(user.number < schedule.users_at(slot.due));
            }
        }
        let surge = schedule.surge(4, Offset(11_000_000_000), Duration::from_secs(60));
        assert_eq!(surge.end(), Offset(71_000_000_000));
        assert_eq!(surge.users().next().map(|user| user.number), Some(9));
    }
}
