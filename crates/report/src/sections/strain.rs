//! How hard the database and the pools in front of it worked.

use judge::Judgement;

use crate::{
    document::{
        Align::{Left, Right},
        Section, Table,
    },
    words::amount,
};

/// The quiet time and each episode; none where the judge followed neither.
pub(crate) fn strain(judgement: &Judgement) -> Option<Section> {
    if judgement.strain.is_empty() {
        return None;
    }
    let mut table = Table::new(&[
        ("episode", Left),
        ("database busy %", Right),
        ("commits/s", Right),
        ("pool in use", Right),
        ("waiting", Right),
    ]);
    let shown = |figure: Option<f64>| figure.map_or_else(|| "-".into(), amount);
    for row in &judgement.strain {
        let name = match row.episode.as_str() {
            "" => "(quiet time)",
            name => name,
        };
        table.row([
            name.into(),
            shown(row.database_busy_percent).into(),
            shown(row.commits_per_s).into(),
            shown(row.pool_in_use).into(),
            shown(row.pool_waiting).into(),
        ]);
    }
    let note = "how hard the database and the pools in front of it worked";
    let mut section = table.under("strain", note);
    section.closing = "Busy: time that sessions spent on statements, of all members; 100 keep one processor busy at most. \
                       Pool in use, waiting: the most of one member, looked at every 5 s."
        .into();
    Some(section)
}
