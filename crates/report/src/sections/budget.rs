//! The second statement: what the run burned of the outage budget of a whole window.

use judge::{ClassBudget, Judgement};

use crate::{
    document::{
        Align::{Left, Right},
        Cell, Section, Table,
    },
    words::{amount, tenth},
};

/// One row for each promised class: as time, and as requests.
pub(crate) fn budget(judgement: &Judgement) -> Section {
    let budget = &judgement.budget;
    let mut table = Table::new(&[
        ("class", Left),
        ("lost s", Right),
        ("allowed s", Right),
        ("burned %", Right),
        ("failed", Right),
        ("allowed", Right),
        ("burned %", Right),
        ("unseen s", Right),
    ]);
    for row in &budget.by_class {
        table.row(cells(row, budget.allowed_s));
    }
    let mut section = table.under(
        "budget",
        "what this run burned of a window's, as time and as requests; the worse of the two counts",
    );
    section.closing = format!(
        "Promised: {} % of {:.0} h. Allowed is what that leaves, in time, and in requests at this run's mean rate. Each episode \
         counts {}, the quiet time as seen. Unseen: outages that could hide between the requests of the class.",
        judgement.contract.availability_percent,
        judgement.contract.window.as_secs_f64() / 3600.0,
        times(judgement)
    );
    section
}

fn cells(row: &ClassBudget, allowed_s: f64) -> [Cell; 8] {
    let over = |percent: Option<f64>| percent > Some(100.0);
    [
        row.class.name().into(),
        format!("{:.2}", row.lost_s).into(),
        format!("{allowed_s:.2}").into(),
        Cell::bad_if(
            over(Some(row.lost_percent)),
            format!("{:.1}", row.lost_percent),
        ),
        amount(row.failed).into(),
        format!("{:.1}", row.allowed).into(),
        Cell::bad_if(over(row.failed_percent), tenth(row.failed_percent)),
        row.resolution_s
            .map_or_else(|| "-".into(), |unseen| format!("{unseen:.2}"))
            .into(),
    ]
}

fn times(judgement: &Judgement) -> &'static str {
    let mut burns = judgement.budget.burns.iter();
    match burns.all(|burn| burn.per_window == 1.0) {
        true => "once",
        false => "as often as its fault happens in a window",
    }
}
