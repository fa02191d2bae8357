//! The words that faults of state take.

use serde::{Deserialize, Serialize};

use super::is_word;

/// Names of processes, as `/proc/<pid>/comm` has them, such as `postgres`. In a drill file one name, or a list of names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a name or a list of names")]
pub enum Names {
    /// One name.
    One(String),
    /// Several, in no order.
    Many(Vec<String>),
}

impl Names {
    /// Each of them.
    pub fn each(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Many(names) => names,
        }
    }

    /// What is wrong with them, if anything.
    pub(super) fn mistake(&self) -> Option<String> {
        let names = self.each();
        if names.is_empty() {
            return Some("there is no name in the list".into());
        }
        // The kernel keeps 15 bytes of a name.
        let wrong = names
            .iter()
            .find(|name| !is_word(name) || name.len() > 15)?;
        Some(format!(
            "{wrong:?} is not a name of at most 15 letters, digits, hyphens and underscores"
        ))
    }
}

impl std::fmt::Display for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.each().join(" and "))
    }
}

/// Signals for a process inside a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ProcessSignal {
    /// Can't be caught.
    #[default]
    Kill,
    /// Asks politely.
    Term,
    /// Stands still until it is let go on.
    Stop,
}

impl ProcessSignal {
    /// The name as `kill` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kill => "KILL",
            Self::Term => "TERM",
            Self::Stop => "STOP",
        }
    }

    /// What it does, as a verb.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::Term => "end",
            Self::Stop => "freeze",
        }
    }
}

/// What a broker may run out of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resource {
    /// Memory.
    Memory,
    /// Disk space.
    Disk,
}

impl Resource {
    /// The name in drill files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Disk => "disk",
        }
    }
}

/// What the third party does with a page on a bad day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Takes it after three seconds, which is longer than anybody waits.
    Slow,
    /// Answers 503.
    Failing,
    /// Never answers.
    Hanging,
}

impl Mode {
    /// The name in drill files and reports, and on the third party's own switch.
    pub fn name(self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::Failing => "failing",
            Self::Hanging => "hanging",
        }
    }
}
