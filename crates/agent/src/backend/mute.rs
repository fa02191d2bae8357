//! A partition from everybody, below IP as well.
//!
//! The other mechanisms see packets of IP. Address resolution passes them, and so does what a daemon sends on a packet
//! socket: a member that nobody reaches goes on answering for its addresses, and one that runs VRRP, hearing nobody,
//! announces the others' as its own. Both draw traffic to it that a cut cable would not. So its devices send nothing at
//! all: a queue without a place, which every kernel has, drops each frame.
//!
//! Like netem's, that queue does not end with the agent: what a killed one leaves has to be swept.

use std::io;

use super::{
    Backend, Say,
    roots::{self, HANDLE},
};
use crate::{Effect, Ended, Figures, NetworkFault, command, lifetime::Lease};

/// Whether a fault is a partition from everybody that keeps in what the target sends.
pub(super) fn silences(fault: &NetworkFault) -> bool {
    let everybody = fault.peers.is_empty() && fault.ports.is_empty();
    fault.effect == (Effect::Partition {}) && everybody && fault.direction.outward()
}

/// A mechanism that does it for IP, and the silence around it.
pub(super) struct Mute {
    ip: Box<dyn Backend>,
    /// Whether a root may be ours to take back.
    on: bool,
}

impl Mute {
    pub(super) fn new(ip: Box<dyn Backend>) -> Self {
        Self { ip, on: false }
    }
}

impl Backend for Mute {
    fn apply(&mut self) -> Result<String, String> {
        let devices = roots::free()?;
        let how = self.ip.apply()?;
        self.on = true;
        for device in &devices {
            let words = "root handle HANDLE pfifo limit 0".replace("HANDLE", HANDLE);
            let words = ["qdisc", "add", "dev", device]
                .into_iter()
                .chain(words.split(' '));
            command::run("tc", &words.collect::<Vec<_>>())?;
        }
        Ok(format!(
            "{how}; {} devices send nothing at all, which a killed agent does not take back",
            devices.len()
        ))
    }

    fn hold(&mut self, lease: &Lease, say: Say) -> io::Result<Ended> {
        self.ip.hold(lease, say)
    }

    /// Address resolution first: what IP lets through again then finds its way at once.
    fn heal(&mut self) -> Result<(), String> {
        let heard = if self.on { roots::sweep() } else { Ok(vec![]) };
        heard.map(drop).and(self.ip.heal())
    }

    fn figures(&self) -> Figures {
        self.ip.figures()
    }

    fn fail_open(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_partition_from_everybody_is_silent_below_ip() {
        let silent = |fault: &str| silences(&serde_json::from_str(fault).unwrap());
        assert!(silent(r#"{"effect":{"partition":{}},"direction":"both"}"#));
        assert!(silent(r#"{"effect":{"partition":{}},"direction":"out"}"#));
        for fault in [
            r#"{"effect":{"partition":{}},"direction":"in"}"#,
            r#"{"effect":{"partition":{}},"direction":"both","peers":["10.0.0.2"]}"#,
            r#"{"effect":{"partition":{}},"direction":"both","ports":["80"]}"#,
            r#"{"effect":{"loss":{"percent":100}},"direction":"both"}"#,
        ] {
            assert!(!silent(fault), "{fault}");
        }
    }
}
