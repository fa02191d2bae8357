//! Faults of the network: what each has to do, and how it is seen.

use agent::measure::Sample;
use serde_json::{Value, json};

use super::{
    figures::{
        bursts, bytes_per_s, chance, chance_of_length, gone_after_ms, overtaken_percent, percent,
        quantile_ms, spread_ms,
    },
    stand::{Stand, docker},
    suite::{Case, Finding, finding},
};

/// Slower than this, an answer was held by somebody.
const SLOW_US: u64 = 8_000;

fn lost(sample: &Sample) -> bool {
    sample.rtt_us.is_none()
}

fn slow(sample: &Sample) -> bool {
    sample.rtt_us.is_none_or(|rtt_us| rtt_us > SLOW_US)
}

fn twice(sample: &Sample) -> bool {
    sample.copies > 1
}

fn other_bytes(sample: &Sample) -> bool {
    sample.note.is_some() || lost(sample)
}

fn unconnected(sample: &Sample) -> bool {
    sample.copies == 0
}

/// Packets to the peer's echo: so many, so many microseconds apart.
fn udp(stand: &Stand, count: u32, every_us: u32) -> Vec<Sample> {
    let to = stand.address("far");
    stand.measure(
        "near",
        &format!("udp --to {to}:7000 --count {count} --every-us {every_us}"),
    )
}

/// The share of samples that are like this, within what chance allows. A share that is off is measured once more: the
/// right one is off twice in 10,000 suites.
fn share(
    asked: f64,
    measure: impl Fn() -> Vec<Sample>,
    mut of: impl FnMut(&[Sample]) -> f64,
) -> Finding {
    let mut again = "";
    loop {
        let samples = measure();
        let (seen, chance) = (of(&samples), chance(asked, samples.len(), 0.0));
        let held = (seen - asked).abs() <= chance;
        if held || !again.is_empty() {
            let measured = format!("{seen:.2} % of {} packets{again}", samples.len());
            return finding(measured, format!("±{chance:.2} points (99 %)"), held);
        }
        again = ", 2nd of 2";
    }
}

fn delay(stand: &Stand) -> Vec<Finding> {
    let seen = quantile_ms(&udp(stand, 400, 2000), 0.5);
    let held = (seen - 50.0).abs() <= 2.0;
    vec![finding(
        format!("p50 {seen:.2} ms"),
        "p50 within 2 ms",
        held,
    )]
}

fn jitter(stand: &Stand) -> Vec<Finding> {
    // Further apart than the jitter, so that no packet waits for the one before it.
    let samples = udp(stand, 120, 22_000);
    let (mean, spread) = spread_ms(&samples);
    let held = (mean - 40.0).abs() <= 2.0 && (spread - 5.77).abs() <= 1.5;
    let measured = format!("mean {mean:.2} ms, deviation {spread:.2} ms");
    vec![finding(measured, "40 ±2 ms, uniform's 5.77 ±1.5 ms", held)]
}

fn loss(stand: &Stand) -> Vec<Finding> {
    vec![share(
        10.0,
        || udp(stand, 2500, 700),
        |samples| percent(samples, lost),
    )]
}

fn burst(stand: &Stand) -> Vec<Finding> {
    let samples = udp(stand, 5000, 700);
    let (seen, (length, count)) = (percent(&samples, lost), bursts(&samples));
    // What consecutive packets have in common in Gilbert's model: 1 - enter - leave.
    let memory = 1.0 - 0.25 - 0.25 * 0.1 / 0.9;
    let chance = chance(10.0, samples.len(), memory);
    let longer = chance_of_length(4.0, count);
    vec![
        finding(
            format!("{seen:.2} % of {} packets", samples.len()),
            format!("±{chance:.2} points (99 %)"),
            (seen - 10.0).abs() <= chance,
        ),
        finding(
            format!("{length:.2} packets in a row, {count} times"),
            format!("4 ±{longer:.2} packets (99 %)"),
            (length - 4.0).abs() <= longer,
        ),
    ]
}

fn duplicate(stand: &Stand) -> Vec<Finding> {
    vec![share(
        10.0,
        || udp(stand, 2500, 700),
        |samples| percent(samples, twice),
    )]
}

