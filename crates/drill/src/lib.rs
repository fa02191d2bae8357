//! A drill: what is raised, what load crosses it, what breaks, and what was promised.
//!
//! This crate parses and validates a drill file into a value that can't be wrong. It is pure: no clock,
//! no network, no runtime. Everything random is drawn from the drill's seed, so that a plan can be replayed.

pub mod behaviour;
mod by_hand;
mod contract;
mod draw;
mod fault;
mod file;
mod guard;
pub mod schedule;
pub mod survival;
mod target;
mod traffic;
mod vitals;

pub use by_hand::by_hand;
pub use contract::{Class, Contract, LatencyClause, UptimeClause};
pub use draw::{derive_seed, pick};
pub use fault::{
    Fault, Flood, Mode, Names, Network, Pressure, ProcessSignal, Resource, Rolling, Signal, Surge,
};
pub use file::{Drill, DrillError, Episode, Pace, Then, parse, parse_for};
pub use guard::Guard;
pub use target::{
    Amount, AnyOf, Candidate, Component, Label, OfComponent, Parts, Player, Players, Role, Target,
    Unresolved, When,
};
pub use traffic::{Traffic, TrafficError};
pub use vitals::{alarms, reading, reading_id, slot_of};
