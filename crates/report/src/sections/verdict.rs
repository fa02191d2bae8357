//! What came of it: the verdict and the findings that it is the worst of.

use judge::{Clause, Judgement, Verdict};

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
    table.under("findings", "the verdict is the worst of them")
}
