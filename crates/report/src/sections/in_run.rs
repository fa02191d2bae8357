//! The first statement: what users had in this run.

use judge::{InRun, Judgement};

use crate::{
    document::{
        Align::{Left, Right},
        Cell, Section, Table,
    },
    words::{count, lasting, percent},
};

/// One row for each promised class.
pub(crate) fn in_run(judgement: &Judgement) -> Section {
    let mut table = Table::new(&[
        ("class", Left),
        ("asked", Right),
        ("failed first", Right),
        ("failed", Right),
        ("good %", Right),
        ("lost s", Right),
        ("up %", Right),
        ("outage", Right),
    ]);
    for row in &judgement.in_run {
        table.row(cells(row));
    }
    let mut section = table.under(
        "in this run",
        "what users had; of this load, and of no other time",
    );
    section.closing = format!(
        "{} of load. Failed first: at the first attempt; failed: in the end as well. Up: share of the load's time with service. \
         Outage: longest time on end in which more than half failed, in seconds.{}",
        lasting(judgement.load.seconds),
        windows(judgement)
    );
    section
}

fn cells(row: &InRun) -> [Cell; 8] {
    [
        row.class.name().into(),
        count(row.asked).into(),
        row.failed_at_first.map_or_else(|| "-".into(), count).into(),
        Cell::bad_if(row.failed > 0, count(row.failed)),
        percent(row.good_percent).into(),
        format!("{:.2}", row.lost_s).into(),
        percent(row.up_percent).into(),
        count(row.longest_outage_s).into(),
    ]
}

/// The worst windows of the users' time.
fn windows(judgement: &Judgement) -> String {
    let worst = judgement.user_uptime.iter();
    let worst = worst.map(|window| format!("{:.2} % of {} s", window.up_percent, window.window_s));
    let worst: Vec<_> = worst.collect();
    match worst.is_empty() {
        true => String::new(),
        false => format!(
            " In the worst windows, users were up for {}.",
            worst.join(", ")
        ),
    }
}
