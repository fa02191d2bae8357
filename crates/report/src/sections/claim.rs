//! What was really run, and what that allows to say about a whole window: nothing that was not run is claimed.

use judge::{Confidence, Judgement, LoadFigures};

use crate::words::{amount, lasting, pace};

/// Share of the load's planned length from which it counts as whole: its last requests may end a moment early.
const WHOLE: f64 = 0.99;
/// Real time from which slow troubles have had a chance to show, in seconds.
const LONG_S: f64 = 2.0 * 3600.0;

/// The run's own length, then the bounds for other faults and for quiet time.
pub(crate) fn claim(judgement: &Judgement) -> String {
    let known = judgement.confidence.as_ref();
    let bounds = known.map_or_else(String::new, |known| {
        format!(
            "{}{}{}",
            episodes(judgement, known),
            quiet(judgement, known),
            together(judgement, known)
        )
    });
    run(&judgement.load) + &bounds
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

/// What the faults of the schedule cost, held against the whole window's budget.
fn episodes(judgement: &Judgement, known: &Confidence) -> String {
    if known.episodes == 0 {
        return " No episode came to its end: about faults nothing is known.".into();
    }
    let chance = format!(
        " {} of {} episodes cost users nothing: at 95 % confidence, at most {:.0} % of such faults cost \
         something.",
        known.clean, known.episodes, known.costly_at_most_percent
    );
    let budget = judgement.budget.allowed_s;
    let cost = known.bound_s.map_or_else(String::new, |bound| {
        let place = if bound <= budget { "within" } else { "beyond" };
        format!(
            " Extrapolated to {}, faults alone cost {:.2} s in the mean, and no more than {bound:.2} s in 95 of \
             100 such schedules: {place} the {budget:.2} s of the contract.",
            known.schedule, known.mean_s
        )
    });
    chance + &cost
}

/// The whole window, and whether the contract may be claimed for it.
fn together(judgement: &Judgement, known: &Confidence) -> String {
    let Some((mean, bound)) = known.together_mean_s.zip(known.together_bound_s) else {
        return String::new();
    };
    let budget = judgement.budget.allowed_s;
    let may = if bound <= budget { "may" } else { "can't" };
    format!(
        " Together {mean:.2} s in the mean and {bound:.2} s at 95 %: for a whole window, quiet time included, the \
         {budget:.2} s {may} be claimed."
    )
}

/// Quiet time that was not run promises nothing.
fn quiet(judgement: &Judgement, known: &Confidence) -> String {
    let Some((mean, bound)) = known.quiet_mean_s.zip(known.quiet_bound_s) else {
        return " There was no quiet time.".into();
    };
    let quiet = &judgement.quiet;
    let adds = format!(
        " The quiet time, {} with {} s of it bad, adds {mean:.2} s in the mean",
        lasting(quiet.seconds),
        quiet.toll.bad_seconds
    );
    match quiet.seconds < judgement.contract.window.as_secs_f64() {
        true => format!(
            "{adds}; it is too short to exclude {bound:.0} s at 95 %, and a longer run narrows that."
        ),
        false => format!("{adds}, and no more than {bound:.0} s at 95 %."),
    }
}
