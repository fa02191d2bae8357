//! A queueing discipline of the kernel on what leaves the target.
//!
//! It does not end with the agent: what a killed one leaves has to be swept.

use std::io;

use super::{
    Backend, Say,
    netem_args::{filters, options},
    proof::Proof,
    roots::{self, HANDLE},
};
use crate::{
    Ended, NetworkFault, command,
    lifetime::{Lease, Wake},
};

/// The mechanism for one order.
pub(super) struct Netem {
    fault: NetworkFault,
    proof: Proof,
    /// Whether a root may be ours to take back.
    on: bool,
}

impl Netem {
    pub(super) fn new(fault: &NetworkFault) -> Self {
        Self {
            fault: fault.clone(),
            proof: Proof::new(fault),
            on: false,
        }
    }

    /// With peers or ports, what does not match goes through the first band of three, untouched.
    fn put(&self, device: &str) -> Result<(), String> {
        let options = options(&self.fault.effect);
        let filters = filters(&self.fault);
        let netem = |parent: &[&str]| {
            let words = [&["qdisc", "add", "dev", device], parent, &["netem"]].concat();
            let words: Vec<_> = words
                .into_iter()
                .chain(options.iter().map(String::as_str))
                .collect();
            command::run("tc", &words).map(drop)
        };
        if filters.is_empty() {
            return netem(&["root", "handle", HANDLE]);
        }
        let tree = "bands 3 priomap 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0".split(' ');
        let root = [
            "qdisc", "add", "dev", device, "root", "handle", HANDLE, "prio",
        ];
        let root: Vec<_> = root.into_iter().chain(tree).collect();
        command::run("tc", &root)?;
        netem(&["parent", "4744:3", "handle", "4745:"])?;
        for filter in filters {
            let head = "filter add dev DEVICE parent 4744: protocol ip prio 1 u32";
            let line = format!("{} {filter} flowid 4744:3", head.replace("DEVICE", device));
            command::run("tc", &line.split_whitespace().collect::<Vec<_>>())?;
        }
        Ok(())
    }
}

impl Backend for Netem {
    fn apply(&mut self) -> Result<String, String> {
        let devices = roots::free()?;
        self.proof.before();
        self.on = true;
        for device in &devices {
            self.put(device)?;
        }
        Ok(format!(
            "netem on {} devices; not taken back when the agent is killed",
            devices.len()
        ))
    }

    fn hold(&mut self, lease: &Lease, say: Say) -> io::Result<Ended> {
        let watching = self.proof.watch(say);
        loop {
            if let Wake::Ended(ended) = lease.wait(None, None)? {
                drop(watching);
                return Ok(ended);
            }
        }
    }

    fn heal(&mut self) -> Result<(), String> {
        match self.on {
            true => roots::sweep().map(drop),
            false => Ok(()),
        }
    }

    fn fail_open(&self) -> bool {
        false
    }
}
