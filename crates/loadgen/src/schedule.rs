//! When each user acts: a pure function of the plan.

use std::time::Duration;

use drill::{Traffic, derive_seed};
use timeline::{LoadPlan, Offset};

/// What a user is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A bedside monitor, which posts vitals.
    Monitor,
    /// A clinician, who reads, sets thresholds and follows a ward's live stream.
    Clinician,
}

/// One user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    /// Its number, from 0.
    pub number: u32,
    /// What it is.
    pub kind: Kind,
    /// Time from the load's begin to its slot 0, shorter than its period.
    pub phase: Duration,
    /// Time between two slots.
    pub every: Duration,
}

impl User {
    /// The same user, half a period later: a clinician's pings lie between the actions.
    pub fn half_a_period_later(self) -> Self {
        let ns = (self.phase + self.every / 2).as_nanos() % self.every.as_nanos().max(1);
        Self {
            phase: nanoseconds(ns),
            ..self
        }
    }
}

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

/// Who acts when. User `i` is active at `t` while `i < traffic.users_at(t)`, and acts at the slots of its
/// fixed grid that fall into such times. Nothing that happens during the load moves a slot.
#[derive(Debug, Clone)]
pub struct Schedule {
    seed: u64,
    begin: Offset,
    duration: Duration,
    traffic: Traffic,
    surge: Option<Crowd>,
}

/// Users who come beside those of the curve, all for the same time.
#[derive(Debug, Clone, Copy)]
struct Crowd {
    users: u32,
    from: Offset,
    until: Offset,
}

impl Schedule {
    /// The schedule of a plan.
    pub fn new(plan: &LoadPlan) -> Self {
        Self {
            seed: plan.seed,
            begin: Offset(plan.begin_ns),
            duration: plan.duration,
            traffic: plan.traffic.clone(),
            surge: None,
        }
    }

    /// The schedule of users who come beside those of this one, from `from` for as long as `lasts`, but not beyond the
    /// load. Their numbers follow those of the curve, and their slots lie on the same grid.
    pub fn surge(&self, users: u32, from: Offset, lasts: Duration) -> Self {
        let until = Offset::from(from.as_duration() + lasts);
        Self {
            surge: Some(Crowd { users, from, until }),
            ..self.clone()
        }
    }

    /// When the load begins.
    pub fn begin(&self) -> Offset {
        self.begin
    }

    /// When the load ends, or the surge: nothing is due at or after it.
    pub fn end(&self) -> Offset {
        let end = Offset::from(self.begin.as_duration() + self.duration);
        self.surge.map_or(end, |crowd| crowd.until.min(end))
    }

    /// Users that are active at `at`.
    pub fn users_at(&self, at: Offset) -> u32 {
        self.traffic.users_at(at.since(self.begin))
    }

    /// Every user that the curve can call, or of the surge, in the order of their numbers.
    ///
    /// Phases follow the golden ratio over the users of one kind: any number of active users is spread
    /// evenly over the period, so neither the begin nor a rising curve makes a burst.
    pub fn users(&self) -> impl Iterator<Item = User> {
        let mut seen = [0_u64; 2];
        let of_curve = self.traffic.peak_users();
        let (first, upto) = match self.surge {
            None => (0, of_curve),
            Some(crowd) => (of_curve, of_curve + crowd.users),
        };
        // Counted from 0, because a phase follows from all users of the same kind before.
        let all = (0..upto).map(move |number| {
            let (kind, every) = if self.traffic.is_monitor(number) {
                (Kind::Monitor, self.traffic.monitor_every())
            } else {
                (Kind::Clinician, self.traffic.clinician_every())
            };
            let rank = seen[kind as usize];
            seen[kind as usize] += 1;
            let phase = spread(derive_seed(self.seed, kind as u64), rank, every);
            User {
                number,
                kind,
                phase,
                every,
            }
        });
        all.skip(first as usize)
    }

    /// The slots of `user`, in time order.
    pub fn slots(&self, user: User) -> impl Iterator<Item = Slot> {
        (0..=u32::MAX)
            .take_while(move |number| self.due(user, *number) < self.end())
            .filter(move |number| self.is_active(user, *number))
            .map(move |number| Slot {
                number,
                due: self.due(user, number),
                first: number == 0 || !self.is_active(user, number - 1),
                last: !self.is_active(user, number + 1),
            })
    }

    fn due(&self, user: User, number: u32) -> Offset {
        Offset::from(self.begin.as_duration() + user.phase + user.every * number)
    }

    fn is_active(&self, user: User, number: u32) -> bool {
        let due = self.due(user, number);
        let wanted = match self.surge {
            None => user.number < self.users_at(due),
            Some(crowd) => crowd.from <= due,
        };
        due < self.end() && wanted
    }
}

