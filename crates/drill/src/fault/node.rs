//! The words that faults of whole members take.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// How members are restarted one after another. In a drill file: `fault.rolling-restart = { pause = "2s" }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rolling {
    /// Time between one that is ready again and the stop of the next; up to an hour.
    #[serde(default, with = "humantime_serde")]
    pub pause: Duration,
    /// Time between the stop signal of each and its kill; up to 20 s, because healing waits for a stop that was asked for.
    #[serde(default = "super::default_grace", with = "humantime_serde")]
    pub grace: Duration,
}

/// Longest pause between two turns.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// Longest grace of a turn.
const LONGEST_GRACE: Duration = Duration::from_secs(20);

impl Rolling {
    pub(super) fn mistake(self) -> Option<String> {
        let within = |name: &str, value: Duration, most: Duration| {
            let seconds = most.as_secs();
            (value > most)
                .then(|| format!("rolling-restart: {name} {value:?} is above {seconds} s"))
        };
        within("pause", self.pause, LONGEST_PAUSE)
            .or_else(|| within("grace", self.grace, LONGEST_GRACE))
    }
}
