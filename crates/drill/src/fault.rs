//! What is done to a target.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Signals that a kill may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Signal {
    /// Can't be caught: the crash.
    #[default]
    Kill,
    /// Asks politely.
    Term,
    /// As Ctrl-C would.
    Int,
    /// Quit, with a core where one is configured.
    Quit,
}

impl Signal {
    /// The name as the engine takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kill => "KILL",
            Self::Term => "TERM",
            Self::Int => "INT",
            Self::Quit => "QUIT",
        }
    }
}

/// A fault, as a value. In a drill file: `fault.kill = {}`, `fault.stop = { grace = "5s" }`,
/// `fault.restart = {}`, `fault.pause = {}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// The main process is sent a signal; the container is started again when the episode heals.
    Kill {
        /// KILL unless said otherwise.
        #[serde(default)]
        signal: Signal,
    },
    /// The container is stopped in order, then killed after the grace; started again on healing.
    Stop {
        /// Time between the stop signal and the kill.
        #[serde(default = "default_grace", with = "humantime_serde")]
        grace: Duration,
    },
    /// The container is killed and started again at once.
    Restart {},
    /// Every process of the container is frozen; connects still succeed, answers never come.
    Pause {},
}

fn default_grace() -> Duration {
    Duration::from_secs(5)
}

impl Fault {
    /// The word for reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Kill { .. } => "kill",
            Self::Stop { .. } => "stop",
            Self::Restart {} => "restart",
            Self::Pause {} => "pause",
        }
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}
