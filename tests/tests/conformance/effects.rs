//! How each fault of the network is seen, and how far chance may carry what is seen.

use std::cell::Cell;

use agent::measure::Sample;

use super::{
    figures::{
        bursts, bytes_per_s, chance, chance_of_length, overtaken_percent, percent, quantile_ms,
        spread_ms,
    },
    stand::Stand,
    suite::{Finding, finding},
};

/// Slower than this, an answer was held by the agent: less than each fault here holds one, and more than a busy machine.
const SLOW_US: u64 = 15_000;

pub(crate) fn lost(sample: &Sample) -> bool {
    sample.rtt_us.is_none()
}

pub(crate) fn slow(sample: &Sample) -> bool {
    sample.rtt_us.is_none_or(|rtt_us| rtt_us > SLOW_US)
}

pub(crate) fn twice(sample: &Sample) -> bool {
    sample.copies > 1
}

pub(crate) fn other_bytes(sample: &Sample) -> bool {
    sample.note.is_some() || lost(sample)
}

pub(crate) fn unconnected(sample: &Sample) -> bool {
    sample.copies == 0
}

/// Most measurements that are thrown away since the machine was busy with something else.
const ATTEMPTS: usize = 6;

/// Packets to the peer's echo: so many, so many microseconds apart. The same goes to a port that the fault spares, at the
/// same time; when that control is not clean, the measurement says nothing of the fault, and is made again.
pub(crate) fn udp(stand: &Stand, count: u32, every_us: u32) -> Vec<Sample> {
    with_control(stand, count, every_us, || ()).0
}

/// As [`udp`], with what `look` finds before the measurement that counts.
fn with_control<T>(
    stand: &Stand,
    count: u32,
    every_us: u32,
    look: impl Fn() -> T,
) -> (Vec<Sample>, T) {
    let to = stand.address("far");
    let ask = |port: u16| {
        stand.measuring(
            "near",
            &format!("udp --to {to}:{port} --count {count} --every-us {every_us}"),
        )
    };
    let mut attempt = 1;
    loop {
        let before = look();
        let (hit, control) = (ask(7000), ask(7001));
        let (hit, control) = (hit.samples(), control.samples());
        let clean = percent(&control, lost) == 0.0 && quantile_ms(&control, 0.95) < 3.0;
        if clean || attempt == ATTEMPTS {
            return (hit, before);
        }
        attempt += 1;
    }
}

/// The share of samples that are like this, within what chance allows. A share that is off is measured once more: the
/// right one is off twice in 10,000 suites.
pub(crate) fn share(
    asked: f64,
    measure: impl Fn() -> Vec<Sample>,
    of: impl Fn(&[Sample]) -> f64,
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

pub(crate) fn delay(stand: &Stand) -> Vec<Finding> {
    let seen = quantile_ms(&udp(stand, 400, 2000), 0.5);
    let held = (seen - 50.0).abs() <= 2.0;
    vec![finding(
        format!("p50 {seen:.2} ms"),
        "p50 within 2 ms",
        held,
    )]
}

pub(crate) fn jitter(stand: &Stand) -> Vec<Finding> {
    // Further apart than the jitter, so that no packet waits for the one before it.
    let samples = udp(stand, 120, 22_000);
    let (mean, spread) = spread_ms(&samples);
    let held = (mean - 40.0).abs() <= 2.0 && (spread - 5.77).abs() <= 1.5;
    let measured = format!("mean {mean:.2} ms, deviation {spread:.2} ms");
    vec![finding(measured, "40 ±2 ms, uniform's 5.77 ±1.5 ms", held)]
}

pub(crate) fn loss(stand: &Stand) -> Vec<Finding> {
    vec![share(
        10.0,
        || udp(stand, 2500, 700),
        |samples| percent(samples, lost),
    )]
}

pub(crate) fn burst(stand: &Stand) -> Vec<Finding> {
    // As a share that is off: measured once more.
    let first = bursts_of(&udp(stand, 5000, 700));
    if first.iter().all(Finding::holds) {
        first
    } else {
        bursts_of(&udp(stand, 5000, 700))
    }
}

fn bursts_of(samples: &[Sample]) -> Vec<Finding> {
    let (seen, (length, count)) = (percent(samples, lost), bursts(samples));
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

pub(crate) fn duplicate(stand: &Stand) -> Vec<Finding> {
    vec![share(
        10.0,
        || udp(stand, 2500, 700),
        |samples| percent(samples, twice),
    )]
}

pub(crate) fn reorder(stand: &Stand) -> Vec<Finding> {
    vec![share(10.0, || udp(stand, 2500, 1000), overtaken_percent)]
}

pub(crate) fn corrupt(stand: &Stand) -> Vec<Finding> {
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
    let both = Cell::new((0, 0));
    let measure = || {
        let (samples, before) = with_control(stand, 2500, 700, errors);
        let gone = samples.iter().filter(|sample| lost(sample)).count() as u64;
        both.set((errors() - before, gone));
        samples
    };
    let first = share(10.0, measure, |samples| percent(samples, lost));
    let (counted, gone) = both.get();
    let measured = format!("receiver's checksum errors {counted}, packets missing {gone}");
    vec![first, finding(measured, "equal", counted == gone)]
}

pub(crate) fn corrupt_mended(stand: &Stand) -> Vec<Finding> {
    vec![share(
        10.0,
        || udp(stand, 2500, 700),
        |samples| percent(samples, other_bytes),
    )]
}

pub(crate) fn rate(stand: &Stand) -> Vec<Finding> {
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
pub(crate) fn partition(stand: &Stand, answers_arrive: bool) -> Vec<Finding> {
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

pub(crate) fn one_way(stand: &Stand) -> Vec<Finding> {
    partition(stand, true)
}

pub(crate) fn two_way(stand: &Stand) -> Vec<Finding> {
    partition(stand, false)
}

pub(crate) fn reject(stand: &Stand) -> Vec<Finding> {
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
