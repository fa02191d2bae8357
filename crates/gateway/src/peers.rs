//! What other gateways tell: how many requests they have let pass until now. Counts that only grow may be told twice, late or
//! not at all; what matters is what came since the last time.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::client::Client;

/// A gateway that has told nothing new for so long is gone: then everybody else has its part. Four times
/// [`EVERY`](crate::exchange::EVERY).
const GONE: Duration = Duration::from_secs(1);

/// What one gateway tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Standing {
    /// Differs between processes, whose counts begin anew.
    pub(crate) process: u64,
    /// Grows each time something is told.
    pub(crate) number: u64,
    /// Requests that passed.
    pub(crate) total: u64,
    /// Those of each client that is beyond its part somewhere.
    pub(crate) clients: Vec<(Client, u64)>,
}

/// What passed at another gateway since it was last heard.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    pub(crate) total: u64,
    pub(crate) clients: Vec<(Client, u64)>,
}

/// The other gateways.
#[derive(Debug, Default)]
pub(crate) struct Peers(HashMap<String, Peer>);

#[derive(Debug)]
struct Peer {
    /// When it told this.
    heard: Duration,
    /// Whether it has told something since it was first heard: what is found lying about may be long past.
    alive: bool,
    told: Standing,
}

impl Peers {
    /// How many are there.
    pub(crate) fn count(&self, now: Duration) -> u32 {
        let there = self
            .0
            .values()
            .filter(|peer| peer.alive && peer.is_recent(now));
        u32::try_from(there.count()).unwrap_or(u32::MAX)
    }

    /// What `name` let pass since the last time. Nobody knows when that was for what is heard first, or first after a silence.
    pub(crate) fn hear(&mut self, name: String, told: Standing, now: Duration) -> News {
        let (alive, news) = match self.0.get(&name) {
            None => (false, News::default()),
            Some(peer) if peer.told.process != told.process => (true, News::default()),
            Some(peer) if peer.told.number >= told.number => return News::default(),
            Some(peer) if peer.is_recent(now) => (true, peer.since(&told)),
            Some(_) => (true, News::default()),
        };
        let peer = Peer {
            heard: now,
            alive,
            told,
        };
        self.0.insert(name, peer);
        news
    }
}

impl Peer {
    fn is_recent(&self, now: Duration) -> bool {
        now < self.heard + GONE
    }

    fn since(&self, told: &Standing) -> News {
        let before: HashMap<_, _> = self
            .told
            .clients
            .iter()
            .map(|(client, count)| (client, count))
            .collect();
        let more = |(client, count): &(Client, u64)| {
            // A count that fell began anew.
            let before = before.get(client).filter(|before| **before <= count);
            (client.clone(), count - before.map_or(0, |before| **before))
        };
        let clients = told.clients.iter().map(more);
        News {
            total: told.total.saturating_sub(self.told.total),
            clients: clients.filter(|(_, more)| *more > 0).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EACH: Duration = Duration::from_millis(250);

    fn told(process: u64, number: u64, count: u64) -> Standing {
        Standing {
            process,
            number,
            total: 10 * count,
            clients: vec![(Client::Named("one".into()), count)],
        }
    }

    /// Hears something each quarter of a second, and gives the news about the only client, and the number of peers.
    fn hear(all: impl IntoIterator<Item = Standing>) -> Vec<(u64, u32)> {
        let (mut peers, mut now) = (Peers::default(), Duration::ZERO);
        let one = |standing| {
            now += EACH;
            let news = peers.hear("other".into(), standing, now);
            let more = news.clients.first().map_or(0, |(_, more)| *more);
            assert_eq!(news.total, 10 * more);
            (more, peers.count(now))
        };
        all.into_iter().map(one).collect()
    }

    #[test]
    fn only_what_is_new_is_news() {
        let said = [told(1, 1, 5), told(1, 2, 8), told(1, 3, 8), told(1, 4, 9)];
        assert_eq!(hear(said), [(0, 0), (3, 1), (0, 1), (1, 1)]);
    }

    #[test]
    fn what_is_told_twice_or_too_late_is_none() {
        let said = [
            told(1, 1, 5),
            told(1, 3, 8),
            told(1, 3, 8),
            told(1, 2, 6),
            told(1, 4, 9),
        ];
        assert_eq!(hear(said), [(0, 0), (3, 1), (0, 1), (0, 1), (1, 1)]);
    }

    #[test]
    fn another_process_begins_anew() {
        let said = [told(1, 1, 5), told(1, 2, 8), told(2, 1, 1), told(2, 2, 3)];
        assert_eq!(hear(said), [(0, 0), (3, 1), (0, 1), (2, 1)]);
    }

    #[test]
    fn who_only_repeats_itself_is_gone_and_begins_anew_when_it_is_back() {
        let mut said = vec![told(1, 1, 5), told(1, 2, 8)];
        said.extend(vec![told(1, 2, 8); 4]);
        said.extend([told(1, 9, 500), told(1, 10, 501)]);
        let heard = hear(said);
        assert_eq!(heard[4..], [(0, 1), (0, 0), (0, 1), (1, 1)]);
    }

    #[test]
    fn what_is_told_is_read_back() {
        let mut standing = told(u64::MAX, 2, 3);
        standing.clients.push((Client::At([10, 0, 0, 1].into()), 4));
        let text = serde_json::to_string(&standing).unwrap();
        assert_eq!(serde_json::from_str::<Standing>(&text).unwrap(), standing);
    }
}
