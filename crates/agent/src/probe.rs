//! Finds out which mechanisms work here, by using them. To be run in a network namespace of its own.

use lease::Ability;

use crate::{
    backend::Queue,
    command::{feed, run},
};

/// A queue that no agent uses: slots end at 99.
const QUEUE: u16 = 0x4744 + 100;

/// Tries each mechanism on the loopback and on rules of this network namespace, and undoes what it tried.
pub fn probe() -> Vec<Ability> {
    let rule = |table: &str, rule: &str| {
        let script = format!("*{table}\n:GD-PROBE - [0:0]\n-A GD-PROBE {rule}\nCOMMIT\n");
        let tried = feed(
            "iptables-legacy-restore",
            &["--noflush", "-w", "5"],
            &script,
        );
        let undo = format!("*{table}\n-F GD-PROBE\n-X GD-PROBE\nCOMMIT\n");
        let undone = feed("iptables-legacy-restore", &["--noflush", "-w", "5"], &undo);
        tried.and(undone).map(|_| format!("{table}: {rule}"))
    };
    let qdisc = |line: &str| {
        let words: Vec<_> = line.split(' ').collect();
        let tried = run(
            "tc",
            &[&["qdisc", "add", "dev", "lo", "root"], words.as_slice()].concat(),
        );
        tried
            .and_then(|_| run("tc", &["qdisc", "del", "dev", "lo", "root"]))
            .map(|_| format!("tc: {line}"))
    };
    let bound =
        Queue::bind(QUEUE, 1).map_err(|error| format!("can't bind a packet queue: {error}"));
    let queue = rule("mangle", "-j NFQUEUE --queue-num 1 --queue-bypass")
        .and_then(|how| bound.map(|_| how));
    let stop = "-m time --datestop 2030-01-01T00:00:00";
    let tried = [
        ("netem", qdisc("netem delay 1ms")),
        ("netem for some peers", qdisc("prio")),
        ("silence below IP", qdisc("pfifo limit 0")),
        ("nfqueue", queue),
        (
            "rules: partition",
            rule("mangle", &format!("{stop} -j DROP")),
        ),
        (
            "rules: loss",
            rule(
                "mangle",
                &format!("{stop} -m statistic --mode random --probability 0.1 -j DROP"),
            ),
        ),
        (
            "rules: reject",
            rule(
                "filter",
                &format!("-p tcp {stop} -j REJECT --reject-with tcp-reset"),
            ),
        ),
        (
            "ports",
            rule("mangle", "-p tcp -m multiport --ports 1,2:3 -j RETURN"),
        ),
        ("marks", rule("mangle", "-m mark --mark 0x1 -j RETURN")),
        (
            "forged answers",
            rule("raw", "-m mark --mark 0x1 -j CT --notrack"),
        ),
        (
            "reset",
            run("ss", &["-K", "-H", "dst", "192.0.2.1"]).map(|_| "ss -K".into()),
        ),
    ];
    let ability = |(name, tried): (&str, Result<String, String>)| Ability {
        name: name.into(),
        works: tried.is_ok(),
        how: tried.unwrap_or_else(|complaint| complaint),
    };
    tried.into_iter().map(ability).collect()
}
