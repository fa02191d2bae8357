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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Judgement, Verdict,
        testing::{LOAD_FROM_S, Run},
    };
    use timeline::{Event, Outcome};

    /// The healthy run, with the arrivals that its schedule wants.
    fn scheduled() -> Run {
        let mut run = Run::healthy();
        let header = run.header();
        header.schedule = SCHEDULE;
        let (seed, traffic) = (header.drill.seed, header.drill.traffic.clone());
        let schedule = Schedule::new(seed, traffic.clone(), traffic.real_span());
        run.arrivals.clear();
        for user in schedule.users() {
            let grids = match user.kind {
                Kind::Monitor => vec![(user, Some(Class::Ingest))],
                Kind::Clinician => vec![
                    (user, None),
                    (user.half_a_period_later(), Some(Class::Live)),
                ],
            };
            for (grid, class) in grids {
                for slot in schedule.slots(grid) {
                    let class =
                        class.unwrap_or_else(|| action(seed, user.number, slot.number).class());
                    run.arrivals.push(arrival(user.number, class, slot.due));
                }
            }
        }
        recounted(run)
    }

    fn arrival(user: u32, class: Class, since: std::time::Duration) -> Arrival {
        let due = since + std::time::Duration::from_secs(LOAD_FROM_S);
        let due = Offset::from(due);
        Arrival {
            user,
            class,
            outcome: Outcome::Ok,
            again: false,
            status: 200,
            due,
            sent: due,
            done: Offset(due.0 + 5_000_000),
        }
    }

    fn recounted(mut run: Run) -> Run {
        run.arrivals.sort_by_key(|arrival| arrival.done);
        let all = run.arrivals.len() as u64;
        for entry in &mut run.entries {
            if let Event::LoadEnded { arrivals } = &mut entry.event {
                *arrivals = all;
            }
        }
        run
    }

    /// What is said of the schedule, if anything.
    fn said(run: &Run) -> Option<String> {
        let judgement: Judgement = run.judge();
        let mut doubts = judgement.findings.iter();
        let doubt = doubts.find(|finding| finding.title == "schedule not kept")?;
        assert_eq!(doubt.verdict, Verdict::Unproven);
        Some(doubt.measured.text.clone())
    }

    #[test]
    fn a_recording_that_follows_its_schedule_is_not_doubted() {
        let mut run = scheduled();
        assert_eq!(said(&run), None);
        // Alerts, streams that were opened again, a surge and probes are not on the curve's grid.
        let strange = std::time::Duration::from_millis(20_001);
        run.arrivals.push(arrival(0, Class::Alert, strange));
        run.arrivals.push(arrival(20, Class::Ingest, strange));
        run.arrivals
            .push(arrival(timeline::FIRST_PROBE, Class::Admin, strange));
        let clinician = run
            .arrivals
            .iter()
            .find(|a| a.class == Class::Live)
            .unwrap()
            .user;
        run.arrivals.push(arrival(clinician, Class::Live, strange));
        assert_eq!(said(&recounted(run)), None);
    }

    #[test]
    fn what_is_missing_or_too_many_or_off_the_grid_is_told() {
        let mut run = scheduled();
        run.arrivals.remove(40);
        assert_eq!(
            said(&recounted(run)).as_deref(),
            Some("arrivals: 1 missing")
        );
        let mut run = scheduled();
        run.arrivals.push(run.arrivals[40]);
        assert_eq!(
            said(&recounted(run)).as_deref(),
            Some("arrivals: 1 too many")
        );
        let mut run = scheduled();
        let place = run.arrivals.iter().position(|a| a.class == Class::Ingest);
        run.arrivals[place.unwrap()].due.0 += 1;
        let text = "arrivals: 1 missing, 1 off their user's grid";
        assert_eq!(said(&recounted(run)).as_deref(), Some(text));
    }

    #[test]
    fn another_class_than_the_schedules_is_off_the_grid() {
        let mut run = scheduled();
        let place = run.arrivals.iter().position(|a| a.class == Class::Read);
        run.arrivals[place.unwrap()].class = Class::Static;
        let text = "arrivals: 1 missing, 1 off their user's grid";
        assert_eq!(said(&run).as_deref(), Some(text));
    }

    #[test]
    fn a_recording_that_tells_no_schedule_or_was_cut_short_is_not_checked() {
        let mut run = scheduled();
        run.arrivals.truncate(100);
        let cut = run.without(|event| matches!(event, Event::LoadEnded { .. }));
        assert_eq!(said(&cut), None);
        let mut run = scheduled();
        run.arrivals.truncate(100);
        run.header().schedule = 0;
        assert_eq!(said(&recounted(run)), None);
    }
}
