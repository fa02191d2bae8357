//! What the controller asks for: the first line of the agent's standard input.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

use crate::{NetworkFault, ProcessFault};

/// One fault, for whom it is held, and for how long at most.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// The run that asks. Whatever the agent leaves in a namespace carries it.
    pub run: RunTag,
    /// Tells several agents of one run in one namespace apart, 0 to 99.
    #[serde(default)]
    pub slot: u8,
    /// The longest that the fault may last, in milliseconds, though nobody takes it back.
    pub lease_ms: u64,
    /// Every random choice follows from it: the same seed spoils the same packets of a flow.
    #[serde(default)]
    pub seed: u64,
    /// What is done.
    pub fault: Fault,
}

impl Order {
    /// The longest that the fault may last.
    pub fn lease(&self) -> Duration {
        Duration::from_millis(self.lease_ms)
    }

    /// What the order asks for that can't be done anywhere, in words.
    ///
    /// # Errors
    /// A share outside 0 to 100 %, a lease of zero, a slot above 99, or an address that is not IPv4.
    pub fn check(&self) -> Result<(), String> {
        if self.lease_ms == 0 {
            return Err("a lease of 0 ms ends before it begins".into());
        }
        if self.slot > 99 {
            return Err(format!("slot {} is above 99", self.slot));
        }
        match &self.fault {
            Fault::Network(fault) => fault.check(),
            Fault::Process(fault) => fault.check(),
        }
    }
}

/// What is done to the target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// Needs the target's network namespace with NET_ADMIN and NET_RAW.
    Network(NetworkFault),
    /// Needs what [`ProcessFault`] says.
    Process(ProcessFault),
}

/// A run's name, short enough to be part of a chain's name: letters, digits and hyphens, at most 17 of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunTag(String);

/// A chain's name has 28 characters; `GD-`, a slot and a direction take 11 of them.
const LONGEST_TAG: usize = 17;

/// Not a run's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not 1 to {LONGEST_TAG} letters, digits and hyphens")]
pub struct NotATag(String);

impl TryFrom<String> for RunTag {
    type Error = NotATag;

    fn try_from(text: String) -> Result<Self, NotATag> {
        let fits = (1..=LONGEST_TAG).contains(&text.len());
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if fits && text.chars().all(plain) && !text.starts_with('-') {
            Ok(Self(text))
        } else {
            Err(NotATag(text))
        }
    }
}

impl std::str::FromStr for RunTag {
    type Err = NotATag;

    fn from_str(text: &str) -> Result<Self, NotATag> {
        Self::try_from(text.to_owned())
    }
}

impl From<RunTag> for String {
    fn from(tag: RunTag) -> Self {
        tag.0
    }
}

impl fmt::Display for RunTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_one_line() {
        let line = r#"{"run":"1124-102140-29107","lease_ms":60000,"fault":{"network":{"effect":
            {"delay":{"latency":"50ms"}},"peers":["10.0.0.2"],"ports":["5432","8000-8010"],"direction":"in"}}}"#;
        let order: Order = serde_json::from_str(line).unwrap();
        assert_eq!(order.check(), Ok(()));
        assert_eq!(order.lease(), Duration::from_secs(60));
        let again = serde_json::to_string(&order).unwrap();
        assert!(!again.contains('\n'));
        assert_eq!(serde_json::from_str::<Order>(&again).unwrap(), order);
    }

    #[test]
    fn what_can_not_be_done_is_refused_in_words() {
        let order = |fault: &str, lease: u64| {
            let line = format!(r#"{{"run":"r","lease_ms":{lease},"fault":{fault}}}"#);
            serde_json::from_str::<Order>(&line).unwrap().check()
        };
        let refused = |fault: &str, lease| order(fault, lease).unwrap_err();
        let loss = |percent: &str| {
            format!(r#"{{"network":{{"effect":{{"loss":{{"percent":{percent}}}}}}}}}"#)
        };
        assert_eq!(order(&loss("10"), 1), Ok(()));
        assert!(refused(&loss("10"), 0).contains("0 ms"));
        assert!(refused(&loss("101"), 1).contains("101"));
        assert!(refused(&loss("-1"), 1).contains("-1"));
        assert!(refused(r#"{"process":{"cpu-burn":{"threads":0}}}"#, 1).contains("0 threads"));
    }

    #[test]
    fn unknown_words_and_long_names_do_not_parse() {
        for line in [
            r#"{"run":"a_b","lease_ms":1,"fault":{"process":{"freeze":{}}}}"#,
            r#"{"run":"123456789012345678","lease_ms":1,"fault":{"process":{"freeze":{}}}}"#,
            r#"{"run":"r","lease_ms":1,"fault":{"process":{"melt":{}}}}"#,
            r#"{"run":"r","lease_ms":1,"haste":1,"fault":{"process":{"freeze":{}}}}"#,
            r#"{"run":"r","lease_ms":1,"fault":{"network":{"effect":{"partition":{}},"peers":["10.0.0.0/33"]}}}"#,
        ] {
            assert!(serde_json::from_str::<Order>(line).is_err(), "{line}");
        }
    }
}
