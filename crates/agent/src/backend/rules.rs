//! Rules of the kernel that need no help, each with a stop date that the living agent moves on.
//!
//! The kernel compares a stop date in whole seconds: a rule with the date of this second acts until the second is
//! over. The agent moves it on just before that, so a killed agent's fault lasts 1.08 s at most.

use std::{io, time::Duration};

use super::{
    Backend, Say,
    chains::{Chains, matches},
    proof::Proof,
};
use crate::{
    Effect, Ended, Figures, NetworkFault, Order, clock,
    lifetime::{Lease, Wake},
};

/// How long before a second is over the stop date is moved on: several times what that takes.
const AHEAD: Duration = Duration::from_millis(80);

/// The mechanism for one order.
pub(super) struct Rules {
    fault: NetworkFault,
    chains: Chains,
    proof: Proof,
    figures: Figures,
}

impl Rules {
    pub(super) fn new(order: &Order, fault: &NetworkFault) -> Self {
        // REJECT exists in the filter table only.
        let table = if fault.effect == (Effect::Reject {}) {
            "filter"
        } else {
            "mangle"
        };
        Self {
            fault: fault.clone(),
            chains: Chains::new(table, order, fault.direction),
            proof: Proof::new(fault),
            figures: Figures::default(),
        }
    }

    fn rules(&self, inward: bool) -> Vec<String> {
        // What is left of this second, or the next one when this is nearly over.
        let stop = (clock::wall() + AHEAD + AHEAD / 2).as_secs();
        let stop = format!("-m time --datestop {}", date(stop));
        let mut rules = Vec::new();
        for matching in matches(&self.fault, inward) {
            let rule = format!("{matching} {stop}");
            match &self.fault.effect {
                Effect::Loss { percent, .. } => {
                    let share = percent / 100.0;
                    rules.push(format!(
                        "{rule} -m statistic --mode random --probability {share:.9} -j DROP"
                    ));
                }
                Effect::Reject {} if matching.contains("-p udp") => {
                    rules.push(format!("{rule} -j REJECT"))
                }
                Effect::Reject {} if matching.contains("-p tcp") => {
                    rules.push(format!("{rule} -j REJECT --reject-with tcp-reset"));
                }
                Effect::Reject {} => {
                    rules.push(format!("-p tcp {rule} -j REJECT --reject-with tcp-reset"));
                    rules.push(format!("{rule} -j REJECT"));
                }
                _ => rules.push(format!("{rule} -j DROP")),
            }
        }
        rules
    }

    fn count(&mut self) {
        let matched = self.chains.matched();
        self.figures.packets += matched;
        self.figures.affected += matched;
    }
}

impl Backend for Rules {
    fn apply(&mut self) -> Result<String, String> {
        self.proof.before();
        self.chains.install(&self.rules(true), &self.rules(false))?;
        Ok("rules that stop by themselves within 1.1 s when the agent is gone".into())
    }

    fn hold(&mut self, lease: &Lease, say: Say) -> io::Result<Ended> {
        let watching = self.proof.watch(say);
        loop {
            let into = Duration::from_nanos(u64::from((clock::wall() + AHEAD).subsec_nanos()));
            let next = clock::now() + Duration::from_secs(1) - into;
            if let Wake::Ended(ended) = lease.wait(None, Some(next))? {
                self.count();
                drop(watching);
                return Ok(ended);
            }
            // Counted once before they are replaced, though the count is a few milliseconds old.
            self.count();
            self.chains
                .refill(&self.rules(true), &self.rules(false))
                .map_err(io::Error::other)?;
        }
    }

    fn heal(&mut self) -> Result<(), String> {
        self.chains.remove()
    }

    fn figures(&self) -> Figures {
        self.figures
    }
}

/// A moment in seconds since the Unix epoch, as xt_time takes it: UTC (days to dates after Hinnant, "chrono-compatible
/// low-level date algorithms").
fn date(unix_s: u64) -> String {
    let (days, second) = (unix_s / 86_400 + 719_468, unix_s % 86_400);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let shifted = (5 * day + 2) / 153;
    let (day, month) = (day - (153 * shifted + 2) / 5 + 1, (shifted + 2) % 12 + 1);
    let year = year + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(date(0), "1970-01-01T00:00:00");
        assert_eq!(date(951_782_399), "2000-02-28T23:59:59");
        assert_eq!(date(951_782_400), "2000-02-29T00:00:00");
        assert_eq!(date(1_795_515_265), "2026-11-24T10:14:25");
        assert_eq!(date(1_798_761_600), "2027-01-01T00:00:00");
    }

    #[test]
    fn every_rule_stops() {
        for effect in [
            r#"{"partition":{}}"#,
            r#"{"reject":{}}"#,
            r#"{"loss":{"percent":1}}"#,
        ] {
            let line = format!(
                r#"{{"run":"r","lease_ms":1,"fault":{{"network":{{"effect":{effect}}}}}}}"#
            );
            let order: Order = serde_json::from_str(&line).unwrap();
            let crate::Fault::Network(fault) = &order.fault else {
                unreachable!()
            };
            let rules = Rules::new(&order, fault).rules(true);
            assert!(
                rules.iter().all(|rule| rule.contains("--datestop 2")),
                "{rules:?}"
            );
        }
    }
}
