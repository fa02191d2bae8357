//! A small synthetic run of a minute, judged.

use std::{collections::BTreeMap, time::Duration};

use drill::{Class, Component, Drill, Role};
use judge::Judgement;
use timeline::{
    Arrival, Arrivals, BillLine, Entry, Event, FORMAT, HEADER, Header, MemberHealth, Offset,
    Outcome, Placed, Processors,
};

const DRILL: &str = r#"
name = "sample"
about = "Kill a server, the database primary and the queue's leader."
lesson = "Redundancy is what is left when one of everything is gone."
topology = "ha"
seed = 7

[traffic]
baseline_users = 100
peak_users = 200
span = "48h"
speed = 2880.0

[pace]
warm_up = "5s"
settle = "1s"
recover_within = "10s"

[contract]
availability_percent = 99.99
latency = [{ percentile = 95.0, at_most = "100ms" }, { percentile = 99.0, at_most = "100ms" }]
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

[[episode]]
name = "queue"
target.role = "queue-leader"
fault.pause = {}
hold = "5s"
"#;

fn at(seconds: f64) -> Offset {
    Offset::from(Duration::from_secs_f64(seconds))
}

fn header(drill: Drill) -> Header {
    let line = |row: &str, title: &str, count, unit_usd| BillLine {
        row: row.into(),
        title: title.into(),
        count,
        unit_usd,
    };
    Header {
        format: FORMAT,
        run: "sample-1".into(),
        started_at: "2026-01-01T00:00:00Z".into(),
        drill,
        zero_unix_ns: 0,
        schedule: 0,
        project: "gameday-sample".into(),
        machine: BTreeMap::from([
            ("cores".into(), "2".into()),
            ("engine".into(), "20.10".into()),
        ]),
        bill: vec![
            line("server", "HTTP handler, 1 vCPU, 1 GiB", 3, 12.5),
            line("postgres", "database, 2 vCPU, 4 GiB", 3, 48.0),
        ],
        members: members(),
    }
}

/// A small topology over three zones.
fn members() -> Vec<Placed> {
    let components = [
        (Component::Varnish, 2),
        (Component::Haproxy, 2),
        (Component::Gateway, 2),
        (Component::Api, 3),
        (Component::Postgres, 3),
        (Component::Rabbitmq, 3),
    ];
    let member = |component: Component, number: u8| Placed {
        name: format!("{component}-{number}"),
        component,
        zone: Some(char::from(b'a' + number - 1).to_string()),
    };
    let of = |(component, count): (Component, u8)| (1..=count).map(move |n| member(component, n));
    components.into_iter().flat_map(of).collect()
}

/// The load balancer misses the server, and a replica takes over from the primary.
fn sightings() -> Vec<Entry> {
    let seen = [
        (
            1.0,
            "postgres-1",
            Component::Postgres,
            true,
            vec![Role::PostgresPrimary],
            "primary",
        ),
        (
            8.6,
            "haproxy-1",
            Component::Haproxy,
            false,
            vec![],
            "api-2 is DOWN",
        ),
        (
            22.4,
            "postgres-1",
            Component::Postgres,
            false,
            vec![],
            "no answer",
        ),
        (
            25.0,
            "postgres-2",
            Component::Postgres,
            true,
            vec![Role::PostgresPrimary],
            "primary",
        ),
    ];
    let entry =
        |(seconds, member, component, healthy, roles, detail): (_, &str, _, _, _, &str)| Entry {
            at: at(seconds),
            event: Event::Member(MemberHealth {
                member: member.into(),
                component,
                healthy,
                answered: true,
                roles,
                detail: detail.into(),
            }),
        };
    seen.map(entry).to_vec()
}

fn counters(entries: &mut Vec<Entry>) {
    let samples = [
        (Component::Api, "api-1", "requests", 1200.0),
        (Component::Api, "api-2", "requests", 1180.0),
        (Component::Varnish, "varnish-1", "cache_hits", 800.0),
        (Component::Postgres, "postgres-1", "commits", 350.0),
        (Component::Postgres, "postgres-2", "commits", 12.0),
        (Component::Rabbitmq, "rabbitmq-1", "queued_now", 17.0),
        (Component::Etcd, "etcd-1", "proposals", 40.0),
    ];
    for (seconds, scale) in [(1.0, 0.0), (55.0, 1.0)] {
        entries.extend(
            samples
                .iter()
                .map(|(component, member, counter, value)| Entry {
                    at: at(seconds),
                    event: Event::Counter {
                        member: (*member).into(),
                        component: *component,
                        counter: (*counter).into(),
                        value: value * scale,
                    },
                }),
        );
    }
}

