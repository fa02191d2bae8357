//! The third statement: what the run allows to claim for a whole window, or what a claim would take.

use judge::{Claim, FaultRepetitions, Judgement, LoadFigures};

use crate::{
    document::{
        Align::{Left, Right},
        Cell, Section, Table,
    },
    words::{amount, count, lasting, pace},
};

/// Share of the load's planned length from which it counts as whole: its last requests may end a moment early.
const WHOLE: f64 = 0.99;
/// Real time from which slow troubles have had a chance to show, in seconds.
const LONG_S: f64 = 2.0 * 3600.0;

/// What may be claimed of the faults, of the quiet time and of the whole window.
pub(crate) fn claim(judgement: &Judgement) -> Section {
    let claim = &judgement.claim;
    let mut table = Table::new(&[
        ("for the next window", Left),
        ("claim", Left),
        ("run", Right),
        ("it takes", Right),
    ]);
    if claim.episodes > 0 || !claim.faults.is_empty() {
        table.row([
            "its faults".into(),
            bound(claim.faults_at_most_percent),
            schedules(claim.schedules),
            schedules(claim.schedules_needed),
        ]);
    }
    table.row([
        "its quiet time".into(),
        bound(claim.quiet_at_most_percent),
        hours(claim.quiet_h),
        hours(claim.quiet_h_needed),
    ]);
    table.row([
        "the whole of it".into(),
        bound(claim.window_at_most_percent),
        "".into(),
        hours(claim.quiet_h_needed_for_window),
    ]);
    if !claim.faults.is_empty() {
        let more = schedules(claim.schedules_needed_for_window);
        table.row(["".into(), "".into(), "".into(), more]);
    }
    let mut section = table.under(
        "claim",
        "what this run allows to say about a window that was not run",
    );
    section.closing = format!(
        "{}{} At {} % confidence, if the next faults and hours are like those that were run. A schedule is every fault of the \
         drill as often as it happens in a window.{}",
        run(&judgement.load),
        episodes(claim),
        amount(claim.confidence_percent),
        rarest(claim)
    );
    section
}

fn bound(at_most: Option<f64>) -> Cell {
    at_most
        .map_or_else(
            || "not claimed".into(),
            |percent| format!("at most {percent:.1} % of the budget"),
        )
        .into()
}

fn schedules(number: u64) -> Cell {
    match number {
        1 => "1 schedule".into(),
        _ => format!("{} schedules", count(number)).into(),
    }
}

fn hours(hours: f64) -> Cell {
    match hours < 10.0 {
        true => format!("{hours:.2} h").into(),
        false => format!("{} h", count(hours as u64)).into(),
    }
}

/// How long the load lasted in real time, and how much of the curve that was.
fn run(load: &LoadFigures) -> String {
    let hours = amount(load.scenario_hours);
    let walked = match load.seconds * load.speed >= WHOLE * load.scenario_hours * 3600.0 {
        true => format!("{hours} h of the curve"),
        false => format!("a part of the {hours} h curve"),
    };
    let unseen = match load.seconds < LONG_S {
        true => " What takes hours to show, such as leaks and full disks, had no time to.",
        false => "",
    };
    let (lasted, pace) = (lasting(load.seconds), pace(load));
    format!("{lasted} were run, walking {walked} {pace}.{unseen}")
}

/// How likely such faults are to cost anything, whatever they cost.
fn episodes(claim: &Claim) -> String {
    match claim.costly_at_most_percent {
        None => " No episode came to its end: about faults nothing is known.".into(),
        Some(percent) => format!(
            " {} of {} episodes cost users nothing: at most {percent:.0} % of such faults cost something.",
            claim.clean, claim.episodes
        ),
    }
}

/// The fault that was repeated least, for what a claim takes.
fn rarest(claim: &Claim) -> String {
    let short = |kind: &&FaultRepetitions| kind.repetitions < kind.needed;
    let rarest = claim
        .faults
        .iter()
        .filter(short)
        .min_by_key(|kind| kind.repetitions);
    rarest.map_or_else(String::new, |kind| {
        format!(
            " Of {}, {} of the {} repetitions were run that a claim for the faults takes.",
            kind.name, kind.repetitions, kind.needed
        )
    })
}
