//! Our own chains of rules, which carry the run's name. Nothing else is ever flushed, deleted or changed.

use std::{thread, time::Duration};

use crate::{Direction, NetworkFault, Order, RunTag, command};

/// The older interface: the newer one has no queue on kernels without its expression.
const SAVE: &str = "iptables-legacy-save";
const RESTORE: &str = "iptables-legacy-restore";
/// Agents in one namespace share no lock file; the kernel refuses a change that raced with another.
const ATTEMPTS: u32 = 8;

/// A table with a chain of ours for each direction.
#[derive(Debug, Clone)]
pub(crate) struct Chains {
    table: &'static str,
    tag: String,
    direction: Direction,
}

impl Chains {
    pub(crate) fn new(table: &'static str, order: &Order, direction: Direction) -> Self {
        Self {
            table,
            tag: format!("GD-{}-{}", order.run, order.slot),
            direction,
        }
    }

    /// Puts the chains in front of what is there, in one step. Rules without a chain's name, in order.
    ///
    /// # Errors
    /// When the kernel or the tool does not take them; nothing is changed then.
    pub(crate) fn install(&self, inward: &[String], outward: &[String]) -> Result<(), String> {
        let mut script = self.filled(inward, outward);
        for (hook, chain) in self.hooks() {
            script += &format!("-I {hook} 1 -j {chain}\n");
        }
        self.commit(&script)
    }

    /// Replaces the rules in the chains, in one step.
    ///
    /// # Errors
    /// As [`Self::install`].
    pub(crate) fn refill(&self, inward: &[String], outward: &[String]) -> Result<(), String> {
        self.commit(&self.filled(inward, outward))
    }

    /// Takes the chains and what leads to them away; fine when they are not there.
    ///
    /// # Errors
    /// When the kernel or the tool does not let go of them.
    pub(crate) fn remove(&self) -> Result<(), String> {
        let chains: Vec<_> = self.hooks().map(|(_, chain)| chain).collect();
        remove(|chain| chains.iter().any(|ours| ours == chain)).map(drop)
    }

    /// Packets that the rules have matched since they were last replaced.
    pub(crate) fn matched(&self) -> u64 {
        let listed = command::run(SAVE, &["-c", "-t", self.table]).unwrap_or_default();
        let lines = listed.lines().filter(|line| {
            self.hooks()
                .any(|(_, chain)| line.contains(&format!("-A {chain} ")))
        });
        lines
            .filter_map(|line| {
                line.strip_prefix('[')?
                    .split(':')
                    .next()?
                    .parse::<u64>()
                    .ok()
            })
            .sum()
    }

    fn hooks(&self) -> impl Iterator<Item = (&'static str, String)> {
        let inward = self.direction.inward().then_some(("INPUT", "IN"));
        let outward = self.direction.outward().then_some(("OUTPUT", "OUT"));
        let named = |(hook, end): (_, &str)| (hook, format!("{}-{end}", self.tag));
        inward.into_iter().chain(outward).map(named)
    }

    fn filled(&self, inward: &[String], outward: &[String]) -> String {
        let mut script = String::new();
        for (hook, chain) in self.hooks() {
            script += &format!(":{chain} - [0:0]\n");
            let rules = if hook == "INPUT" { inward } else { outward };
            for rule in rules {
                script += &format!("-A {chain} {rule}\n");
            }
        }
        script
    }

    fn commit(&self, script: &str) -> Result<(), String> {
        restore(&format!("*{}\n{script}COMMIT\n", self.table))
    }
}

/// Removes every chain that a run left in this namespace, and names them.
///
/// # Errors
/// When the kernel or the tool does not let go of them.
pub(crate) fn sweep(run: &RunTag) -> Result<Vec<String>, String> {
    remove(|chain| belongs(chain, run))
}

/// Whether a chain is one of the run's: `GD-<run>-<slot>-IN` or `-OUT`.
fn belongs(chain: &str, run: &RunTag) -> bool {
    let rest = chain.strip_prefix(&format!("GD-{run}-"));
    let slot = rest.and_then(|rest| rest.strip_suffix("-IN").or(rest.strip_suffix("-OUT")));
    slot.is_some_and(|slot| !slot.is_empty() && slot.bytes().all(|b| b.is_ascii_digit()))
}

fn remove(ours: impl Fn(&str) -> bool) -> Result<Vec<String>, String> {
    let (script, removed) = removal(&command::run(SAVE, &[])?, ours);
    if !removed.is_empty() {
        restore(&script)?;
    }
    Ok(removed)
}

