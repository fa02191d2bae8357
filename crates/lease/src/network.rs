//! What can be done to packets, and to which.

mod address;

use std::{net::Ipv4Addr, time::Duration};

use serde::{Deserialize, Serialize};

pub use address::{Net, PortRange};

/// An effect on the packets that match. Nothing given matches everything.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkFault {
    /// What happens to a packet that matches.
    pub effect: Effect,
    /// The far ends: addresses or networks, IPv4. Empty: everybody.
    #[serde(default)]
    pub peers: Vec<Net>,
    /// Ports of either end, TCP and UDP, at most 15. Empty: every packet, ICMP included.
    #[serde(default)]
    pub ports: Vec<PortRange>,
    /// As seen by the target. With `both`, a packet and its answer are each hit.
    #[serde(default)]
    pub direction: Direction,
    /// The mechanism. Not given: the first that works here, of netem, nfqueue, rules.
    #[serde(default)]
    pub backend: Option<BackendName>,
}

/// Which way a packet goes, as seen by the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Towards the target: the hook of the receiver, where a real network would have lost it.
    #[default]
    In,
    /// Away from the target.
    Out,
    /// Both ways, each on its own.
    Both,
}

impl Direction {
    /// Whether packets towards the target are meant.
    pub fn inward(self) -> bool {
        self != Self::Out
    }

    /// Whether packets from the target are meant.
    pub fn outward(self) -> bool {
        self != Self::In
    }
}

/// The mechanisms, in the order in which they are tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BackendName {
    /// A queueing discipline of the kernel. Fastest; what a killed agent leaves must be swept.
    Netem,
    /// Packets are queued to the agent. Ends with the agent.
    Nfqueue,
    /// Rules of the kernel with a stop date. End about a second after the agent.
    Rules,
}

/// What happens to packets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Effect {
    /// Packets are held. Packets of one flow stay in their order.
    Delay {
        /// Mean time that a packet is held.
        #[serde(with = "humantime_serde")]
        latency: Duration,
        /// Uniform, up to this much more or less.
        #[serde(default, with = "humantime_serde")]
        jitter: Duration,
    },
    /// Packets disappear.
    Loss {
        /// Mean share, 0 to 100.
        percent: f64,
        /// Mean number of packets lost in a row, 1 or more (Gilbert's model: in the bad state everything is lost).
        /// Not given: each packet on its own.
        #[serde(default)]
        burst: Option<f64>,
    },
    /// Packets arrive twice.
    Duplicate {
        /// Share, 0 to 100.
        percent: f64,
    },
    /// Packets are overtaken by what follows within a time.
    Reorder {
        /// Share, 0 to 100.
        percent: f64,
        /// How long a packet is kept back.
        #[serde(with = "humantime_serde")]
        by: Duration,
    },
    /// One bit of the payload is flipped.
    Corrupt {
        /// Share, 0 to 100.
        percent: f64,
        /// Whether the checksum is mended, so that the wrong byte reaches the application. Otherwise the receiver drops
        /// the packet.
        #[serde(default)]
        mend: bool,
    },
    /// A link of a given speed, with half a second of room for what waits.
    Rate {
        /// Bytes of IP packets per second, from 1,000.
        bytes_per_s: u64,
    },
    /// Nothing gets through; nobody is told. From everybody and outward, that includes what is below IP: who is cut off neither
    /// answers for its addresses nor announces any.
    Partition {},
    /// Nothing gets through; the sender is told at once: TCP reset, otherwise ICMP port unreachable.
    Reject {},
    /// Connections that live are cut once; new ones may be made.
    Reset {},
    /// Names are not resolved as they should be, over UDP port 53. Peers are resolvers, direction is ignored.
    Dns {
        /// What the target gets.
        answer: Answer,
        /// Whose names: these and what lies below them. Empty: all.
        #[serde(default)]
        names: Vec<String>,
    },
}

/// What a resolver answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Nothing.
    Timeout,
    /// SERVFAIL.
    Failure,
    /// That there is no such name.
    NoSuchName,
    /// This address; no address where an IPv6 one was asked for.
    Wrong(Ipv4Addr),
}

impl Effect {
    /// The name in an order.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Delay { .. } => "delay",
            Self::Loss { .. } => "loss",
            Self::Duplicate { .. } => "duplicate",
            Self::Reorder { .. } => "reorder",
            Self::Corrupt { .. } => "corrupt",
            Self::Rate { .. } => "rate",
            Self::Partition {} => "partition",
            Self::Reject {} => "reject",
            Self::Reset {} => "reset",
            Self::Dns { .. } => "dns",
        }
    }
}

impl Effect {
    /// The share of packets that are to be hit, in percent; nothing where the order does not fix it.
    pub fn percent(&self) -> Option<f64> {
        match self {
            Self::Loss { percent, .. }
            | Self::Duplicate { percent }
            | Self::Reorder { percent, .. }
            | Self::Corrupt { percent, .. } => Some(*percent),
            Self::Delay { .. } | Self::Rate { .. } | Self::Partition {} | Self::Reject {} => {
                Some(100.0)
            }
            Self::Reset {} | Self::Dns { .. } => None,
        }
    }
}

impl NetworkFault {
    /// What it asks for that can't be done anywhere.
    ///
    /// # Errors
    /// A value out of its range, in words.
    pub fn check(&self) -> Result<(), String> {
        let ports: usize = self.ports.iter().map(PortRange::entries).sum();
        if ports > 15 {
            return Err("more than 15 ports, where a range counts twice".into());
        }
        match &self.effect {
            Effect::Loss { percent, burst } => {
                share(*percent)?;
                match burst {
                    Some(burst) if !(1.0..=1e6).contains(burst) => {
                        Err(format!("a burst of {burst} packets is not 1 to 1,000,000"))
                    }
                    Some(_) if *percent >= 100.0 => {
                        Err("a loss of everything has no bursts".into())
                    }
                    _ => Ok(()),
                }
            }
            Effect::Duplicate { percent }
            | Effect::Reorder { percent, .. }
            | Effect::Corrupt { percent, .. } => share(*percent),
            Effect::Rate { bytes_per_s } if *bytes_per_s < 1000 => {
                Err(format!("{bytes_per_s} bytes/s is below 1,000"))
            }
            Effect::Delay { latency, jitter } if jitter > latency => Err(format!(
                "a jitter of {jitter:?} is above the latency of {latency:?}"
            )),
            _ => Ok(()),
        }
    }
}

fn share(percent: f64) -> Result<(), String> {
    if (0.0..=100.0).contains(&percent) {
        Ok(())
    } else {
        Err(format!("{percent} % is not 0 to 100"))
    }
}
