//! The state of a target that a fault may touch, as lines that can be compared.

use std::{collections::BTreeSet, fmt::Write, fs};

use sha2::{Digest as _, Sha256};

use crate::{Fault, command};

/// Most differences that are named.
const NAMED: usize = 10;

/// The state at one moment: rules of all tables, queueing disciplines, addresses and routes for a network fault;
/// stopped processes for the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Digest {
    /// Rules, queueing disciplines, processes.
    lines: Vec<String>,
    /// Addresses and routes.
    listed: Vec<String>,
    /// Addresses that VRRP had given the target at that moment.
    floating: BTreeSet<String>,
}

impl Digest {
    /// Looks at what the fault may touch.
    ///
    /// # Errors
    /// When a tool that lists it fails.
    pub(crate) fn take(fault: &Fault) -> Result<Self, String> {
        match fault {
            Fault::Network(_) => Self::of_network(),
            Fault::Process(_) => Ok(Self::listing(stopped(), "", "")),
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
        Ok(Self::listing(lines, &addresses, &routes))
    }

    /// The lines of a state, and what `ip` says of addresses and routes.
    fn listing(lines: Vec<String>, addresses: &str, routes: &str) -> Self {
        let listed = addresses.lines().chain(routes.lines()).map(steady);
        let floating = addresses.lines().filter_map(floating).map(Into::into);
        Self {
            lines,
            listed: listed.collect(),
            floating: floating.collect(),
        }
    }

    /// Two states of one target as they can be compared: without the addresses, and routes to them, that VRRP had given it
    /// in either. That such an address left or came is what the target's neighbours did about a fault, and nothing that the
    /// fault left behind; and a target may hold it on another device as well, which stays.
    pub(crate) fn comparable(one: &Self, other: &Self) -> (Self, Self) {
        let floating: BTreeSet<_> = one.floating.union(&other.floating).collect();
        let names_none = |line: &&String| {
            let mut words = line.split_whitespace();
            let address = |word: &str| word.split('/').next().unwrap_or(word).to_owned();
            !words.any(|word| floating.contains(&address(word)))
        };
        let settled = |of: &Self| Self {
            lines: of.lines.clone(),
            listed: of.listed.iter().filter(names_none).cloned().collect(),
            floating: BTreeSet::new(),
        };
        (settled(one), settled(other))
    }

    fn all(&self) -> impl Iterator<Item = &String> {
        self.lines.iter().chain(&self.listed)
    }

    /// A short name of the state: equal states have equal names.
    pub(crate) fn name(&self) -> String {
        let all: Vec<_> = self.all().map(String::as_str).collect();
        let hash = Sha256::digest(all.join("\n"));
        hash[..8].iter().fold(String::new(), |mut name, byte| {
            // Writing to a string can't fail.
            let _ = write!(name, "{byte:02x}");
            name
        })
    }

    /// Lines that only one of the two has, marked - (gone) or + (new).
    pub(crate) fn differences(&self, after: &Self) -> Vec<String> {
        let (then, now): (BTreeSet<_>, BTreeSet<_>) = (self.all().collect(), after.all().collect());
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
        let of = |rules: &[&str]| {
            Digest::listing(rules.iter().copied().map(Into::into).collect(), "", "")
        };
        let before = of(&["filter -A INPUT -j X"]);
        let after = of(&["filter -A INPUT -j X", "mangle :GD-r-0-IN -"]);
        assert_ne!(before.name(), after.name());
        assert_eq!(before.differences(&after), ["+ mangle :GD-r-0-IN -"]);
        assert_eq!(after.differences(&before), ["- mangle :GD-r-0-IN -"]);
        assert_eq!(before.name(), before.clone().name());
    }

    const OWN: &str = r"7: eth0 inet 10.0.0.12/24 brd 10.0.0.255 scope global eth0\";
    const MOVED: &str = r"7: eth0 inet 10.0.0.100/24 scope global secondary proto 0x12 eth0\";
    const KEPT: &str = r"1: lo inet 10.0.0.100/32 scope global lo\";

    fn on(device: &str, address: &str) -> String {
        format!("local {address} dev {device} table local proto kernel scope host src 10.0.0.12")
    }

    /// What two states differ in.
    fn differ(before: [&str; 2], after: [&str; 2]) -> Vec<String> {
        let of = |[addresses, routes]: [&str; 2]| Digest::listing(vec![], addresses, routes);
        let (before, after) = Digest::comparable(&of(before), &of(after));
        before.differences(&after)
    }

    #[test]
    fn an_address_that_moves_by_itself_is_left_out_and_any_other_is_not() {
        let by_hand = r"7: eth0 inet 10.0.0.9/24 scope global secondary eth0\";
        let (own, moved) = (on("eth0", "10.0.0.12"), on("eth0", "10.0.0.100"));
        let holder = [&format!("{OWN}\n{MOVED}"), &format!("{own}\n{moved}")];
        let holder = holder.map(String::as_str);
        assert_eq!(differ(holder, [OWN, &own]), [""; 0]);
        assert_eq!(differ([OWN, &own], holder), [""; 0]);
        let left = [
            &format!("{OWN}\n{by_hand}"),
            &format!("{own}\n{}", on("eth0", "10.0.0.9")),
        ];
        assert_eq!(
            differ(holder, left.map(String::as_str)),
            [
                format!("+ {by_hand}"),
                format!("+ {}", on("eth0", "10.0.0.9"))
            ]
        );
    }

    #[test]
    fn an_address_that_moves_is_left_out_wherever_else_the_target_holds_it() {
        let routes = format!("{}\n{}", on("eth0", "10.0.0.12"), on("lo", "10.0.0.100"));
        let holder = format!("{OWN}\n{MOVED}\n{KEPT}");
        let gave_up = format!("{OWN}\n{KEPT}");
        assert_eq!(differ([&holder, &routes], [&gave_up, &routes]), [""; 0]);
        assert_eq!(differ([&gave_up, &routes], [&holder, &routes]), [""; 0]);
        // Where nobody moved it, it was lost.
        assert_eq!(
            differ([&gave_up, &routes], [OWN, &routes]),
            [format!("- {KEPT}")]
        );
        let rule = "filter -A INPUT -d 10.0.0.100/32 -j DROP";
        let before = Digest::listing(vec![], &holder, &routes);
        let after = Digest::listing(vec![rule.into()], &gave_up, &routes);
        let (before, after) = Digest::comparable(&before, &after);
        assert_eq!(before.differences(&after), [format!("+ {rule}")]);
    }

    #[test]
    fn an_addresss_countdown_is_left_out() {
        let line = r"2: eth0 inet 10.0.0.2/24 scope global eth0\       valid_lft 300sec preferred_lft 300sec";
        assert_eq!(steady(line), r"2: eth0 inet 10.0.0.2/24 scope global eth0\");
    }
}
