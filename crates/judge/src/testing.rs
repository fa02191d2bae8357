//! A small synthetic run, healthy until a test spoils it.

use std::{collections::BTreeMap, time::Duration};

use drill::{Class, Component, Drill, Role, Traffic};
use timeline::{
    Arrival, Arrivals, BillLine, Entry, Event, FORMAT, HEADER, Header, MemberHealth, Offset,
    Outcome,
};

use crate::{Judgement, judge};

/// A minute of load with two episodes.
const DRILL: &str = r#"
name = "small"
about = "Kill a server, then the database primary."
lesson = "A dead server is no outage."
topology = "ha"
seed = 7

[traffic]
baseline_users = 10
peak_users = 20
span = "48h"
speed = 2880.0

[pace]
warm_up = "5s"
settle = "1s"
recover_within = "10s"

[contract]
availability_percent = 99.99
latency = [{ percentile = 70.0, at_most = "100ms" }, { percentile = 95.0, at_most = "100ms" }]
monthly_usd = 600.0

[[episode]]
name = "server"
target.any = { component = "api" }
fault.kill = {}
hold = "5s"

[[episode]]
name = "database-primary"
target.role = "postgres-primary"
fault.kill = {}
hold = "10s"
"#;

/// The load begins this long after the run.
pub(crate) const LOAD_FROM_S: u64 = 3;
/// Length of the load.
pub(crate) const LOAD_S: u64 = 60;

/// A run as it would be recorded. Tests change its parts before it is judged.
pub(crate) struct Run {
    pub(crate) entries: Vec<Entry>,
    pub(crate) arrivals: Vec<Arrival>,
    /// Whether the generator closed the recording.
    pub(crate) footer: bool,
}

/// The drill of the run.
pub(crate) fn drill() -> Drill {
    let members = |_: &str| Ok(vec!["api-1".to_owned(), "postgres-1".to_owned()]);
    drill::parse("small.toml", DRILL, members).unwrap()
}

/// Its traffic.
pub(crate) fn traffic() -> Traffic {
    drill().traffic
}

/// Offset of a moment of the load.
pub(crate) fn at(load_s: f64) -> Offset {
    Offset::from(Duration::from_secs_f64(load_s + LOAD_FROM_S as f64))
}

impl Run {
    /// A run that holds every promise.
    pub(crate) fn healthy() -> Self {
        let arrivals: Vec<_> = (0..LOAD_S).flat_map(second).collect();
        let mut run = Self {
            entries: vec![],
            footer: true,
            arrivals,
        };
        let started = Event::Started(Box::new(header()));
        run.entries.push(Entry {
            at: Offset(0),
            event: started,
        });
        run.push(0.0, Event::LoadStarted);
        run.counters();
        run.episode(0, 10.0, &["api-2"], &[]);
        run.episode(1, 30.0, &["postgres-1"], &[Role::PostgresPrimary]);
        let arrivals = run.arrivals.len() as u64;
        run.push(60.1, Event::LoadEnded { arrivals });
        run.push(61.0, Event::Finished);
        run
    }

    pub(crate) fn push(&mut self, load_s: f64, event: Event) {
        self.entries.push(Entry {
            at: at(load_s),
            event,
        });
    }

    fn counters(&mut self) {
        for (load_s, value) in [(1.0, 100.0), (20.0, 300.0), (40.0, 50.0)] {
            self.push(
                load_s,
                Event::Counter {
                    member: "api-1".into(),
                    component: Component::Api,
                    counter: "requests".into(),
                    value,
                },
            );
        }
    }

