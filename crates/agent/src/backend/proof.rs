//! Proof of injection from the victim's side: connects to a peer, before the fault and under it.
//!
//! Only where one peer is named by its address, and for effects that a single connect shows. Whether something
//! listens does not matter: a refusal takes one round trip as well.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpStream},
    thread::{self, JoinHandle},
    time::Duration,
};

use super::Say;
use crate::{Direction, Effect, Event, NetworkFault, clock::now};

/// The port that is tried when the order names none: discard (RFC 863), where hardly anything listens.
const DISCARD: u16 = 9;
/// How often is looked; the median counts.
const LOOKS: usize = 5;
/// A partition shows by silence for this long.
const SILENCE: Duration = Duration::from_millis(400);

/// What is tried, and what was seen before.
#[derive(Debug, Clone)]
pub(super) struct Proof {
    to: Option<SocketAddr>,
    effect: Effect,
    direction: Direction,
    before: Option<Duration>,
}

impl Proof {
    pub(super) fn new(fault: &NetworkFault) -> Self {
        let peer: Option<Ipv4Addr> = fault.peers.first().and_then(|net| net.only());
        let port = fault.ports.first().map_or(DISCARD, |range| range.first());
        let shows = match fault.effect {
            Effect::Delay { .. } | Effect::Partition {} => true,
            // A reset of what arrives goes to the peer: the victim sees its own connects dropped.
            Effect::Reject {} => fault.direction.outward(),
            _ => false,
        };
        Self {
            to: peer.filter(|_| shows).map(|peer| (peer, port).into()),
            effect: fault.effect.clone(),
            direction: fault.direction,
            before: None,
        }
    }

    /// Looks before the fault. A peer that does not answer now proves nothing later.
    pub(super) fn before(&mut self) {
        let Some(to) = self.to else { return };
        self.before = median(to, SILENCE);
        if self.before.is_none() {
            self.to = None;
        }
    }

    /// Looks under the fault, beside the loop that holds it.
    pub(super) fn watch(&self, say: Say) -> Option<JoinHandle<()>> {
        let (to, before) = (self.to?, self.before?);
        let proof = self.clone();
        Some(thread::spawn(move || say(&proof.look(to, before))))
    }

    fn look(&self, to: SocketAddr, before: Duration) -> Event {
        let event = |what: String, expected, seen, unit: &str| Event::Measured {
            what,
            expected: Some(expected),
            seen,
            unit: unit.into(),
        };
        let before_ms = before.as_secs_f64() * 1e3;
        match &self.effect {
            Effect::Delay { latency, jitter } => {
                let ways = if self.direction == Direction::Both {
                    2
                } else {
                    1
                };
                let longest = SILENCE + (*latency + *jitter) * ways;
                let seen =
                    median(to, longest).map_or(f64::INFINITY, |seen| seen.as_secs_f64() * 1e3);
                let expected = before_ms + (*latency * ways).as_secs_f64() * 1e3;
                event(format!("round trip to {to}"), expected, seen, "ms")
            }
            Effect::Reject {} => {
                let seen =
                    median(to, SILENCE).map_or(f64::INFINITY, |seen| seen.as_secs_f64() * 1e3);
                event(format!("time until {to} refuses"), before_ms, seen, "ms")
            }
            _ => {
                let answered = (0..2).filter(|_| connect(to, SILENCE).is_some()).count();
                event(
                    format!("connects to {to} answered, of 2"),
                    0.0,
                    answered as f64,
                    "connects",
                )
            }
        }
    }
}

/// The median time of a connect, when most are answered.
fn median(to: SocketAddr, longest: Duration) -> Option<Duration> {
    let mut seen: Vec<_> = (0..LOOKS).filter_map(|_| connect(to, longest)).collect();
    seen.sort_unstable();
    (seen.len() > LOOKS / 2).then(|| seen[seen.len() / 2])
}

/// The time until a connect is answered, be it by a refusal.
fn connect(to: SocketAddr, longest: Duration) -> Option<Duration> {
    let begin = now();
    let done = TcpStream::connect_timeout(&to, longest);
    let answered = match &done {
        Ok(_) => true,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionRefused,
    };
    answered.then(|| now() - begin)
}