/// Two processors, looked at every second: half idle, and hardly anything left from second 20 to 30.
fn processors(entries: &mut Vec<Entry>) {
    let mut did = Processors::default();
    for second in 0..60_u32 {
        entries.push(Entry {
            at: at(second.into()),
            event: Event::Processors(did),
        });
        let idle_s = if (20..30).contains(&second) { 0.1 } else { 1.0 };
        did.idle_s += idle_s;
        did.stolen_s += 0.05;
        did.busy_s += 1.95 - idle_s;
    }
}

fn episode(episode: usize, from: f64, member: &str, roles: &[Role]) -> Vec<Entry> {
    let seen = format!("{member} exited with code 137");
    let requested = Event::FaultRequested {
        episode,
        members: vec![member.into()],
        roles: roles.to_vec(),
    };
    let events = [
        (0.0, requested),
        (0.1, Event::FaultApplied { episode }),
        (0.3, Event::FaultProven { episode, seen }),
        (5.0, Event::HealRequested { episode }),
        (5.2, Event::Healed { episode }),
        (8.2, Event::EpisodeEnded { episode }),
    ];
    let entry = |(after, event)| Entry {
        at: at(from + after),
        event,
    };
    events.map(entry).to_vec()
}

/// A second of arrivals: each user asks once, for a class of its own.
fn second(drill: &Drill, second: u32, outage: &std::ops::Range<f64>) -> Vec<Arrival> {
    let users = drill.traffic.users_at(Duration::from_secs(second.into()));
    let one = |user: u32| {
        let due = f64::from(second) + f64::from(user) / 250.0;
        let class = Class::ALL[user as usize % Class::ALL.len()];
        let out = outage.contains(&due) && matches!(class, Class::Admin | Class::Ingest);
        let (outcome, ms) = match out {
            true => (Outcome::TimedOut, 2000.0),
            false => (Outcome::Ok, 3.0 + f64::from(user % 7) * 4.0),
        };
        Arrival {
            user,
            class,
            outcome,
            again: false,
            status: if out { 0 } else { 200 },
            due: at(due),
            sent: at(due + 0.0003),
            done: at(due + ms / 1000.0),
        }
    };
    (0..users).map(one).collect()
}

/// The drill of the run.
pub(crate) fn drill() -> Drill {
    let members = |_: &str| {
        Ok(vec![
            "api-1".into(),
            "postgres-1".into(),
            "rabbitmq-1".into(),
        ])
    };
    drill::parse("sample.toml", DRILL, members).expect("a valid drill")
}

/// Judges a run in which two classes are out for the given time and the last episode may be missing.
pub(crate) fn judged(outage: std::ops::Range<f64>, with_queue: bool) -> Judgement {
    let drill = drill();
    let arrivals: Vec<_> = (0..60).flat_map(|s| second(&drill, s, &outage)).collect();
    let mut entries = vec![
        Entry {
            at: at(0.0),
            event: Event::Started(Box::new(header(drill))),
        },
        Entry {
            at: at(0.0),
            event: Event::LoadStarted,
        },
    ];
    counters(&mut entries);
    processors(&mut entries);
    entries.extend(sightings());
    entries.extend(episode(0, 8.0, "api-2", &[]));
    entries.extend(episode(1, 22.0, "postgres-1", &[Role::PostgresPrimary]));
    match with_queue {
        true => entries.extend(episode(2, 45.0, "rabbitmq-3", &[Role::QueueLeader])),
        false => entries.push(Entry {
            at: at(58.0),
            event: Event::EpisodeFailed {
                episode: 2,
                reason: "no full health within 10 s: redis-2 has no link to its master".into(),
            },
        }),
    }
    let count = arrivals.len() as u64;
    let ends = [
        (60.0, Event::LoadEnded { arrivals: count }),
        (61.0, Event::Finished),
    ];
    entries.extend(ends.map(|(seconds, event)| Entry {
        at: at(seconds),
        event,
    }));
    let mut bytes = HEADER.to_vec();
    arrivals
        .iter()
        .for_each(|arrival| bytes.extend(arrival.encode()));
    bytes.extend(Arrival::footer(count));
    let arrivals = Arrivals::open(bytes.as_slice()).expect("a header");
    judge::judge(&entries, arrivals).expect("a judgement")
}
