//! How the third party behaves today.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A slow answer takes this long: beyond what any caller waits.
pub const SLOW: Duration = Duration::from_secs(3);

/// What it does with a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Takes it at once.
    #[default]
    Ok,
    /// Takes it after three seconds.
    Slow,
    /// Answers 503.
    Failing,
    /// Never answers.
    Hanging,
}

/// The body of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Behaviour {
    /// The mode.
    pub mode: Mode,
}

/// The current mode. Copies share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Switch(Arc<Mutex<Mode>>);

impl Switch {
    /// The mode now.
    pub(crate) fn get(&self) -> Mode {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes it for pages from now on.
    pub(crate) fn set(&self, mode: Mode) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = mode;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_read_by_name_and_others_are_refused() {
        for (text, mode) in [
            ("ok", Mode::Ok),
            ("slow", Mode::Slow),
            ("failing", Mode::Failing),
            ("hanging", Mode::Hanging),
        ] {
            let read: Behaviour = serde_json::from_str(&format!(r#"{{"mode":"{text}"}}"#)).unwrap();
            assert_eq!(read.mode, mode);
        }
        assert!(serde_json::from_str::<Behaviour>(r#"{"mode":"moody"}"#).is_err());
        assert!(serde_json::from_str::<Behaviour>(r#"{"mode":"ok","for":3}"#).is_err());
    }
}