    /// Fault at `from`, healed 8 s later, full health 2 s after that.
    fn episode(&mut self, episode: usize, from: f64, members: &[&str], roles: &[Role]) {
        let members: Vec<String> = members.iter().map(|m| (*m).to_owned()).collect();
        let victim = members[0].clone();
        self.push(from - 0.1, Event::EpisodeStarted { episode });
        let (roles_lost, seen) = (roles.to_vec(), "exited with code 137".to_owned());
        let requested = Event::FaultRequested {
            episode,
            members,
            roles: roles_lost,
        };
        self.push(from, requested);
        self.push(from + 0.1, Event::FaultApplied { episode });
        self.push(from + 0.2, Event::FaultProven { episode, seen });
        self.push(from + 0.5, Event::Member(health(&victim, false, &[])));
        self.push(from + 2.0, Event::Member(health("postgres-2", true, roles)));
        self.push(from + 8.0, Event::HealRequested { episode });
        self.push(from + 8.5, Event::Healed { episode });
        self.push(from + 10.5, Event::EpisodeEnded { episode });
    }

    /// Changes the outcome of the arrivals that are due within `load_s` and of the given class.
    pub(crate) fn fail(
        mut self,
        load_s: std::ops::Range<f64>,
        class: Class,
        outcome: Outcome,
    ) -> Self {
        let (from, until) = (at(load_s.start), at(load_s.end));
        for arrival in &mut self.arrivals {
            if arrival.class == class && (from..until).contains(&arrival.due) {
                arrival.outcome = outcome;
            }
        }
        self
    }

    /// Removes entries.
    pub(crate) fn without(mut self, gone: impl Fn(&Event) -> bool) -> Self {
        self.entries.retain(|entry| !gone(&entry.event));
        self
    }

    /// Changes every arrival.
    pub(crate) fn each(mut self, change: impl Fn(&mut Arrival)) -> Self {
        self.arrivals.iter_mut().for_each(change);
        self
    }

    /// The header, to change it.
    pub(crate) fn header(&mut self) -> &mut Header {
        match &mut self.entries[0].event {
            Event::Started(header) => header,
            other => panic!("{other:?} is not a header"),
        }
    }

    /// The recording's bytes.
    pub(crate) fn recording(&self) -> Vec<u8> {
        let mut bytes = HEADER.to_vec();
        self.arrivals
            .iter()
            .for_each(|arrival| bytes.extend(arrival.encode()));
        if self.footer {
            bytes.extend(Arrival::footer(self.arrivals.len() as u64));
        }
        bytes
    }

    pub(crate) fn judge(&self) -> Judgement {
        let bytes = self.recording();
        judge(&self.entries, Arrivals::open(bytes.as_slice()).unwrap()).unwrap()
    }
}

/// Every active user asks once a second, each for a class of its own, and is answered in 5 ms.
fn second(second: u64) -> Vec<Arrival> {
    let users = traffic().users_at(Duration::from_secs(second));
    let one = |user: u32| {
        let ns = |ms: f64| at(second as f64 + f64::from(user) / 100.0 + ms / 1000.0);
        Arrival {
            user,
            class: Class::ALL[user as usize % Class::ALL.len()],
            outcome: Outcome::Ok,
            again: false,
            status: 200,
            due: ns(0.0),
            sent: ns(0.2),
            done: ns(5.0),
        }
    };
    (0..users).map(one).collect()
}

pub(crate) fn health(member: &str, healthy: bool, roles: &[Role]) -> MemberHealth {
    MemberHealth {
        member: member.into(),
        component: Component::Postgres,
        healthy,
        answered: true,
        roles: roles.to_vec(),
        detail: String::new(),
    }
}

fn header() -> Header {
    Header {
        format: FORMAT,
        run: "small-1".into(),
        started_at: "2026-01-01T00:00:00Z".into(),
        drill: drill(),
        zero_unix_ns: 0,
        schedule: 0,
        project: "gameday-small".into(),
        machine: BTreeMap::from([("cpus".into(), "2".into())]),
        bill: vec![BillLine {
            row: "server".into(),
            title: "2 vCPU, 4 GiB".into(),
            count: 3,
            unit_usd: 24.0,
        }],
        members: vec![],
    }
}
