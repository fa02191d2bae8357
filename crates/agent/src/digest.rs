//! The state of a target that a fault may touch, as lines that can be compared.

use std::{collections::BTreeSet, fmt::Write, fs};

use sha2::{Digest as _, Sha256};

use crate::{Fault, command};

/// Most differences that are named.
const NAMED: usize = 10;

/// The state at one moment: rules of all tables, queueing disciplines, addresses and routes for a network fault;
/// stopped processes for the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Digest(Vec<String>);

impl Digest {
    /// Looks at what the fault may touch.
    ///
    /// # Errors
    /// When a tool that lists it fails.
    pub(crate) fn take(fault: &Fault) -> Result<Self, String> {
        match fault {
            Fault::Network(_) => Self::of_network(),
            Fault::Process(_) => Ok(Self(stopped())),
        }
    }

    pub(crate) fn of_network() -> Result<Self, String> {
        let mut lines = rules(&command::run("iptables-legacy-save", &[])?);
        // Without IPv6 in the kernel there are no such rules.
        lines.extend(rules(
            &command::run("ip6tables-legacy-save", &[]).unwrap_or_default(),
        ));
        let qdiscs = command::run("tc", &["qdisc", "show"])?;
        lines.extend(qdiscs.lines().map(steady));
        let addresses = command::run("ip", &["-oneline", "address", "show"])?;
        let routes = command::run("ip", &["-oneline", "route", "show", "table", "all"])?;
        lines.extend(settled(&addresses, &routes));
        Ok(Self(lines))
    }

    /// A short name of the state: equal states have equal names.
    pub(crate) fn name(&self) -> String {
        let hash = Sha256::digest(self.0.join("\n"));
        hash[..8].iter().fold(String::new(), |mut name, byte| {
            // Writing to a string can't fail.
            let _ = write!(name, "{byte:02x}");
            name
        })
    }

    /// Lines that only one of the two has, marked - (gone) or + (new).
    pub(crate) fn differences(&self, after: &Self) -> Vec<String> {
        let (then, now): (BTreeSet<_>, BTreeSet<_>) =
            (self.0.iter().collect(), after.0.iter().collect());
        let gone = then.difference(&now).map(|line| format!("- {line}"));
        let new = now.difference(&then).map(|line| format!("+ {line}"));
        gone.chain(new).take(NAMED).collect()
    }
}

/// Rules and chains without counters. A table that is loaded and empty is like one that is not loaded.
fn rules(listed: &str) -> Vec<String> {
    let (mut table, mut lines) = ("", Vec::new());
    for line in listed.lines() {
        if let Some(name) = line.strip_prefix('*') {
            table = name;
        } else if line.starts_with("-A") {
            lines.push(format!("{table} {line}"));
        } else if let Some(chain) = line.strip_prefix(':') {
            let chain = chain.split(" [").next().unwrap_or(chain);
            if !chain.ends_with(" ACCEPT") {
                lines.push(format!("{table} :{chain}"));
            }
        }
    }
    lines
}

/// Addresses and routes without those of an address that VRRP moves: that it left is what the target's neighbours did
/// about a fault, and nothing that the fault left behind.
fn settled(addresses: &str, routes: &str) -> Vec<String> {
    let floating: BTreeSet<_> = addresses.lines().filter_map(floating).collect();
    let names_none = |line: &&str| {
        let mut words = line.split_whitespace();
        !words.any(|word| floating.contains(word.split('/').next().unwrap_or(word)))
    };
    let lines = addresses.lines().chain(routes.lines());
    lines.filter(names_none).map(steady).collect()
}

/// The address of a line that keepalived has set: its protocol has the number 18 (`RTPROT_KEEPALIVED` of
/// `linux/rtnetlink.h`), for which not every system has the name.
fn floating(line: &str) -> Option<&str> {
    let words: Vec<_> = line.split_whitespace().collect();
    let after = |name: &str| {
        let at = words.iter().position(|word| *word == name)?;
        words.get(at + 1).copied()
    };
    let set_by = after("proto")?;
    let address = after("inet").or_else(|| after("inet6"))?;
    ["0x12", "18", "keepalived"]
        .contains(&set_by)
        .then(|| address.split('/').next().unwrap_or(address))
}

/// Without the remaining time of a leased address, which counts down.
fn steady(line: &str) -> String {
    line.split(" valid_lft")
        .next()
        .unwrap_or(line)
        .trim_end()
        .to_owned()
}

/// Processes of this PID namespace that are stopped or traced, by number and name.
fn stopped() -> Vec<String> {
    let numbered = fs::read_dir("/proc").into_iter().flatten().flatten();
    let stats = numbered.filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    let mut stopped: Vec<_> = stats
        .filter_map(|stat| {
            let (name, rest) = stat.rsplit_once(") ")?;
            let state = rest.chars().next()?;
            matches!(state, 'T' | 't').then(|| format!("process {name}) {state}"))
        })
        .collect();
    stopped.sort();
    stopped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loaded_table_without_rules_is_no_difference() {
        let empty = "*mangle\n:INPUT ACCEPT [3:9]\nCOMMIT\n";
        assert_eq!(rules(empty), Vec::<String>::new());
        let full = "*filter\n:INPUT DROP [1:2]\n:OURS - [0:0]\n-A INPUT -j OURS\nCOMMIT\n";
        assert_eq!(
            rules(full),
            [
                "filter :INPUT DROP",
                "filter :OURS -",
                "filter -A INPUT -j OURS"
            ]
        );
    }

    #[test]
    fn a_leak_is_named() {
        let before = Digest(vec!["filter -A INPUT -j X".into()]);
        let after = Digest(vec![
            "filter -A INPUT -j X".into(),
            "mangle :GD-r-0-IN -".into(),
        ]);
        assert_ne!(before.name(), after.name());
        assert_eq!(before.differences(&after), ["+ mangle :GD-r-0-IN -"]);
        assert_eq!(after.differences(&before), ["- mangle :GD-r-0-IN -"]);
        assert_eq!(before.name(), before.clone().name());
    }

    #[test]
    fn an_address_that_moves_by_itself_is_left_out_and_any_other_is_not() {
        let own = r"7: eth0 inet 10.0.0.12/24 brd 10.0.0.255 scope global eth0\";
        let moved = r"7: eth0 inet 10.0.0.100/24 scope global secondary proto 0x12 eth0\";
        let by_hand = r"7: eth0 inet 10.0.0.9/24 scope global secondary eth0\";
        let to = |address: &str| {
            format!("local {address} dev eth0 table local proto kernel scope host src 10.0.0.12")
        };
        let before = settled(
            &format!("{own}\n{moved}\n"),
            &format!("{}\n{}", to("10.0.0.12"), to("10.0.0.100")),
        );
        assert_eq!(before, [own.to_owned(), to("10.0.0.12")]);
        assert_eq!(before, settled(own, &to("10.0.0.12")));
        let after = settled(
            &format!("{own}\n{by_hand}"),
            &format!("{}\n{}", to("10.0.0.12"), to("10.0.0.9")),
        );
        let left = Digest(before).differences(&Digest(after));
        assert_eq!(
            left,
            [format!("+ {by_hand}"), format!("+ {}", to("10.0.0.9"))]
        );
    }

    #[test]
    fn an_addresss_countdown_is_left_out() {
        let line = r"2: eth0 inet 10.0.0.2/24 scope global eth0\       valid_lft 300sec preferred_lft 300sec";
        assert_eq!(steady(line), r"2: eth0 inet 10.0.0.2/24 scope global eth0\");
    }
}
