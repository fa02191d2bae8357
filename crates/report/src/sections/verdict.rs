//! What came of it: the verdict and the findings that it is the worst of.

use judge::{Clause, Confidence, Finding, Judgement, Verdict};

use crate::{
    sections::paragraph,
    table::{Align::Left, Cell, Paint, Table, Tone, WIDTH},
    words::{shout, wrap},
};

/// One line, if it is short enough; the drill and its lesson below it.
pub(crate) fn verdict(judgement: &Judgement, paint: Paint) -> String {
    let tone = Tone::from(judgement.verdict);
    let line = format!("{}: {}", judgement.drill, judgement.summary);
    let word = shout(judgement.verdict);
    let hang = word.chars().count() + 2;
    let mut out = String::new();
    for (number, line) in wrap(&line, WIDTH - hang).iter().enumerate() {
        out += &match number {
            0 => format!("{}  {line}\n", paint.tone(tone, word)),
            _ => format!("{}{line}\n", " ".repeat(hang)),
        };
    }
    if !judgement.took_down.is_empty() {
        let down = format!(
            "The service went down with: {}.",
            judgement.took_down.join(", ")
        );
        out += &paragraph(&down, paint, Tone::Bad);
    }
    out.push('\n');
    out += &paragraph(&judgement.about, paint, Tone::Plain);
    out += &paragraph(&format!("Lesson: {}", judgement.lesson), paint, Tone::Plain);
    let machine: Vec<_> = judgement
        .machine
        .iter()
        .map(|(k, v)| format!("{k} {v}"))
        .collect();
    let place = format!(
        "Run {} on topology {}, seed {}, started {}. {}",
        judgement.run,
        judgement.topology,
        judgement.seed,
        judgement.started_at,
        machine.join(", ")
    );
    out + &paragraph(&place, paint, Tone::Faint)
}

/// Every finding, the contract's own first.
pub(crate) fn findings(judgement: &Judgement, paint: Paint) -> String {
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
    let heading = paint.heading("findings", "the verdict is the worst of them");
    let confidence = judgement.confidence.as_ref().map(confidence);
    let confidence = confidence.unwrap_or_default();
    heading + &table.render(paint) + &paragraph(&confidence, paint, Tone::Plain)
}

/// What the episodes allow to say about other ones.
fn confidence(known: &Confidence) -> String {
    let chance = format!(
        "{} of {} episodes cost users nothing: at 95 % confidence, at most {:.0} % of such faults cost \
         something.",
        known.clean, known.episodes, known.costly_at_most_percent
    );
    let cost = known.bound_s.map_or_else(String::new, |bound| {
        format!(
            " Assuming {}, faults alone cost {:.2} s in the mean, and no more than {bound:.2} s in 95 of \
             100 such schedules.",
            known.schedule, known.mean_s
        )
    });
    chance + &cost
}

fn measured(finding: &Finding) -> String {
    match &finding.limit {
        Some(limit) => format!("{} (limit {})", finding.measured.text, limit.text),
        None => finding.measured.text.clone(),
    }
}
