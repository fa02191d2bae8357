//! What the controller and its instruments say to each other.

use std::time::Duration;

use drill::{Class, Component, Pressure, Role, Traffic};
use serde::{Deserialize, Serialize};

use crate::{DiskStall, Fates, Offset, Processors};

/// `host:port`.
pub type Address = String;

/// What the load generator is asked to do: the body of `POST /drive`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadPlan {
    /// Source of every random choice.
    pub seed: u64,
    /// The run's start on the generator's wall clock, in nanoseconds since the Unix epoch: zero of every offset.
    pub zero_unix_ns: u64,
    /// Offset at which the load begins, in nanoseconds after zero.
    pub begin_ns: u64,
    /// Curve and behaviour of the users.
    pub traffic: Traffic,
    /// How long the load lasts.
    pub duration: Duration,
    /// A read that shows less than was seen longer ago than this is stale; none is without it.
    #[serde(default)]
    pub stale_after: Option<Duration>,
    /// The platform's virtual address.
    pub vip: Address,
    /// Steady probes beside the users, for classes that users ask for too seldom to time an outage by.
    #[serde(default)]
    pub probes: Vec<ProbePlan>,
    /// An acknowledged reading that a read does not show so long after is not visible; none is without it.
    #[serde(default)]
    pub visible_within: Option<Duration>,
    /// The CDN's addresses; a client falls back to the next when one can't be reached.
    pub cdn: Vec<Address>,
}

/// A steady probe: one request of a class at each tick, from the load's begin to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbePlan {
    /// The class; `admin`, `static` and `read` can be probed.
    pub class: Class,
    /// Time between two ticks.
    pub every: Duration,
}

/// What the load generator is asked to add to the load that it runs: the body of `POST /press`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PressOrder {
    /// Who comes.
    pub pressure: Pressure,
    /// When they leave, whatever becomes of whoever asked: nothing is due after it.
    pub lasts: Duration,
}

/// One line of the answer: all since the pressure began. The last line comes when the last request has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Pressed {
    /// Since the beginning.
    pub elapsed: Duration,
    /// Requests that were sent, pings of live streams left out.
    pub sent: u64,
    /// What became of those that have ended, pings and alerts included.
    pub fates: Fates,
}

/// A member that the observer watches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watched {
    /// Service name, such as `api-1`.
    pub name: String,
    /// Component.
    pub component: Component,
    /// IPv4 address on a network that the observer shares.
    pub address: String,
}

/// What the observer is asked to watch: the body of `POST /watch`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchList {
    /// Everyone to watch.
    pub members: Vec<Watched>,
    /// The virtual address, as an IPv4 address of a network that the observer shares.
    pub vip: String,
    /// Password of the stores and the broker.
    pub password: String,
    /// Time between two looks at each member.
    pub every: Duration,
    /// The run's start on the observer's wall clock, in nanoseconds since the Unix epoch: zero of every offset.
    #[serde(default)]
    pub zero_unix_ns: u64,
}

/// Whom the observer asks for every stored reading: the body of `POST /ledger`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerRequest {
    /// The Postgres to read, as an IPv4 address of a network that the observer shares.
    pub postgres: String,
    /// Its password.
    pub password: String,
}

/// Whom the observer asks for the third party's book: the body of `POST /pages`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PagesRequest {
    /// The third party, as an IPv4 address of a network that the observer shares.
    pub pager: String,
}

/// How a member is, by its own interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberHealth {
    /// Service name.
    pub member: String,
    /// Component.
    pub component: Component,
    /// Whether it is as it must be for full health, its part in the cluster included.
    pub healthy: bool,
    /// Whether it answered at all; of one that did not, nothing is known but that.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub answered: bool,
    /// Roles it says it plays.
    pub roles: Vec<Role>,
    /// Why it is not healthy, or what it is.
    pub detail: String,
}

/// In recordings that do not tell it, everybody was taken to have answered.
fn yes() -> bool {
    true
}

/// One line of the observer's answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sighted {
    /// When it was seen, by the observer's own clock and from the list's zero.
    pub at: Offset,
    /// What was seen.
    #[serde(flatten)]
    pub sighting: Sighting,
}

/// What the observer saw. A member's health is sent when it is first seen and at each change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "sighting", rename_all = "kebab-case")]
pub enum Sighting {
    /// A member's health is new or has changed.
    Member(MemberHealth),
    /// A component's own counter.
    Counter {
        /// Service name.
        member: String,
        /// Component.
        component: Component,
        /// What is counted.
        counter: String,
        /// Value.
        value: f64,
    },
    /// What the machine's processors have done, every second.
    Processors(Processors),
    /// A disk of the machine stood still until just now.
    DiskStall(DiskStall),
}
