//! What all gateways together have let pass: of everybody, and of each client that is beyond its part somewhere. Who is within
//! its part everywhere is within its limit, and nobody has to be told.

use std::collections::HashMap;
use std::time::Duration;

use crate::account::Passed;
use crate::client::Client;
use crate::exchange::EVERY;
use crate::gcra::Gcra;
use crate::peers::{Peers, Standing};

/// Clients that are told about. More are not near their limit at once but under a flood of names, which the limit on newcomers
/// stops; those beyond it have what each gateway gives them.
const MOST_CLIENTS: usize = 512;
/// A client is told about until it has used none of its limit for so long: for several exchanges.
const QUIET_FOR: Duration = Duration::from_secs(2);

/// What passed at any gateway, as far as it is known here.
#[derive(Debug)]
pub(crate) struct Shared {
    process: u64,
    number: u64,
    total: Told,
    clients: HashMap<Client, Told>,
    peers: Peers,
}

/// What is told of one limit.
#[derive(Debug, Clone, Copy, Default)]
struct Told {
    /// Arrival time of what passed anywhere.
    all: Duration,
    /// Requests that passed here; it only grows.
    passed: u64,
}

impl Told {
    fn passed_here(&mut self, limit: Gcra, now: Duration) {
        self.all = limit.after(self.all, now);
        self.passed += 1;
    }
}

impl Shared {
    /// Nobody has told anything yet.
    pub(crate) fn new() -> Self {
        Self {
            process: service_kit::entropy::number(),
            number: 0,
            total: Told::default(),
            clients: HashMap::new(),
            peers: Peers::default(),
        }
    }

    /// Gateways that keep the limits together; one while nobody else is heard.
    pub(crate) fn gateways(&self, now: Duration) -> u32 {
        self.peers.count(now).saturating_add(1)
    }

    /// Arrival time of everybody's requests anywhere.
    pub(crate) fn total(&self) -> Duration {
        self.total.all
    }

    /// Arrival time of a client's requests anywhere, if it is beyond its part somewhere.
    pub(crate) fn client(&self, client: &Client) -> Option<Duration> {
        self.clients.get(client).map(|told| told.all)
    }

    /// Counts one that passed here.
    pub(crate) fn passed_total(&mut self, limit: Gcra, now: Duration) {
        self.total.passed_here(limit, now);
    }

    /// Counts a client's request that passed here, if others are told about it.
    pub(crate) fn passed(&mut self, client: &Client, passed: Passed, limit: Gcra, now: Duration) {
        match self.clients.get_mut(client) {
            Some(told) => told.passed_here(limit, now),
            None if passed.beyond => self.begin(client, passed.account.own, limit, now),
            None => {}
        }
    }

    /// What others should know.
    pub(crate) fn tell(&mut self, now: Duration) -> Standing {
        self.clients.retain(|_, told| told.all + QUIET_FOR > now);
        self.number += 1;
        let clients = self.clients.iter().filter(|(_, told)| told.passed > 0);
        Standing {
            process: self.process,
            number: self.number,
            total: self.total.passed,
            clients: clients
                .map(|(client, told)| (client.clone(), told.passed))
                .collect(),
        }
    }

    /// Charges what passed elsewhere as if it had been as soon as it can have been: at the last exchange. `own` is the arrival
    /// time of what a client sent here.
    pub(crate) fn hear(
        &mut self,
        others: Vec<(String, Standing)>,
        (of_client, of_total): (Gcra, Gcra),
        own: impl Fn(&Client) -> Duration,
        now: Duration,
    ) {
        let since = now.saturating_sub(EVERY);
        for (name, standing) in others {
            let news = self.peers.hear(name, standing, now);
            let gateways = self.gateways(now);
            let all = self.total.all;
            self.total.all = of_total.charge(all, news.total, since, now, gateways);
            for (client, more) in news.clients {
                if !self.clients.contains_key(&client) {
                    self.begin(&client, own(&client), of_client, now);
                }
                if let Some(told) = self.clients.get_mut(&client) {
                    told.all = of_client.charge(told.all, more, since, now, gateways);
                }
            }
        }
    }

    /// Begins to tell about a client, and first about what it has used of its limit here.
    fn begin(&mut self, client: &Client, own: Duration, limit: Gcra, now: Duration) {
        if self.clients.len() < MOST_CLIENTS {
            let passed = limit.ahead(own, now);
            self.clients
                .insert(client.clone(), Told { all: own, passed });
        }
    }
}
