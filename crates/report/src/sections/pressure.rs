//! Who came with each fault of the load, and where they were stopped.

use judge::Judgement;

use crate::{
    document::{
        Align::{Left, Right},
        Cell, Section, Table,
    },
    words::count,
};

/// One row for each surge and each flood; none where the drill has neither.
pub(crate) fn pressure(judgement: &Judgement) -> Option<Section> {
    if judgement.pressures.is_empty() {
        return None;
    }
    let mut table = Table::new(&[
        ("episode", Left),
        ("fault", Left),
        ("clients", Right),
        ("requests", Right),
        ("per s", Right),
        ("passed", Right),
        ("429", Right),
        ("refused", Right),
        ("silence", Right),
        ("others", Right),
        ("bad", Right),
    ]);
    for row in &judgement.pressures {
        let fates = &row.fates;
        // What becomes of abusers is nobody's loss.
        let loss = |n: u64| Cell::bad_if(n > 0 && !row.abuse, count(n));
        table.row([
            row.episode.as_str().into(),
            row.fault.as_str().into(),
            count(row.clients).into(),
            count(row.requests).into(),
            format!("{:.1}", row.requests_per_s).into(),
            count(fates.let_through).into(),
            loss(fates.limited),
            loss(fates.refused),
            loss(fates.unanswered),
            count(row.others).into(),
            Cell::bad_if(row.others_bad > 0, count(row.others_bad)),
        ]);
    }
    let note = "who came with a fault of the load, and where they were stopped";
    let mut section = table.under("pressure", note);
    section.closing = "429: refused by the gateway. Refused: by another status. Silence: no whole answer. Others: requests \
                       of everybody else in the episode, and bad ones among them. A surge is judged as all users are; a \
                       flood is in no other figure of this report, but those that components counted themselves."
        .into();
    Some(section)
}
