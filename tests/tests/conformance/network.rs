//! Faults of the network: every one that there is.

use agent::measure::Sample;
use serde_json::{Value, json};

use super::{
    effects::{
        burst, corrupt, corrupt_mended, delay, duplicate, jitter, loss, lost, one_way, other_bytes,
        rate, reject, reorder, slow, twice, two_way, unconnected,
    },
    stand::{Stand, docker},
    suite::{Case, Finding, See, Spoiled, finding},
};

/// Every fault on one mechanism; where netem can do it, in the direction that netem does.
pub(crate) fn cases(stand: &Stand, backend: &'static str) -> Vec<Case> {
    let way = if backend == "netem" { "out" } else { "in" };
    let far = stand.address("far");
    let case = |name, asked, effect: Value, direction, see, spoiled| {
        let network = json!({
            "effect": effect, "direction": direction, "backend": backend, "peers": [far], "ports": ["7000"],
        });
        let watch = match name {
            "reject" => format!("connect --to {far}:7000 --patience-ms 40"),
            "rate" => format!("udp --to {far}:7000 --bytes 1000"),
            _ => format!("udp --to {far}:7000"),
        };
        let fault = json!({ "network": network });
        Case {
            name,
            asked,
            fault,
            see,
            watch,
            every_us: 4000,
            spoiled,
        }
    };
    let share = json!({ "percent": 10 });
    let mended = json!({ "percent": 10, "mend": true });
    vec![
        case(
            "delay",
            "50 ms",
            json!({ "delay": { "latency": "50ms" } }),
            way,
            delay as See,
            slow as Spoiled,
        ),
        case(
            "jitter",
            "40 ±10 ms",
            json!({ "delay": { "latency": "40ms", "jitter": "10ms" } }),
            way,
            jitter,
            slow,
        ),
        case("loss", "10 %", json!({ "loss": share }), way, loss, lost),
        case(
            "burst loss",
            "10 %, 4 in a row",
            json!({ "loss": { "percent": 10, "burst": 4 } }),
            way,
            burst,
            lost,
        ),
        case(
            "duplicate",
            "10 %",
            json!({ "duplicate": share }),
            way,
            duplicate,
            twice,
        ),
        case(
            "reorder",
            "10 % by 20 ms",
            json!({ "reorder": { "percent": 10, "by": "20ms" } }),
            way,
            reorder,
            slow,
        ),
        case(
            "corrupt",
            "10 %",
            json!({ "corrupt": share }),
            way,
            corrupt,
            lost,
        ),
        case(
            "corrupt, mended",
            "10 %",
            json!({ "corrupt": mended }),
            way,
            corrupt_mended,
            other_bytes,
        ),
        case(
            "rate",
            "125,000 bytes/s",
            json!({ "rate": { "bytes_per_s": 125_000 } }),
            way,
            rate,
            slow,
        ),
        case(
            "partition",
            "one way: in",
            json!({ "partition": {} }),
            "in",
            one_way,
            lost,
        ),
        case(
            "partition",
            "both ways",
            json!({ "partition": {} }),
            "both",
            two_way,
            lost,
        ),
        case(
            "reject",
            "out",
            json!({ "reject": {} }),
            "out",
            reject,
            unconnected,
        ),
    ]
}

/// Live connections are cut once: those to the port and peer, and no others.
pub(crate) fn reset(stand: &Stand) -> (Vec<Finding>, String) {
    let far = stand.address("far");
    let ask = |port: u16| {
        stand.measuring(
            "near",
            &format!("stream --to {far}:{port} --count 400 --every-us 5000"),
        )
    };
    let (hit, spared) = (ask(7000), ask(7001));
    tests::wait_until("both connections live", || {
        let listed = docker(&[
            "exec",
            &stand.named("near"),
            "ss",
            "-Htn",
            "state",
            "established",
        ]);
        listed.contains(":7000") && listed.contains(":7001")
    });
    let fault =
        json!({ "network": { "effect": { "reset": {} }, "peers": [far], "ports": ["7000"] } });
    let held = stand.hold(&stand.in_network(), &fault);
    let (healed, _) = held.let_go();
    let (hit, spared) = (hit.samples(), spared.samples());
    let broken = |samples: &[Sample]| samples.iter().filter(|sample| lost(sample)).count();
    let (cut, other, again) = (
        broken(&hit),
        broken(&spared),
        broken(&hit[hit.len() - 50..]),
    );
    let findings = vec![
        finding(
            format!("{cut} question cut off, {again} of the last 50"),
            "1, and then none",
            cut == 1 && again == 0,
        ),
        finding(format!("another port: {other} cut off"), "0", other == 0),
    ];
    (findings, super::suite::digest(healed.as_ref()).0)
}
