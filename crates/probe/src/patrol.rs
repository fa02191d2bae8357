//! The rounds: one task per member, which looks, compares and reports.

use std::{sync::Arc, time::Duration};

use drill::Component;
use timeline::{MemberHealth, Sighting, Watched};
use tokio::{
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval_at},
};

use crate::{
    check::{
        etcd::Etcd, haproxy::Haproxy, postgres::Postgres, prometheus::Prometheus,
        rabbitmq::Rabbitmq, redis::Redis, sentinel::Sentinel, service::Service, varnish::Varnish,
    },
    disks,
    look::{Check, Reading},
    machine,
    reporter::{Reporter, Unheard},
    site::Site,
};

/// Time between two readings of a member's counters.
const COUNTERS_EVERY: Duration = Duration::from_secs(5);

/// RabbitMQ's management interface gathers each answer from all brokers.
const BROKERS_EVERY: Duration = Duration::from_secs(2);

/// Sends the member's health when it is new or has changed, and its counters from time to time, until
/// nobody listens.
async fn patrol<C: Check>(
    mut check: C,
    member: Watched,
    every: Duration,
    first: Instant,
    site: Arc<Site>,
    sightings: Reporter,
) {
    let mut rounds = interval_at(first, every);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last: Option<MemberHealth> = None;
    let mut counters_due = first;
    loop {
        let now = rounds.tick().await;
        let (health, mut readings) = match check.look().await {
            Ok(mut look) => {
                let readings = std::mem::take(&mut look.readings);
                (look.into_health(&member), readings)
            }
            Err(error) => (error.into_health(&member), vec![]),
        };
        if last.as_ref() != Some(&health) {
            site.note(health.clone());
            last = Some(health.clone());
            if sightings.send(Sighting::Member(health)).await.is_err() {
                return;
            }
        }
        if now >= counters_due {
            counters_due = now + COUNTERS_EVERY;
            readings.extend(counters(&mut check, &member).await);
        }
        if report(readings, &member, &sightings).await.is_err() {
            return;
        }
    }
}

/// A counter that could not be read is left out: whether the member is well is for the look to say.
async fn counters<C: Check>(check: &mut C, member: &Watched) -> Vec<Reading> {
    check.counters().await.unwrap_or_else(|error| {
        tracing::debug!(member = member.name, %error, "counters not read");
        vec![]
    })
}

async fn report(
    readings: Vec<Reading>,
    member: &Watched,
    sightings: &Reporter,
) -> Result<(), Unheard> {
    for (counter, value) in readings {
        let sighting = Sighting::Counter {
            member: member.name.clone(),
            component: member.component,
            counter: counter.into_owned(),
            value,
        };
        sightings.send(sighting).await?;
    }
    Ok(())
}

/// Begins to look at every member of the site, and at the machine. Dropping the set ends every look at once.
pub(crate) fn begin(site: Arc<Site>, sightings: &Reporter) -> JoinSet<()> {
    let mut patrols = JoinSet::new();
    patrols.spawn(machine::patrol(sightings.clone()));
    patrols.spawn(disks::patrol(sightings.clone()));
    let count = u32::try_from(site.members.len()).unwrap_or(u32::MAX);
    for (member, number) in site.members.iter().zip(0..) {
        // Spread over the period, so that the looks do not come in bursts.
        let first = Instant::now() + site.every * number / count;
        begin_one(
            &mut patrols,
            &site,
            member.clone(),
            first,
            sightings.clone(),
        );
    }
    patrols
}

fn begin_one(
    patrols: &mut JoinSet<()>,
    site: &Arc<Site>,
    member: Watched,
    first: Instant,
    out: Reporter,
) {
    let every = site.every;
    macro_rules! patrol {
        ($check:ident, $every:expr) => {{
            let check = $check::new(site.clone(), &member);
            patrols.spawn(patrol(check, member, $every, first, site.clone(), out));
        }};
    }
    match member.component {
        Component::Api
        | Component::Ws
        | Component::Gateway
        | Component::Worker
        | Component::Pager => patrol!(Service, every),
        Component::Haproxy => patrol!(Haproxy, every),
        Component::Varnish => patrol!(Varnish, every),
        Component::Postgres => patrol!(Postgres, every),
        Component::Etcd => patrol!(Etcd, every),
        Component::Redis => patrol!(Redis, every),
        Component::Sentinel => patrol!(Sentinel, every),
        Component::Rabbitmq => patrol!(Rabbitmq, every.max(BROKERS_EVERY)),
        Component::Prometheus => patrol!(Prometheus, every),
        // Part of the testbed; Site::new leaves them out.
        Component::Instrument => {}
    }
}
