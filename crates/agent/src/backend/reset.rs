//! Cuts the connections that live, once, by destroying the target's sockets.

use std::io;

use super::{Backend, Say};
use crate::{
    Ended, Event, Figures, NetworkFault, command,
    lifetime::{Lease, Wake},
};

/// The mechanism for one order.
pub(super) struct Reset {
    filter: String,
    cut: u64,
}

impl Reset {
    pub(super) fn new(fault: &NetworkFault) -> Self {
        let peers: Vec<_> = fault.peers.iter().map(|net| format!("dst {net}")).collect();
        let ends = |range: &crate::PortRange| {
            let (first, last) = (range.first(), range.last());
            format!(
                "( sport ge :{first} and sport le :{last} ) or ( dport ge :{first} and dport le :{last} )"
            )
        };
        let ports: Vec<_> = fault.ports.iter().map(ends).collect();
        let groups = [peers, ports].into_iter().filter(|group| !group.is_empty());
        let groups: Vec<_> = groups
            .map(|group| format!("( {} )", group.join(" or ")))
            .collect();
        Self {
            filter: groups.join(" and "),
            cut: 0,
        }
    }
}

impl Backend for Reset {
    fn apply(&mut self) -> Result<String, String> {
        // Prints what it destroyed.
        let cut = command::run(
            "ss",
            &["-K", "-H", "-t", "-n", "state", "connected", &self.filter],
        )?;
        self.cut = cut.lines().filter(|line| !line.trim().is_empty()).count() as u64;
        Ok(format!("{} sockets of the target destroyed", self.cut))
    }

    fn hold(&mut self, lease: &Lease, say: Say) -> io::Result<Ended> {
        say(&Event::Measured {
            what: "connections cut".into(),
            expected: None,
            seen: self.cut as f64,
            unit: "connections".into(),
        });
        loop {
            if let Wake::Ended(ended) = lease.wait(None, None)? {
                return Ok(ended);
            }
        }
    }

    fn heal(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn figures(&self) -> Figures {
        Figures {
            packets: 0,
            affected: self.cut,
            ..Figures::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peers_and_ports_both_have_to_fit() {
        let fault = r#"{"effect":{"reset":{}},"peers":["10.0.0.2","10.1.0.0/16"],"ports":["80"]}"#;
        let reset = Reset::new(&serde_json::from_str(fault).unwrap());
        assert_eq!(
            reset.filter,
            "( dst 10.0.0.2/32 or dst 10.1.0.0/16 ) and \
             ( ( sport ge :80 and sport le :80 ) or ( dport ge :80 and dport le :80 ) )"
        );
        let all = r#"{"effect":{"reset":{}}}"#;
        assert_eq!(Reset::new(&serde_json::from_str(all).unwrap()).filter, "");
    }
}
