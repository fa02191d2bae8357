//! What the agent says: one JSON value a line on its standard output.

use serde::{Deserialize, Serialize};

use crate::BackendName;

/// Something the controller should know.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The fault is on.
    Applied {
        /// The mechanism in words.
        how: String,
        /// The network mechanism, for a network fault.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        backend: Option<BackendName>,
        /// Whether the kernel takes the fault back when the agent is killed.
        fail_open: bool,
    },
    /// What the fault does, seen from the victim's side.
    Measured {
        /// What was looked at.
        what: String,
        /// What the order asks for, in `unit`; nothing where the order does not fix it.
        expected: Option<f64>,
        /// What was seen, in `unit`.
        seen: f64,
        /// Unit of both.
        unit: String,
    },
    /// Nothing was changed; the exit code is 69.
    Refused {
        /// Why, in words.
        reason: String,
    },
    /// The fault is off. When the digests differ, the exit code is 1.
    Healed {
        /// Why it ended.
        ended: Ended,
        /// Digest of the target's rules, queueing disciplines, addresses, routes and stopped processes before the fault.
        digest_before: String,
        /// The same after it.
        digest_after: String,
        /// Lines that are there now and were not, or the other way round: at most ten.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        differences: Vec<String>,
        /// What the mechanism counted.
        figures: Figures,
    },
}

/// Why a fault ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// Standard input was closed.
    LetGo,
    /// SIGTERM or SIGINT.
    Signal,
    /// The lease ran out.
    Deadline,
    /// The fault could not be kept up, for example because the target ended.
    Lost,
}

/// What a mechanism counted while it held a fault. All zero where it does not count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// Packets that matched.
    pub packets: u64,
    /// Of these, packets that were spoiled: lost, held, doubled, changed, rejected.
    pub affected: u64,
    /// The most packets that waited at one time.
    pub deepest: u64,
    /// Packets that were released more than 2 ms after they were due.
    pub late: u64,
    /// The latest release, in microseconds after it was due.
    pub latest_us: u64,
    /// Packets that the kernel dropped because the agent did not keep up. Anything but 0 is not what was asked for.
    pub overflowed: u64,
}