fn reorder(stand: &Stand) -> Vec<Finding> {
    vec![share(10.0, || udp(stand, 2500, 1000), overtaken_percent)]
}

fn corrupt(stand: &Stand) -> Vec<Finding> {
    let errors = || {
        let listed = stand.exec("near", &["cat", "/proc/net/snmp"]);
        let words = |line: &str| line.split(' ').map(String::from).collect::<Vec<_>>();
        let lines: Vec<_> = listed
            .lines()
            .filter(|line| line.starts_with("Udp:"))
            .map(words)
            .collect();
        let column = lines[0].iter().position(|head| head == "InCsumErrors");
        lines[1][column.expect("a column")]
            .parse::<u64>()
            .expect("a number")
    };
    let before = errors();
    let mut gone = 0;
    let first = share(
        10.0,
        || udp(stand, 2500, 700),
        |samples| {
            gone += samples.iter().filter(|sample| lost(sample)).count() as u64;
            percent(samples, lost)
        },
    );
    let counted = errors() - before;
    let measured = format!("receiver's checksum errors {counted}, packets missing {gone}");
    vec![first, finding(measured, "equal", counted == gone)]
}

fn corrupt_mended(stand: &Stand) -> Vec<Finding> {
    vec![share(
        10.0,
        || udp(stand, 2500, 700),
        |samples| percent(samples, other_bytes),
    )]
}

fn rate(stand: &Stand) -> Vec<Finding> {
    let to = stand.address("far");
    // Twice what the link carries: 1,028 bytes of IP each 4.1 ms.
    let words =
        format!("udp --to {to}:7000 --count 600 --every-us 4100 --bytes 1000 --patience-ms 900");
    let seen = bytes_per_s(&stand.measure("near", &words), 1028);
    let held = (seen / 125_000.0 - 1.0).abs() <= 0.1;
    vec![finding(
        format!("{seen:.0} bytes/s of 250,000 sent"),
        "within 10 %",
        held,
    )]
}

/// What a one-way or two-way partition lets through, and what others do not notice.
fn partition(stand: &Stand, answers_arrive: bool) -> Vec<Finding> {
    let received = || {
        let count = stand.exec("far", &["agent", "received", "--at", "127.0.0.1:7000"]);
        count.parse::<u64>().expect("a number")
    };
    let before = received();
    let samples = udp(stand, 300, 1000);
    let (through, answered) = (
        received() - before,
        samples.iter().filter(|sample| !lost(sample)).count(),
    );
    let expected = if answers_arrive { 300 } else { 0 };
    let measured = format!("{answered} of 300 answered");
    let mut findings = vec![
        finding(measured, "none", answered == 0),
        finding(
            format!("{through} of 300 reached the peer"),
            format!("{expected}"),
            through == expected,
        ),
    ];
    let (far, other) = (stand.address("far"), stand.address("other"));
    for (what, to) in [
        ("another port", format!("{far}:7001")),
        ("another peer", format!("{other}:7000")),
    ] {
        let samples = stand.measure(
            "near",
            &format!("udp --to {to} --count 300 --every-us 1000"),
        );
        let (missing, p50) = (percent(&samples, lost), quantile_ms(&samples, 0.5));
        let measured = format!("{what}: {missing:.1} % lost, p50 {p50:.2} ms");
        findings.push(finding(
            measured,
            "0 %, below 2 ms",
            missing == 0.0 && p50 < 2.0,
        ));
    }
    findings
}

fn one_way(stand: &Stand) -> Vec<Finding> {
    partition(stand, true)
}

fn two_way(stand: &Stand) -> Vec<Finding> {
    partition(stand, false)
}