/// The script that removes our chains from the tables as they are listed, and the chains' names.
fn removal(listed: &str, ours: impl Fn(&str) -> bool) -> (String, Vec<String>) {
    let (mut script, mut removed) = (String::new(), Vec::new());
    for table in listed.split("\nCOMMIT") {
        let Some(begin) = table.find('*') else {
            continue;
        };
        let lines = || table[begin..].lines();
        let declared = lines().filter_map(|line| line.strip_prefix(':')?.split(' ').next());
        let chains: Vec<_> = declared.filter(|chain| ours(chain)).collect();
        if chains.is_empty() {
            continue;
        }
        script += &format!("{}\n", lines().next().unwrap_or_default());
        for rule in lines().filter_map(|line| line.strip_prefix("-A ")) {
            let target = rule.rsplit(' ').next().unwrap_or_default();
            if chains.contains(&target) {
                script += &format!("-D {rule}\n");
            }
        }
        for chain in chains {
            script += &format!("-F {chain}\n-X {chain}\n");
            removed.push(chain.to_owned());
        }
        script += "COMMIT\n";
    }
    (script, removed)
}

fn restore(script: &str) -> Result<(), String> {
    let mut attempt = 1;
    loop {
        match command::feed(RESTORE, &["--noflush", "-w", "5"], script) {
            Err(error) if attempt < ATTEMPTS && error.contains("temporarily") => {
                thread::sleep(Duration::from_millis(5 << attempt));
                attempt += 1;
            }
            done => return done.map(drop),
        }
    }
}

/// What a packet has to be like, once for each rule: by peer, and by port for TCP and UDP.
pub(crate) fn matches(fault: &NetworkFault, inward: bool) -> Vec<String> {
    let side = if inward { "-s" } else { "-d" };
    let mut peers: Vec<_> = fault
        .peers
        .iter()
        .map(|net| format!("{side} {net}"))
        .collect();
    if peers.is_empty() {
        peers.push(String::new());
    }
    if fault.ports.is_empty() {
        return peers;
    }
    let ports: Vec<_> = fault
        .ports
        .iter()
        .map(|range| range.to_string().replace('-', ":"))
        .collect();
    let ports = ports.join(",");
    let mut matches = Vec::new();
    for peer in peers {
        for protocol in ["tcp", "udp"] {
            matches.push(format!("{peer} -p {protocol} -m multiport --ports {ports}"));
        }
    }
    matches
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTED: &str = "# Generated\n*mangle\n:PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:GD-r-1-IN - [0:0]\n\
        :GD-r-1-2-IN - [0:0]\n:OTHER - [0:0]\n-A INPUT -j GD-r-1-IN\n-A INPUT -s 10.0.0.1/32 -j OTHER\n\
        -A GD-r-1-IN -s 10.0.0.2/32 -j NFQUEUE --queue-num 1 --queue-bypass\nCOMMIT\n# Completed\n\
        *filter\n:INPUT ACCEPT [0:0]\n-A INPUT -s 10.0.0.9/32 -j DROP\nCOMMIT\n";

    #[test]
    fn only_a_runs_own_chains_and_jumps_go() {
        let run: RunTag = "r".parse().unwrap();
        let (script, removed) = removal(LISTED, |chain| belongs(chain, &run));
        assert_eq!(removed, ["GD-r-1-IN"]);
        assert_eq!(
            script,
            "*mangle\n-D INPUT -j GD-r-1-IN\n-F GD-r-1-IN\n-X GD-r-1-IN\nCOMMIT\n"
        );
        let other: RunTag = "r-1".parse().unwrap();
        assert_eq!(
            removal(LISTED, |chain| belongs(chain, &other)).1,
            ["GD-r-1-2-IN"]
        );
        let none: RunTag = "q".parse().unwrap();
        assert_eq!(removal(LISTED, |chain| belongs(chain, &none)).0, "");
        assert!(!belongs("GD-r--IN", &run) && !belongs("GD-r-1", &run) && !belongs("OTHER", &run));
    }

    #[test]
    fn a_rule_for_each_peer_and_protocol() {
        let fault = |peers, ports| {
            let line =
                format!(r#"{{"effect":{{"partition":{{}}}},"peers":{peers},"ports":{ports}}}"#);
            matches(&serde_json::from_str(&line).unwrap(), true)
        };
        assert_eq!(fault("[]", "[]"), [""]);
        assert_eq!(fault(r#"["10.0.0.2"]"#, "[]"), ["-s 10.0.0.2/32"]);
        assert_eq!(
            fault(r#"["10.0.0.2"]"#, r#"["53","80-90"]"#),
            [
                "-s 10.0.0.2/32 -p tcp -m multiport --ports 53,80:90",
                "-s 10.0.0.2/32 -p udp -m multiport --ports 53,80:90"
            ]
        );
    }
}
