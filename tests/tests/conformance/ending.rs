//! How an agent ends, and what it does not touch.

use std::time::Duration;

use lease::{Ended, Event};
use serde_json::{Value, json};

use super::{
    stand::{Held, Stand, docker},
    suite::{Finding, finding, lines},
    table::{Row, Table},
};

/// Runs every case and writes its lines.
pub(crate) fn run(stand: &Stand, table: &mut Table) {
    let cases: [(&str, &str, Finding); 4] = [
        ("lease", "1,500 ms, nobody lets go", deadline(stand)),
        ("stop", "SIGTERM", signal(stand)),
        ("leak", "a rule appears under the fault", leak(stand)),
        ("foreign qdisc", "netem beside a tbf", foreign_qdisc(stand)),
    ];
    for (fault, asked, found) in cases {
        let head = Row {
            backend: "agent",
            fault: fault.into(),
            asked: asked.into(),
            ..Row::default()
        };
        lines(
            table,
            head,
            vec![found],
            (String::new(), String::new()),
            true,
        );
    }
}

fn partition(stand: &Stand) -> Value {
    let peers = [stand.address("other")];
    json!({ "network": { "effect": { "partition": {} }, "peers": peers } })
}

/// How it ended, in words.
fn words(last: Option<&Event>, code: Option<i32>) -> String {
    let code = code.map_or("by a signal".into(), |code| code.to_string());
    ended(last).map_or("not healed".into(), |ended| {
        format!("{ended:?}, exit {code}")
    })
}

fn ended(event: Option<&Event>) -> Option<Ended> {
    match event {
        Some(Event::Healed { ended, .. }) => Some(*ended),
        _ => None,
    }
}

fn deadline(stand: &Stand) -> Finding {
    let lease = Duration::from_millis(1500);
    let held = stand.hold_for(&stand.in_network(), &partition(stand), lease);
    let (last, code) = held.wait();
    let held = ended(last.as_ref()) == Some(Ended::Deadline) && code == Some(0);
    finding(words(last.as_ref(), code), "Deadline, exit 0", held)
}

fn signal(stand: &Stand) -> Finding {
    let held = stand.hold(&stand.in_network(), &partition(stand));
    docker(&["kill", "--signal", "TERM", held.name()]);
    let (last, code) = Held::wait(held);
    let held = ended(last.as_ref()) == Some(Ended::Signal) && code == Some(0);
    finding(words(last.as_ref(), code), "Signal, exit 0", held)
}

/// Somebody adds a rule while the fault is on: the agent must not call that as it was.
fn leak(stand: &Stand) -> Finding {
    let rule = |verb: &str| {
        let line = format!("iptables-legacy -w 5 {verb} INPUT -s 192.0.2.98/32 -j DROP");
        stand.helper("near", "sh", &["-c", &line]);
    };
    let held = stand.hold(&stand.in_network(), &partition(stand));
    rule("-A");
    let (last, code) = held.let_go();
    rule("-D");
    let named = match &last {
        Some(Event::Healed { differences, .. }) => differences.join("; "),
        _ => String::new(),
    };
    let held = code == Some(1) && named == "+ filter -A INPUT -s 192.0.2.98/32 -j DROP";
    finding(
        format!("exit {}: {named}", code.unwrap_or(-1)),
        "exit 1, the rule by name",
        held,
    )
}

/// A queueing discipline of somebody else is neither used nor replaced, with netem in the kernel or without.
fn foreign_qdisc(stand: &Stand) -> Finding {
    let tc = |words: &str| stand.helper("near", "tc", &words.split(' ').collect::<Vec<_>>());
    tc("qdisc add dev eth0 root tbf rate 1gbit burst 1mbit latency 50ms");
    let effect = json!({ "delay": { "latency": "50ms" } });
    let fault = json!({ "network": { "effect": effect, "direction": "out", "backend": "netem" } });
    let held = stand.hold(&stand.in_network(), &fault);
    let reason = match &held.first {
        Event::Refused { reason } => reason.clone(),
        other => format!("{other:?}"),
    };
    let code = held.wait().1;
    let stands = tc("qdisc show dev eth0").contains("tbf");
    tc("qdisc del dev eth0 root");
    let held = code == Some(69) && reason.contains("somebody else") && stands;
    finding(format!("refused: {reason}"), "refused, and it stays", held)
}