fn reject(stand: &Stand) -> Vec<Finding> {
    let (far, ask) = (stand.address("far"), "--count 100 --every-us 3000");
    let refused = stand.measure("near", &format!("connect --to {far}:7000 {ask}"));
    let all = refused
        .iter()
        .all(|sample| sample.note.as_deref() == Some("connection refused"));
    let p99 = quantile_ms(&refused, 0.99);
    let other = stand.measure("near", &format!("connect --to {far}:7001 {ask}"));
    let open = 100.0 - percent(&other, unconnected);
    vec![
        finding(
            format!("refused: {all}, p99 {p99:.2} ms"),
            "all, p99 below 50 ms",
            all && p99 < 50.0,
        ),
        finding(
            format!("another port: {open:.0} % connect"),
            "100 %",
            open == 100.0,
        ),
    ]
}

fn lookups(stand: &Stand, expected: &str) -> Vec<Finding> {
    let ask = |name: &str| {
        let (name, words) = (
            stand.named(name),
            "--count 100 --every-us 3000 --patience-ms 100",
        );
        stand.measure("near", &format!("lookup --name {name} {words}"))
    };
    let said = |samples: &[Sample], word: &str| {
        percent(samples, |sample| sample.note.as_deref() == Some(word))
    };
    let (hit, spared) = (
        said(&ask("far"), expected),
        said(&ask("other"), &stand.address("other")),
    );
    vec![
        finding(format!("{hit:.0} % {expected}"), "100 %", hit == 100.0),
        finding(
            format!("another name: {spared:.0} % right"),
            "100 %",
            spared == 100.0,
        ),
    ]
}

/// Every fault on one mechanism; where netem can do it, in the direction that netem does.
pub(crate) fn cases(stand: &Stand, backend: &'static str) -> Vec<Case> {
    let way = if backend == "netem" { "out" } else { "in" };
    let far = stand.address("far");
    let case = |name, asked, effect: Value, direction, see, spoiled| {
        let network = json!({
            "effect": effect, "direction": direction, "backend": backend, "peers": [far], "ports": ["7000"],
        });
        let watch = match name {
            "reject" => format!("connect --to {far}:7000 --every-us 4000"),
            "rate" => format!("udp --to {far}:7000 --every-us 4000 --bytes 1000"),
            _ => format!("udp --to {far}:7000 --every-us 4000"),
        };
        let fault = json!({ "network": network });
        Case {
            name,
            asked,
            fault,
            see,
            watch,
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

type See = fn(&Stand) -> Vec<Finding>;
type Spoiled = fn(&Sample) -> bool;

/// Every answer that a resolver may give, about one name, for the mechanism that has them.
pub(crate) fn lookup_cases(stand: &Stand, backend: &'static str) -> Vec<Case> {
    let name = stand.named("far");
    let case = |asked, answer: Value, see, spoiled| {
        let effect = json!({ "dns": { "answer": answer, "names": [name] } });
        let fault = json!({ "network": { "effect": effect, "backend": backend } });
        let watch = format!("lookup --name {name} --every-us 8000 --patience-ms 40");
        Case {
            name: "dns",
            asked,
            fault,
            see,
            watch,
            spoiled,
        }
    };
    vec![
        case(
            "no answer",
            json!("timeout"),
            (|stand| lookups(stand, "no answer")) as See,
            lost as Spoiled,
        ),
        case(
            "failure",
            json!("failure"),
            |stand| lookups(stand, "SERVFAIL"),
            failed,
        ),
        case(
            "no such name",
            json!("no-such-name"),
            |stand| lookups(stand, "NXDOMAIN"),
            failed,
        ),
        case(
            "192.0.2.7",
            json!({ "wrong": "192.0.2.7" }),
            |stand| lookups(stand, "192.0.2.7"),
            wrong,
        ),
    ]
}

fn failed(sample: &Sample) -> bool {
    matches!(sample.note.as_deref(), Some("SERVFAIL" | "NXDOMAIN"))
}

fn wrong(sample: &Sample) -> bool {
    sample.note.as_deref() == Some("192.0.2.7")
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
        gone_after_ms(&hit[hit.len() - 50..], 0, lost),
    );
    let findings = vec![
        finding(
            format!("{cut} question cut off, {again:.0} later"),
            "1, then none",
            cut == 1 && again == 0.0,
        ),
        finding(format!("another port: {other} cut off"), "0", other == 0),
    ];
    (findings, super::suite::digest(healed.as_ref()).0)
}