/// `every * frac(start + rank * golden ratio)`, in integers, so that it is the same everywhere.
fn spread(start: u64, rank: u64, every: Duration) -> Duration {
    let turn = start.wrapping_add(rank.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    nanoseconds((u128::from(turn) * every.as_nanos()) >> 64)
}

fn nanoseconds(ns: u128) -> Duration {
    Duration::from_nanos(u64::try_from(ns).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn schedule(baseline: u32, peak: u32) -> Schedule {
        let traffic = serde_json::json!({
            "baseline_users": baseline, "peak_users": peak, "span": "48h", "speed": 288.0,
        });
        Schedule::new(&LoadPlan {
            seed: 5,
            zero_unix_ns: 0,
            begin_ns: 1_000_000_000,
            traffic: serde_json::from_value(traffic).unwrap(),
            duration: Duration::from_secs(600),
            stale_after: None,
            visible_within: None,
            probes: vec![],
            vip: String::new(),
            cdn: Vec::new(),
        })
    }

    #[test]
    fn users_act_exactly_while_the_curve_wants_them() {
        let schedule = schedule(50, 145);
        let mut stays = 0;
        for user in schedule.users() {
            let slots: Vec<Slot> = schedule.slots(user).collect();
            for slot in &slots {
                assert!(user.number < schedule.users_at(slot.due));
                assert!(slot.due < schedule.end());
            }
            let firsts = slots.iter().filter(|slot| slot.first).count();
            assert_eq!(firsts, slots.iter().filter(|slot| slot.last).count());
            stays += firsts;
            if user.number < 50 {
                assert_eq!(firsts, 1, "user {} is never away", user.number);
            }
        }
        assert!(stays > 145, "users of the busy window come twice");
    }

    #[test]
    fn requests_follow_the_curve() {
        let schedule = schedule(500, 1450);
        let around = |second: u64| {
            let (from, to) = (Duration::from_secs(second), Duration::from_secs(second + 5));
            let due = schedule.users().flat_map(|user| schedule.slots(user));
            due.filter(|slot| (from..to).contains(&slot.due.as_duration()))
                .count()
        };
        // 40 % act every 6 s and 60 % every 5 s: 0.187 requests a second and user.
        assert!(
            around(36).abs_diff(466) < 10,
            "{} at the quiet hour",
            around(36)
        );
        assert!(
            around(186).abs_diff(1353) < 20,
            "{} at the busy one",
            around(186)
        );
    }

    #[test]
    fn slots_do_not_drift() {
        let schedule = schedule(10, 10);
        for user in schedule.users() {
            let start = Offset::from(Duration::from_secs(1) + user.phase);
            for (number, slot) in schedule.slots(user).enumerate() {
                let elapsed = slot.due.since(start).as_nanos();
                assert_eq!(elapsed, user.every.as_nanos() * number as u128);
            }
        }
    }

    #[test]
    fn a_load_shorter_than_the_phase_has_no_slots() {
        let mut schedule = schedule(10, 10);
        schedule.duration = Duration::ZERO;
        assert_eq!(schedule.users().flat_map(|u| schedule.slots(u)).count(), 0);
    }

    proptest! {
        #[test]
        fn a_surge_is_due_within_its_time_and_spread_over_it(
            users in 50_u32..2000, from_s in 1_u64..650, lasts_s in 7_u64..40,
        ) {
            let curve = schedule(50, 145);
            let (from, lasts) = (Offset::from(Duration::from_secs(from_s)), Duration::from_secs(lasts_s));
            let surge = curve.surge(users, from, lasts);
            prop_assert!(surge.end() <= curve.end());
            let mut due = 0;
            for (number, user) in (145..).zip(surge.users()) {
                prop_assert_eq!(user.number, number);
                for slot in surge.slots(user) {
                    prop_assert!(from <= slot.due && slot.due < surge.end());
                    due += 1;
                }
            }
            let pace = curve.traffic.requests_per_s(users);
            let expected = pace * surge.end().since(from).as_secs_f64();
            // Each of the two kinds is off by a few, at either end.
            prop_assert!((f64::from(due) - expected).abs() <= 12.0 + expected * 0.02, "{due} of {expected}");
        }

        #[test]
        fn the_first_users_are_spread_over_the_period(users in 20_usize..2000) {
            let schedule = schedule(2000, 2000);
            for kind in [Kind::Monitor, Kind::Clinician] {
                let of_kind = schedule.users().take(users).filter(|user| user.kind == kind);
                let mut tenths = [0_usize; 10];
                for user in of_kind {
                    tenths[(user.phase.as_nanos() * 10 / user.every.as_nanos()) as usize] += 1;
                }
                let all: usize = tenths.iter().sum();
                for tenth in tenths {
                    prop_assert!(tenth.abs_diff(all / 10) <= 3, "{tenths:?}");
                }
            }
        }

        #[test]
        fn pings_lie_half_a_period_from_actions(number in 0_usize..2000) {
            let user = schedule(2000, 2000).users().nth(number).unwrap();
            let apart = user.half_a_period_later().phase.abs_diff(user.phase);
            prop_assert_eq!(apart, user.every / 2);
        }
    }
}
