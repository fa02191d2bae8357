//! A partition from everybody, below IP: whether its neighbours still find the target's address.

use lease::Event;
use serde_json::json;

use super::{
    stand::Stand,
    suite::{self, digest, finding, lines},
    table::{Row, Table, Verdict},
};

/// Both mechanisms that cut both ways.
pub(crate) fn run(stand: &Stand, table: &mut Table) {
    for backend in ["nfqueue", "rules"] {
        silence(stand, backend, table);
    }
}

fn silence(stand: &Stand, backend: &'static str, table: &mut Table) {
    let network = json!({ "effect": { "partition": {} }, "direction": "both", "backend": backend });
    let fault = json!({ "network": network });
    let head = Row {
        backend,
        fault: "partition".into(),
        asked: "from everybody".into(),
        ..Row::default()
    };
    let before = found(stand);
    let held = stand.hold(&stand.in_network(), &fault);
    if let Event::Refused { reason } = &held.first {
        let measured = format!("refused: {reason}");
        table.0.push(Row {
            measured,
            verdict: Verdict::NotAvailable,
            ..head
        });
        return;
    }
    let under = found(stand);
    let (let_go, same) = digest(held.let_go().0.as_ref());
    let after = found(stand);
    let killed = stand.hold(&stand.in_network(), &fault);
    let process = killed.process();
    killed.kill(&process);
    let swept = suite::sweep(stand) && found(stand);
    let findings = vec![
        finding(
            format!("its address is found before: {before}, under it: {under}"),
            "true, false",
            before && !under,
        ),
        finding(
            format!("found again when let go: {after}, swept after a kill: {swept}"),
            "true, true",
            after && swept,
        ),
    ];
    lines(
        table,
        head,
        findings,
        (let_go, "swept".into()),
        same && swept,
    );
}

/// Whether its neighbour, which has forgotten where the target is, is told again when it asks.
fn found(stand: &Stand) -> bool {
    let near = stand.address("near");
    stand.helper("far", "ip", &["neigh", "flush", "to", &near]);
    stand.measure(
        "far",
        &format!("udp --to {near}:7000 --count 20 --every-us 5000"),
    );
    let known = stand.helper("far", "ip", &["neigh", "show", "to", &near]);
    known.contains("lladdr")
}
