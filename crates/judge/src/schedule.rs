//! Whether the recording holds what the generator had to send: each arrival of a user of the curve lies on that user's grid,
//! and every slot of the schedule is there exactly once. A request that is missing may have been a bad one.

use drill::{
    Class,
    behaviour::action,
    schedule::{Kind, SCHEDULE, Schedule, User},
};
use timeline::{Arrival, Offset};

use crate::{ledger::Slots, story::Story};

/// The schedule of a recording that tells it, and what of it has come.
#[derive(Debug)]
pub(crate) struct Kept {
    seed: u64,
    begin: Offset,
    schedule: Schedule,
    users: Vec<Came>,
    /// Arrivals that lie on no slot of their user, or have another class than it.
    strange: u64,
    /// Arrivals of a slot that had come before.
    twice: u64,
}

#[derive(Debug)]
struct Came {
    /// Whose grid it is: of a clinician once for its actions and once for its stream.
    user: User,
    slots: Slots,
    /// Slots of a clinician's stream.
    pings: Slots,
}

impl Kept {
    /// For the run that the story tells; none where its load does not follow the schedule of this build, or did not come to
    /// its end.
    pub(crate) fn new(story: &Story) -> Option<Self> {
        let drill = &story.header.drill;
        if story.header.schedule != SCHEDULE || story.load_ended.is_none() {
            return None;
        }
        let traffic = drill.traffic.clone();
        let schedule = Schedule::new(drill.seed, traffic, drill.traffic.real_span());
        let came = |user| Came {
            user,
            slots: Slots::default(),
            pings: Slots::default(),
        };
        Some(Self {
            seed: drill.seed,
            begin: story.zero(),
            users: schedule.users().map(came).collect(),
            schedule,
            strange: 0,
            twice: 0,
        })
    }

    /// Notes an arrival. Alerts are nobody's request, and those who come beside the curve have no slots in it.
    pub(crate) fn add(&mut self, arrival: &Arrival) {
        let Some(came) = self.users.get_mut(arrival.user as usize) else {
            return;
        };
        let since = arrival
            .due
            .as_duration()
            .checked_sub(self.begin.as_duration());
        let slot = |user: User| since.and_then(|since| user.slot_at(since));
        let first = match arrival.class {
            Class::Alert => return,
            Class::Live if came.user.kind == Kind::Clinician => {
                // Off the grid it is opened again after a break.
                let Some(slot) = slot(came.user.half_a_period_later()) else {
                    return;
                };
                came.pings.set_anew(slot)
            }
            class => {
                let wanted = |slot: &u32| match came.user.kind {
                    Kind::Monitor => class == Class::Ingest,
                    Kind::Clinician => class == action(self.seed, came.user.number, *slot).class(),
                };
                let Some(slot) = slot(came.user).filter(wanted) else {
                    self.strange += 1;
                    return;
                };
                came.slots.set_anew(slot)
            }
        };
        self.twice += u64::from(!first);
    }

    /// What speaks against the recording, in words, with the number of arrivals.
    pub(crate) fn doubt(&self) -> Option<(String, u64)> {
        let (mut missing, mut beyond) = (0, 0);
        for came in &self.users {
            let streams = (came.user.kind == Kind::Clinician).then_some(&came.pings);
            let streams = streams.map(|pings| (came.user.half_a_period_later(), pings));
            for (user, slots) in [(came.user, &came.slots)].into_iter().chain(streams) {
                let periods = 0..=u32::MAX;
                let periods = periods.take_while(|slot| user.due(*slot) < self.schedule.end());
                let (mut due, mut kept) = (0_u64, 0_u64);
                for slot in periods.filter(|slot| self.schedule.is_active(user, *slot)) {
                    due += 1;
                    kept += u64::from(slots.has(slot));
                }
                missing += due - kept;
                beyond += slots.count() - kept;
            }
        }
        let too_many = self.twice + beyond;
        let parts = [
            (missing, "missing"),
            (too_many, "too many"),
            (self.strange, "off their user's grid"),
        ];
        let count = parts.iter().map(|(count, _)| count).sum();
        let told = parts.iter().filter(|(count, _)| *count > 0);
        let told: Vec<_> = told
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        (count > 0).then(|| (format!("arrivals: {}", told.join(", ")), count))
    }
}
