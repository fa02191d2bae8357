//! What every mechanism has to show for every fault: the effect, the target as it was when the agent is let go, and no
//! effect any more when the agent is killed.

use std::time::Duration;

use agent::measure::Sample;
use lease::Event;
use serde_json::Value;

use super::{
    figures::gone_after_ms,
    stand::{FOREIGN, Held, RUN, Stand},
    table::{Row, Table, Verdict},
};

/// Measures an effect.
pub(crate) type See = fn(&Stand) -> Vec<Finding>;
/// Whether a question shows the fault.
pub(crate) type Spoiled = fn(&Sample) -> bool;

/// A control that takes longer shows a busy machine.
const BUSY_US: u64 = 5_000;
/// Most kills that are thrown away because of it.
const ATTEMPTS: u32 = 4;

/// One fault on one mechanism.
#[derive(Debug)]
pub(crate) struct Case {
    /// What the table calls it.
    pub(crate) name: &'static str,
    /// What the order says.
    pub(crate) asked: &'static str,
    /// The order's fault.
    pub(crate) fault: Value,
    /// Measures the effect.
    pub(crate) see: See,
    /// Measures while the agent is killed: words of the agent without pace and count.
    pub(crate) watch: String,
    /// Microseconds between two of its questions.
    pub(crate) every_us: u64,
    /// What the fault does to a question.
    pub(crate) spoiled: Spoiled,
}

/// One thing that was measured.
#[derive(Debug)]
pub(crate) struct Finding {
    measured: String,
    tolerance: String,
    held: bool,
}

impl Finding {
    /// Whether it is within its tolerance.
    pub(crate) fn holds(&self) -> bool {
        self.held
    }
}

/// A finding.
pub(crate) fn finding(measured: String, tolerance: impl Into<String>, held: bool) -> Finding {
    Finding {
        measured,
        tolerance: tolerance.into(),
        held,
    }
}

/// How long a killed agent's fault may last. Stop dates of rules are whole seconds, and are moved on 0.08 s early.
fn longest_ms(backend: &str) -> f64 {
    if backend == "rules" { 1100.0 } else { 1000.0 }
}

/// Runs one case and writes its lines.
pub(crate) fn run(stand: &Stand, backend: &'static str, case: &Case, table: &mut Table) {
    let held = stand.hold(&stand.in_network(), &case.fault);
    let head = Row {
        backend,
        fault: case.name.into(),
        asked: case.asked.into(),
        ..Row::default()
    };
    if let Event::Refused { reason } = &held.first {
        let reason = reason
            .trim_start_matches("rules: ")
            .trim_start_matches("netem: ");
        let row = Row {
            measured: format!("refused: {reason}"),
            verdict: Verdict::NotOffered,
            ..head
        };
        table.0.push(row);
        return;
    }
    let findings = (case.see)(stand);
    let (let_go, same) = digest(held.let_go().0.as_ref());
    let (killed, gone, swept) = kill(stand, backend, case);
    let undone = finding(String::new(), "", same && gone && swept);
    lines(table, head, findings, (let_go, killed), undone.held);
}

/// Writes a line for each finding; the first one says what became of the target.
pub(crate) fn lines(
    table: &mut Table,
    head: Row,
    findings: Vec<Finding>,
    undone: (String, String),
    held: bool,
) {
    for (number, found) in findings.into_iter().enumerate() {
        let row = Row {
            backend: head.backend,
            measured: found.measured,
            tolerance: found.tolerance,
            verdict: found.held.into(),
            ..Row::default()
        };
        let first = number == 0;
        table.0.push(match first {
            false => Row {
                fault: format!("  {}", head.fault),
                ..row
            },
            true => Row {
                fault: head.fault.clone(),
                asked: head.asked.clone(),
                let_go: undone.0.clone(),
                killed: undone.1.clone(),
                verdict: (found.held && held).into(),
                ..row
            },
        });
    }
}

/// What the last event says of the target's state, and whether it is as it was.
pub(crate) fn digest(healed: Option<&Event>) -> (String, bool) {
    match healed {
        Some(Event::Healed {
            digest_before,
            digest_after,
            figures,
            ..
        }) => {
            let same = digest_before == digest_after && figures.overflowed == 0;
            let word = if same { "as before" } else { "DIFFERS" };
            (word.into(), same)
        }
        other => (format!("{other:?}"), false),
    }
}

/// Kills an agent under measurement: how long its fault was still seen, whether that is short enough, and whether a sweep
/// leaves nothing of it. Too long while the machine was busy, by a control that no fault touches, is tried again.
fn kill(stand: &Stand, backend: &str, case: &Case) -> (String, bool, bool) {
    let mut attempt = 1;
    loop {
        let (gone, acted, clean) = killed(stand, backend, case);
        let (short, swept) = (gone <= longest_ms(backend), sweep(stand));
        if short || clean || !swept || attempt == ATTEMPTS {
            let left = if swept { "" } else { ", LEFT" };
            return (format!("gone in {gone:.0} ms{left}"), acted && short, swept);
        }
        attempt += 1;
    }
}

/// After how many milliseconds a killed agent's fault was gone, whether it acted before, and whether the control was clean.
fn killed(stand: &Stand, backend: &str, case: &Case) -> (f64, bool, bool) {
    let held = stand.hold(&stand.in_network(), &case.fault);
    let process = held.process();
    let watched_us = 1_000_000 + longest_ms(backend) as u64 * 1000;
    let ask = |words: &str, every_us: u64| {
        let count = watched_us / every_us;
        stand.measuring(
            "near",
            &format!("{words} --every-us {every_us} --count {count}"),
        )
    };
    let control = format!("udp --to {}:7001", stand.address("far"));
    let (measuring, control) = (
        ask(&case.watch, case.every_us),
        ask(&control, case.every_us),
    );
    // Not to wait for anything: the fault is measured for half a second before its agent is killed.
    std::thread::sleep(Duration::from_millis(600));
    let killed_us = held.kill(&process);
    let (samples, control) = (measuring.samples(), control.samples());
    let acted = samples
        .iter()
        .any(|sample| sample.at_us < killed_us && (case.spoiled)(sample));
    let slow = |sample: &Sample| sample.rtt_us.is_none_or(|rtt_us| rtt_us > BUSY_US);
    let clean = !control
        .iter()
        .any(|sample| sample.at_us > killed_us && slow(sample));
    (
        gone_after_ms(&samples, killed_us, case.spoiled),
        acted,
        clean,
    )
}

/// Sweeps twice: the first removes what is left, the second finds nothing, and the target is as it was before any agent,
/// with its foreign rule.
pub(crate) fn sweep(stand: &Stand) -> bool {
    let script = format!("agent sweep --run {RUN} && echo - && agent sweep --run {RUN}");
    let said = stand.helper("near", "sh", &["-c", &script]);
    let (first, again) = said.rsplit_once('-').unwrap_or_default();
    let state = stand.state();
    !first.trim().is_empty()
        && again.trim().is_empty()
        && state == stand.before
        && state.contains(FOREIGN)
}

/// Waits for what an agent measures itself.
pub(crate) fn measured(held: &Held) -> Option<(f64, Option<f64>)> {
    while let Some(event) = held.next() {
        if let Event::Measured { seen, expected, .. } = event {
            return Some((seen, expected));
        }
    }
    None
}
