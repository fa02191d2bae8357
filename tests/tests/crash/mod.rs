//! The pieces of the crash matrix.

mod bystander;
mod faults;
pub(crate) mod refusals;
mod stand;

use std::{fmt, time::Duration};

pub(crate) use bystander::Bystander;
pub(crate) use faults::{Subject, faults};
pub(crate) use stand::Stand;
use stand::docker;

/// Who is killed with SIGKILL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Victim {
    Controller,
    Agent,
    Both,
}

impl Victim {
    pub(crate) const ALL: [Self; 3] = [Self::Controller, Self::Agent, Self::Both];

    pub(crate) fn controller(self) -> bool {
        self != Self::Agent
    }

    pub(crate) fn agent(self) -> bool {
        self != Self::Controller
    }
}

impl fmt::Display for Victim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Controller => "controller",
            Self::Agent => "agent",
            Self::Both => "both",
        })
    }
}

/// When.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// As soon as the undo is on disk: before the fault, or in the middle of it.
    Apply,
    /// While the fault holds.
    Hold,
    /// Right after healing was asked for.
    Heal,
}

impl Phase {
    pub(crate) const ALL: [Self; 3] = [Self::Apply, Self::Hold, Self::Heal];
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Apply => "apply",
            Self::Hold => "hold",
            Self::Heal => "heal",
        })
    }
}

/// What came of one combination.
#[derive(Debug)]
pub(crate) enum Cell {
    /// Nothing of the fault was left after this long.
    Healed(Duration),
    /// The fault is held by no agent, or the agent had ended already.
    NoAgent,
    /// What was still there at the deadline.
    Left(String),
}
