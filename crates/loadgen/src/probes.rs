//! Steady probes: one request of a class at each tick, for classes that users ask for too seldom to time an outage by.

use std::sync::Arc;
use std::time::Duration;

use drill::{Class, Drill};
use timeline::{FIRST_PROBE, LoadPlan, Offset, ProbePlan};

use crate::behaviour::{ADMIN_PERCENT, PROBE_EVERY, STATIC_PERCENT, probe_action};
use crate::http::Line;
use crate::user::act;
use crate::world::World;

/// Numbers of users that one plan has to itself.
const NUMBERS: u32 = 1 << 10;
/// A class that users ask for less often a second is probed.
const SELDOM_PER_S: f64 = 4.0;
/// The shortest time between two ticks that a plan may ask for: more is no probe but a load.
const SHORTEST: Duration = Duration::from_millis(10);
/// A user of a probe asks at most once in this time: far from the ten requests a second that a client may send.
const ONE_USERS_EVERY: Duration = Duration::from_secs(1);

/// The probes that a drill's load needs: of each promised class of changes and assets that the users of the quiet hour ask for
/// less than four times a second.
pub fn probes(drill: &Drill) -> Vec<ProbePlan> {
    let traffic = &drill.traffic;
    let users = traffic.baseline_users();
    let clinicians = traffic.requests_per_s(users) * (1.0 - traffic.share_of_monitors());
    let shares = [
        (Class::Admin, ADMIN_PERCENT),
        (Class::Static, STATIC_PERCENT),
    ];
    let seldom = shares.into_iter().filter(|(class, percent)| {
        let asked_per_s = clinicians * *percent as f64 / 100.0;
        drill.contract.classes.contains(class) && asked_per_s < SELDOM_PER_S
    });
    let plan = |(class, _)| ProbePlan {
        class,
        every: PROBE_EVERY,
    };
    seldom.map(plan).collect()
}

/// Why the probes of a plan can't be sent, if they can't.
pub(crate) fn refused(plan: &LoadPlan) -> Option<String> {
    plan.probes.iter().find_map(|probe| {
        let (class, every) = (probe.class.name(), probe.every);
        if probe_action(plan.seed, probe.class, 0).is_none() {
            return Some(format!(
                "a probe of {class}: admin, static and read can be probed"
            ));
        }
        let shortest = format!("a probe of {class} every {every:?}: {SHORTEST:?} is the shortest");
        (every < SHORTEST).then_some(shortest)
    })
}

/// One probe of a load.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    plan: ProbePlan,
    /// Its users' numbers begin here.
    first: u32,
    /// So many that each has its answer, or has given up, before its next turn.
    users: u32,
}

impl Probe {
    /// The probes of a plan.
    pub(crate) fn all(plan: &LoadPlan) -> Vec<Self> {
        let timeout = plan.traffic.request_timeout();
        let probes = (0_u32..).zip(&plan.probes);
        let probe = |(number, probe): (u32, &ProbePlan)| Self {
            first: FIRST_PROBE + number * NUMBERS,
            users: users(probe.every, timeout),
            plan: probe.clone(),
        };
        probes.map(probe).collect()
    }

    /// Each user with its number and its turn.
    pub(crate) fn users(&self) -> impl Iterator<Item = (Self, u32)> + use<> {
        let probe = self.clone();
        (0..self.users).map(move |turn| (probe.clone(), turn))
    }

    /// Ticks of the user with that turn, with the time since the load's begin.
    fn ticks(&self, turn: u32) -> impl Iterator<Item = (u32, Duration)> + use<> {
        let every = self.plan.every;
        let ticks = (turn..=u32::MAX).step_by(self.users as usize);
        ticks.map(move |tick| (tick, every * tick))
    }
}

/// Users who take turns: as many as ticks in the time that one of them needs.
fn users(every: Duration, timeout: Duration) -> u32 {
    let turn = timeout.max(ONE_USERS_EVERY).as_nanos();
    let ticks = turn.div_ceil(every.as_nanos().max(1));
    u32::try_from(ticks)
        .unwrap_or(NUMBERS)
        .saturating_add(1)
        .min(NUMBERS)
}

/// Lives through the load as the user of a probe with that turn.
pub(crate) async fn probe(world: Arc<World>, probe: Probe, turn: u32) {
    let (user, class) = (probe.first + turn, probe.plan.class);
    let site = match class {
        Class::Static => &world.cdn,
        _ => &world.vip,
    };
    let mut line = Line::new(site.clone(), user);
    let begin = world.schedule.begin().as_duration();
    let due = |after| Offset::from(begin + after);
    let end = world.schedule.end();
    for (tick, after) in probe.ticks(turn).take_while(|(_, after)| due(*after) < end) {
        let Some(action) = probe_action(world.seed, class, tick) else {
            return;
        };
        let work = act(&world, &mut line, action, due(after));
        world.arrive(user, class, due(after), work).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::behaviour::Action;
    use proptest::prelude::*;

    fn drill(users: u32, classes: &str) -> Drill {
        let text = format!(
            "name = 'x'\nabout = 'x'\nlesson = 'x'\nseed = 1\ntopology = 'x'\n\
             pace = {{ warm_up = '1s', settle = '1s', recover_within = '10s' }}\n[traffic]\nbaseline_users = {users}\npeak_users = 9000\n\
             span = '48h'\nspeed = 288.0\n[contract]\navailability_percent = 99.99\nclasses = [{classes}]\n"
        );
        drill::parse("x", &text, |_| Ok(vec![])).unwrap()
    }

    #[test]
    fn promised_classes_that_users_seldom_ask_for_are_probed() {
        let classes = |users, promised| -> Vec<Class> {
            probes(&drill(users, promised))
                .iter()
                .map(|p| p.class)
                .collect()
        };
        let all = "'ingest', 'read', 'static', 'admin'";
        assert_eq!(classes(50, all), [Class::Admin, Class::Static]);
        assert_eq!(classes(50, "'ingest', 'admin'"), [Class::Admin]);
        assert_eq!(classes(50, "'ingest'"), []);
        assert_eq!(classes(9000, all), []);
    }

    #[test]
    fn what_can_be_probed_is_asked_for() {
        for class in [Class::Admin, Class::Static, Class::Read] {
            assert!(probe_action(1, class, 7).is_some());
            assert_eq!(probe_action(1, class, 7), probe_action(1, class, 7));
        }
        assert_eq!(probe_action(1, Class::Ingest, 7), None);
        let Some(Action::Asset(name)) = probe_action(1, Class::Static, 4) else {
            panic!("no asset");
        };
        assert_eq!(name, "style.css");
    }

    proptest! {
        #[test]
        fn every_tick_is_somebodys_who_has_time(every_ms in 10_u64..2000, timeout_ms in 1_u64..5000) {
            let (every, timeout) = (Duration::from_millis(every_ms), Duration::from_millis(timeout_ms));
            let plan = ProbePlan { class: Class::Admin, every };
            let probe = Probe { plan, first: FIRST_PROBE, users: users(every, timeout) };
            let mut all: Vec<u32> = vec![];
            for (probe, turn) in probe.users() {
                let own: Vec<_> = probe.ticks(turn).take(3).collect();
                prop_assert!(own.windows(2).all(|two| two[1].1 - two[0].1 >= timeout.max(ONE_USERS_EVERY)));
                all.extend(own.iter().map(|(tick, _)| *tick));
            }
            all.sort_unstable();
            prop_assert!(all.iter().copied().eq(0..3 * probe.users));
        }
    }
}
