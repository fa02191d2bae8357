//! Abusers: an open loop at one rate, under a few names or under many.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use drill::{Class, Flood, derive_seed};
use timeline::{Arrival, FIRST_ABUSER, NEVER, Offset, Outcome};
use tokio::task::JoinSet;
use wire::PATIENTS;

use crate::http::{Ask, Line};
use crate::user::ending;
use crate::world::{Ending, World};

/// Requests under way at once. Beyond that a flood is not sent: the generator has users to serve, too.
const MOST_UNDER_WAY: usize = 2_000;
/// Part of the seed that chooses what is asked for.
const TARGETS: u64 = 0xab;

/// When each blow of a flood is due, and who deals it: a pure function of the order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Blows {
    flood: Flood,
    from: Offset,
    until: Offset,
}

/// One request of a flood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Blow {
    due: Offset,
    /// The abuser, from 0.
    client: u32,
    number: u64,
}

impl Blows {
    pub(crate) fn new(flood: Flood, from: Offset, lasts: Duration, end: Offset) -> Self {
        let until = Offset::from(from.as_duration() + lasts).min(end);
        Self { flood, from, until }
    }

    /// All of them, in the order in which they are due.
    fn iter(self) -> impl Iterator<Item = Blow> {
        let all = (0..).map(move |number| Blow {
            due: self.due(number),
            client: (number % u64::from(self.flood.clients.max(1))) as u32,
            number,
        });
        all.take_while(move |blow| blow.due < self.until)
    }

    /// `from + number / rate`, without a drift.
    fn due(self, number: u64) -> Offset {
        let after_ns =
            u128::from(number) * 1_000_000_000 / u128::from(self.flood.requests_per_s.max(1));
        let after_ns = u64::try_from(after_ns).unwrap_or(u64::MAX);
        Offset(self.from.0.saturating_add(after_ns))
    }
}

/// Connections that no request is using, the latest on top.
#[derive(Debug, Default)]
struct Lines(Mutex<Vec<Line>>);

impl Lines {
    fn take(&self, world: &World, abuser: u32) -> Line {
        let free = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut line = free.unwrap_or_else(|| Line::new(world.vip.clone(), abuser));
        line.rename(abuser);
        line
    }

    fn give_back(&self, line: Line) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line);
    }
}

/// Sends every blow at its time and waits for the last answer. Dropped, it drops them all.
pub(crate) async fn hammer(world: Arc<World>, blows: Blows) {
    let lines = Arc::new(Lines::default());
    let mut under_way = JoinSet::new();
    for blow in blows.iter() {
        world.clock.until(blow.due).await;
        while under_way.try_join_next().is_some() {}
        let abuser = FIRST_ABUSER + blow.client;
        if under_way.len() >= MOST_UNDER_WAY {
            world.recorder.record(not_sent(abuser, blow.due));
            continue;
        }
        let (world, lines) = (world.clone(), lines.clone());
        under_way.spawn(async move {
            let work = strike(&world, &lines, abuser, blow);
            world.arrive(abuser, Class::Read, blow.due, work).await;
        });
    }
    while under_way.join_next().await.is_some() {}
}

async fn strike(world: &World, lines: &Lines, abuser: u32, blow: Blow) -> Ending {
    let mut line = lines.take(world, abuser);
    let draw = derive_seed(derive_seed(world.seed, TARGETS), blow.number);
    let patient = 1 + draw % u64::from(PATIENTS);
    let ask = Ask::get(format!("/v1/patients/{patient}"));
    let asked = line.ask(&ask, world.patience(blow.due), world.recorder.tally());
    let asked = asked.await;
    lines.give_back(line);
    ending(asked, 200, |_| true)
}

fn not_sent(user: u32, due: Offset) -> Arrival {
    Arrival {
        user,
        class: Class::Read,
        outcome: Outcome::NotSent,
        again: false,
        status: 0,
        due,
        sent: NEVER,
        done: NEVER,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn blows(requests_per_s: u32, clients: u32, lasts: Duration) -> Vec<Blow> {
        let flood = Flood {
            requests_per_s,
            clients,
        };
        let from = Offset(7);
        Blows::new(flood, from, lasts, Offset(u64::MAX))
            .iter()
            .collect()
    }

    #[test]
    fn a_flood_ends_with_the_load() {
        let flood = Flood {
            requests_per_s: 10,
            clients: 1,
        };
        let end = Offset::from(Duration::from_secs(2));
        let from = Offset::from(Duration::from_secs(1));
        let blows = Blows::new(flood, from, Duration::from_secs(60), end);
        assert_eq!(blows.iter().count(), 10);
        let late = Blows::new(flood, end, Duration::from_secs(60), end);
        assert_eq!(late.iter().count(), 0);
    }

    proptest! {
        #[test]
        fn the_rate_holds_in_every_stretch(rate in 1_u32..5000, lasts_ms in 1_u64..4000, skip in 0_usize..2000) {
            let all = blows(rate, 3, Duration::from_millis(lasts_ms));
            let expected = (u64::from(rate) * lasts_ms).div_ceil(1000);
            prop_assert!((all.len() as u64).abs_diff(expected) <= 1, "{} of {expected}", all.len());
            let rest = &all[skip.min(all.len() - 1)..];
            let took = rest[rest.len() - 1].due.since(rest[0].due).as_secs_f64();
            prop_assert!((took * f64::from(rate) - (rest.len() - 1) as f64).abs() < 0.01);
        }

        #[test]
        fn abusers_take_turns(clients in 1_u32..50, lasts_ms in 1_u64..500) {
            let all = blows(1000, clients, Duration::from_millis(lasts_ms));
            let mut dealt = vec![0_usize; clients as usize];
            all.iter().for_each(|blow| dealt[blow.client as usize] += 1);
            let (least, most) = (dealt.iter().min().unwrap(), dealt.iter().max().unwrap());
            prop_assert!(most - least <= 1, "{dealt:?}");
        }
    }
}
