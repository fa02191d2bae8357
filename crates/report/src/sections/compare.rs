//! Two runs side by side: each figure of both, and what the difference is worth.

use judge::{
    ClassComparison, ClauseComparison, Comparison, Difference, EpisodeComparison, Measure, Pair,
    RunHead, Unit, Verdict,
};

use crate::{
    document::{
        Align::{Left, Right},
        Cell, Section, Table, Tone,
    },
    words::millis,
};

/// How to read the intervals.
const INTERVALS: &str =
    "change: B minus A with its 95 % interval; requests of one second count once";

/// All sections of a comparison.
pub(crate) fn comparison(of: &Comparison) -> [Section; 4] {
    [runs(of), clauses(of), classes(of), episodes(of)]
}

fn runs(of: &Comparison) -> Section {
    let mut table = Table::new(&[("", Left), ("run", Left), ("verdict", Left), ("", Left)]);
    let mut row = |letter: &'static str, head: &RunHead| {
        let verdict = verdict(Some(head.verdict));
        let summary = format!(
            "{} on {}, {}: {}",
            head.drill, head.topology, head.started_at, head.summary
        );
        table.row([
            letter.into(),
            head.run.as_str().into(),
            verdict,
            summary.into(),
        ]);
    };
    row("A", &of.runs.a);
    row("B", &of.runs.b);
    let mut section = table.under("runs", "the second against the first");
    section.closing = match of.settings.is_empty() {
        true => "Both had the same drill, seed, traffic and machine.".into(),
        false => format!("Not the same in both: {}.", of.settings.join("; ")),
    };
    section
}

fn clauses(of: &Comparison) -> Section {
    let mut table = Table::new(&[
        ("clause", Left),
        ("A", Left),
        ("", Right),
        ("B", Left),
        ("", Right),
        ("change", Right),
    ]);
    for row in &of.clauses {
        table.row(clause(row));
    }
    table.under(
        "clauses",
        "what was measured; the sections below say what is noise",
    )
}

fn clause(row: &ClauseComparison) -> [Cell; 6] {
    let unit = [&row.measured.a, &row.measured.b]
        .into_iter()
        .flatten()
        .next();
    let change = match (row.change, unit) {
        (Some(change), Some(measure)) => format!("{change:+.2}{}", unit_word(measure.unit)),
        _ => "-".into(),
    };
    [
        row.title.as_str().into(),
        verdict(row.verdict.a),
        measured(row.measured.a.as_ref()),
        verdict(row.verdict.b),
        measured(row.measured.b.as_ref()),
        change.into(),
    ]
}

fn verdict(verdict: Option<Verdict>) -> Cell {
    match verdict {
        Some(verdict) => Cell::toned(verdict.name(), verdict.into()),
        None => Cell::toned("-", Tone::Faint),
    }
}

fn measured(measure: Option<&Measure>) -> Cell {
    match measure {
        None => "-".into(),
        Some(Measure { number: None, .. }) => Cell::toned("failed", Tone::Bad),
        Some(measure) => {
            let number = measure.number.unwrap_or_default();
            format!("{number:.2}{}", unit_word(measure.unit)).into()
        }
    }
}

fn unit_word(unit: Unit) -> &'static str {
    match unit {
        Unit::Seconds => " s",
        Unit::Milliseconds => " ms",
        Unit::UsdMonthly => " USD",
        Unit::Percent => " %",
        Unit::Count => "",
    }
}

fn classes(of: &Comparison) -> Section {
    let mut table = Table::new(&[
        ("class", Left),
        ("", Left),
        ("A", Right),
        ("B", Right),
        ("change", Right),
        ("95 % interval", Right),
        ("", Left),
    ]);
    for row in &of.classes {
        for (position, cells) in class(row).into_iter().enumerate() {
            let name = if position == 0 { row.class.name() } else { "" };
            table.row([name.into()].into_iter().chain(cells));
        }
    }
    table.under("classes", INTERVALS)
}

fn class(row: &ClassComparison) -> [Vec<Cell>; 4] {
    let figure = |what: &'static str, pair: Pair<String>, change: &Difference, decimals| {
        let head = [what.into(), pair.a.into(), pair.b.into()];
        head.into_iter()
            .chain(worth(Some(change), decimals))
            .collect()
    };
    let good = Pair {
        a: format!("{:.4}", row.good_percent.a),
        b: format!("{:.4}", row.good_percent.b),
    };
    let latency = |a: Option<f64>, b: Option<f64>| Pair {
        a: millis(a),
        b: millis(b),
    };
    let (a, b) = (&row.latency.a, &row.latency.b);
    [
        figure("good %", good, &row.good_change, 4),
        figure("p50 ms", latency(a.p50_ms, b.p50_ms), &row.p50_change, 1),
        figure("p95 ms", latency(a.p95_ms, b.p95_ms), &row.p95_change, 1),
        figure("p99 ms", latency(a.p99_ms, b.p99_ms), &row.p99_change, 1),
    ]
}

/// The change, its interval, and what to think of it.
fn worth(change: Option<&Difference>, decimals: usize) -> [Cell; 3] {
    let Some(of) = change else {
        return [
            "-".into(),
            "".into(),
            Cell::toned("too few episodes", Tone::Faint),
        ];
    };
    let number = |value: Option<f64>| {
        value.map_or_else(|| "-".into(), |value| format!("{value:+.decimals$}"))
    };
    let interval = match (of.low, of.high) {
        (None, None) => String::new(),
        (low, high) => format!("{} to {}", number(low), number(high)),
    };
    let word = match of.within_noise {
        true => Cell::toned("within noise", Tone::Faint),
        false => Cell::toned("differs", Tone::Heading),
    };
    [number(of.change).into(), interval.into(), word]
}

fn episodes(of: &Comparison) -> Section {
    let mut table = Table::new(&[
        ("episode", Left),
        ("equiv s A", Right),
        ("B", Right),
        ("change", Right),
        ("recovery s A", Right),
        ("B", Right),
        ("change", Right),
    ]);
    for row in &of.episodes {
        table.row(episode(row));
    }
    let mut section = table.under(
        "episodes",
        "bad-second-equivalents of the worst class; recovery: from healing to full health",
    );
    section.closing = [
        mean("cost", of.mean_cost_change_s.as_ref()),
        mean("recovery", of.mean_recovery_change_s.as_ref()),
    ]
    .join(" ");
    section
}

fn episode(row: &EpisodeComparison) -> [Cell; 7] {
    let seconds = |value: Option<f64>| -> Cell {
        value
            .map_or_else(|| "-".into(), |value| format!("{value:.2}"))
            .into()
    };
    let change = |value: Option<f64>| -> Cell {
        value
            .map_or_else(|| "-".into(), |value| format!("{value:+.2}"))
            .into()
    };
    [
        row.name.as_str().into(),
        seconds(row.cost_s.a),
        seconds(row.cost_s.b),
        change(row.cost_change_s),
        seconds(row.recovery_s.a),
        seconds(row.recovery_s.b),
        change(row.recovery_change_s),
    ]
}

/// One episode of each run proves nothing; all of them together may.
fn mean(what: &str, change: Option<&Difference>) -> String {
    let [change, interval, word] = worth(change, 2);
    match interval.text.is_empty() {
        true => format!("Mean change of {what}: {}.", word.text),
        false => format!(
            "Mean change of {what} over the episodes that both completed: {} s, 95 % interval {} s: {}.",
            change.text, interval.text, word.text
        ),
    }
}
