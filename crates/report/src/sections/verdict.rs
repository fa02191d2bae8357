//! What came of it: the verdict and the findings that it is the worst of.

use judge::{Clause, Confidence, Judgement, Verdict};

use crate::{
    document::{Align::Left, Cell, Section, Table, Tone},
    words::measured,
};

/// The verdict with its reason.
pub(crate) fn headline(judgement: &Judgement) -> String {
    format!("{}: {}", judgement.drill, judgement.summary)
}

/// What the drill does, what it teaches, and which run this was; the last two of lesser interest.
pub(crate) fn about(judgement: &Judgement) -> Vec<Cell> {
    let mut about = vec![];
    if !judgement.took_down.is_empty() {
        let down = judgement.took_down.join(", ");
        about.push(Cell::toned(
            format!("The service went down with: {down}."),
            Tone::Bad,
        ));
    }
    about.push(judgement.about.as_str().into());
    about.push(format!("Lesson: {}", judgement.lesson).into());
    let machine = judgement
        .machine
        .iter()
        .map(|(what, value)| format!("{what} {value}"));
    let place = format!(
        "Run {} on topology {}, seed {}, started {}. {}",
        judgement.run,
        judgement.topology,
        judgement.seed,
        judgement.started_at,
        machine.collect::<Vec<_>>().join(", ")
    );
    about.push(Cell::toned(place, Tone::Faint));
    about
}

/// Every finding, the contract's own first.
pub(crate) fn findings(judgement: &Judgement) -> Section {
    let mut table = Table::new(&[("", Left), ("", Left), ("", Left)]);
    let mut said = "";
    for finding in &judgement.findings {
        let verdict = Cell::toned(finding.verdict.name(), finding.verdict.into());
        let title = finding.title.as_str().into();
        table.row([verdict, title, measured(finding).into()]);
        let mut more = vec![];
        // A held clause speaks for itself; the availability is always told with its assumptions.
        let spoken = finding.verdict == Verdict::Held && finding.clause != Clause::Availability;
        if !spoken && finding.why != said {
            more.push(finding.why.clone());
            said = &finding.why;
        }
        if finding.verdict != Verdict::Held && !finding.evidence.episodes.is_empty() {
            let episodes = finding.evidence.episodes.join(", ");
            more.push(format!("Episodes: {episodes}."));
        }
        for text in more {
            let text = Cell::toned(text, Tone::Faint);
            table.row([Cell::default(), Cell::default(), text]);
        }
    }
    let mut section = table.under("findings", "the verdict is the worst of them");
    section.closing = judgement
        .confidence
        .as_ref()
        .map(|known| claim(judgement, known))
        .unwrap_or_default();
    section
}

/// What was run, and what that allows to say about other episodes and about a whole window.
fn claim(judgement: &Judgement, known: &Confidence) -> String {
    let load = &judgement.load;
    let pace = match load.speed > 1.0 {
        true => format!("{:.0} times as fast", load.speed),
        false => "at its own pace".into(),
    };
    let run = format!(
        "{} were run, walking {:.0} h of the curve {pace}. ",
        lasting(load.seconds),
        load.scenario_hours
    );
    run + &episodes(known) + &quiet(judgement, known)
}

fn episodes(known: &Confidence) -> String {
    let chance = format!(
        "{} of {} episodes cost users nothing: at 95 % confidence, at most {:.0} % of such faults cost \
         something.",
        known.clean, known.episodes, known.costly_at_most_percent
    );
    let cost = known.bound_s.map_or_else(String::new, |bound| {
        format!(
            " Extrapolated to {}, faults alone cost {:.2} s in the mean, and no more than {bound:.2} s in 95 of \
             100 such schedules.",
            known.schedule, known.mean_s
        )
    });
    chance + &cost
}

/// Quiet time that was not run promises nothing.
fn quiet(judgement: &Judgement, known: &Confidence) -> String {
    let Some((mean, bound)) = known.quiet_mean_s.zip(known.quiet_bound_s) else {
        return " There was no quiet time.".into();
    };
    let quiet = &judgement.quiet;
    format!(
        " The quiet time, {} with {} s of it bad, adds {mean:.2} s in the mean; it is too short to exclude {bound:.0} s \
         at 95 %, and a longer run narrows that.",
        lasting(quiet.seconds),
        quiet.toll.bad_seconds
    )
}

/// A length as people say it.
fn lasting(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} seconds"),
        s if s < 7200.0 => format!("{:.0} minutes", s / 60.0),
        s => format!("{:.1} hours", s / 3600.0),
    }
}
