//! Every mechanism against every fault, on real containers: what was asked, what was measured, and what is left.
//!
//! Prints one table. What this kernel does not have is listed as such, and never as passed.

#[path = "conformance/effects.rs"]
mod effects;
#[path = "conformance/ending.rs"]
mod ending;
#[path = "conformance/figures.rs"]
mod figures;
#[path = "conformance/frames.rs"]
mod frames;
#[path = "conformance/lookups.rs"]
mod lookups;
#[path = "conformance/network.rs"]
mod network;
#[path = "conformance/process.rs"]
mod process;
#[path = "conformance/stand.rs"]
mod stand;
#[path = "conformance/suite.rs"]
mod suite;
#[path = "conformance/table.rs"]
mod table;

use lease::{Ability, Event};
use serde_json::json;
use stand::Stand;
use table::{Row, Table};

/// How the table is read.
const LEGEND: &str = "\
let go: rules of all tables, queueing disciplines, addresses, routes and stopped processes, compared by their digest.
killed: SIGKILL to the agent under traffic, until questions are answered as before it; questions are 4 to 8 ms apart.
    Then its run is swept: only its own chains go, a foreign rule stays.
";

#[test]
fn what_an_order_asks_for_is_what_the_target_gets() {
    let stand = Stand::raise();
    let abilities: Vec<Ability> = serde_json::from_str(&stand.probe()).expect("abilities");
    let mut table = Table::default();
    for backend in ["netem", "nfqueue", "rules"] {
        match abilities
            .iter()
            .find(|ability| ability.name.starts_with(backend) && !ability.works)
        {
            Some(missing) => table.0.push(refused(&stand, backend, missing)),
            None => {
                let mut cases = network::cases(&stand, backend);
                if backend == "nfqueue" {
                    cases.extend(lookups::cases(&stand, backend));
                }
                for case in cases {
                    suite::run(&stand, backend, &case, &mut table);
                }
            }
        }
    }
    let (findings, let_go) = network::reset(&stand);
    let head = Row {
        backend: "sockets",
        fault: "reset".into(),
        asked: "once".into(),
        ..Row::default()
    };
    let same = let_go == "as before";
    suite::lines(&mut table, head, findings, (let_go, String::new()), same);
    frames::run(&stand, &mut table);
    process::run(&stand, &mut table);
    ending::run(&stand, &mut table);
    println!("{table}{LEGEND}");
    assert_eq!(table.broken(), 0, "broken lines in the table");
}

/// What this kernel has not is refused, with the system's own words, and nothing is changed.
fn refused(stand: &Stand, backend: &'static str, missing: &Ability) -> Row {
    let effect = json!({ "delay": { "latency": "50ms" } });
    let fault = json!({ "network": { "effect": effect, "direction": "out", "backend": backend } });
    let held = stand.hold(&stand.in_network(), &fault);
    let Event::Refused { reason } = held.first.clone() else {
        panic!("{backend} is not there, and was applied: {:?}", held.first);
    };
    assert_eq!(held.let_go().1, Some(69), "{reason}");
    assert!(reason.contains("Error"), "{reason}");
    Row {
        backend,
        fault: "all".into(),
        asked: "any".into(),
        measured: "an order is refused, exit 69".into(),
        tolerance: missing
            .how
            .rsplit("Error: ")
            .next()
            .unwrap_or_default()
            .into(),
        ..Row::default()
    }
}
