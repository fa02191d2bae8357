//! A queueing discipline of the kernel on what leaves the target.
//!
//! It does not end with the agent: what a killed one leaves has to be swept. It is recognised by its handle, and
//! only taken where nothing but the kernel's default stands.

use std::io;

use super::{
    Backend, Say,
    netem_args::{filters, options},
    proof::Proof,
};
use crate::{
    Ended, NetworkFault, command,
    lifetime::{Lease, Wake},
};

/// The handle of our root ("GD").
const HANDLE: &str = "4744:";
/// What the kernel puts there itself, and what Docker leaves as it is.
const DEFAULTS: [&str; 4] = ["noqueue", "pfifo_fast", "fq_codel", "mq"];

/// The mechanism for one order.
pub(super) struct Netem {
    fault: NetworkFault,
    proof: Proof,
}

impl Netem {
    pub(super) fn new(fault: &NetworkFault) -> Self {
        Self {
            fault: fault.clone(),
            proof: Proof::new(fault),
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
        let roots = roots(&command::run("tc", &["qdisc", "show"])?);
        for (device, kind) in &roots {
            if !DEFAULTS.contains(&kind.as_str()) {
                return Err(format!(
                    "{device} has a queueing discipline of somebody else, {kind}"
                ));
            }
        }
        self.proof.before();
        for (device, _) in &roots {
            self.put(device)?;
        }
        Ok(format!(
            "netem on {} devices; not taken back when the agent is killed",
            roots.len()
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
        sweep().map(drop)
    }

    fn fail_open(&self) -> bool {
        false
    }
}

/// Removes roots with our handle, and names their devices.
///
/// # Errors
/// When the kernel does not let go of one.
pub(crate) fn sweep() -> Result<Vec<String>, String> {
    let listed = command::run("tc", &["qdisc", "show"])?;
    let mut swept = Vec::new();
    for device in ours(&listed) {
        command::run(
            "tc",
            &["qdisc", "del", "dev", &device, "root", "handle", HANDLE],
        )?;
        swept.push(device);
    }
    Ok(swept)
}

/// Each device but the loopback with the kind of its root: `qdisc noqueue 0: dev eth0 root refcnt 2`.
fn roots(listed: &str) -> Vec<(String, String)> {
    let rooted = listed.lines().filter(|line| line.contains(" root "));
    let words = rooted.map(|line| line.split(' ').collect::<Vec<_>>());
    words
        .filter(|words| words.len() > 4 && words[4] != "lo")
        .map(|words| (words[4].to_owned(), words[1].to_owned()))
        .collect()
}

fn ours(listed: &str) -> Vec<String> {
    let lines = listed.lines().filter(|line| line.contains(" root "));
    let words = lines.map(|line| line.split(' ').collect::<Vec<_>>());
    let ours = words.filter(|words| words.len() > 4 && words[2] == HANDLE);
    ours.map(|words| words[4].to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_root_is_seen_and_never_taken_for_ours() {
        let listed = "qdisc noqueue 0: dev lo root refcnt 2\nqdisc tbf 8001: dev eth0 root refcnt 2 rate 1Mbit\n\
            qdisc netem 4744: dev eth1 root refcnt 2 limit 1000 delay 50ms\nqdisc netem 4745: dev eth2 parent 4744:3 limit 9\n";
        assert_eq!(
            roots(listed),
            [
                ("eth0".into(), "tbf".into()),
                ("eth1".into(), "netem".into())
            ]
        );
        assert_eq!(ours(listed), ["eth1"]);
    }
}
