//! What was acknowledged against what is stored.

use judge::{ChangeFigures, EntryFault, Judgement, LedgerEntry, LedgerFigures, PageFigures};

use crate::{
    document::{
        Align::{Left, Right},
        Cell, Section, Table, Tone,
    },
    words::count,
};

/// Readings that are named; the verdict's file names more.
const MOST_NAMED: usize = 20;

/// Counts, and by name whatever is not stored as it should be.
pub(crate) fn ledger(judgement: &Judgement) -> Section {
    let mut table = Table::new(&[("", Left), ("readings", Right), ("", Left)]);
    match &judgement.ledger {
        None => {
            let nothing = Cell::toned("the stored readings were not read", Tone::Doubt);
            table.row([nothing, "-".into(), "".into()]);
        }
        Some(figures) => {
            counts(figures, &mut table);
            let all = figures.lost
                + figures.altered
                + figures.altered_unacknowledged
                + figures.duplicated;
            named(&figures.named, all, &mut table);
        }
    }
    if let Some(figures) = &judgement.pages {
        pages(figures, &mut table);
        named(&figures.named, figures.missing, &mut table);
    }
    if let Some(figures) = &judgement.changes {
        changes(figures, &mut table);
    }
    table.under(
        "ledger",
        "what monitors were told is kept, against the database after everything had healed",
    )
}

fn counts(figures: &LedgerFigures, table: &mut Table) {
    let fine = |n: u64| Cell::from(count(n));
    let wrong = |n: u64| Cell::bad_if(n > 0, count(n));
    let rows = [
        ("acknowledged", fine(figures.acknowledged), ""),
        ("stored", fine(figures.stored), ""),
        ("lost", wrong(figures.lost), "acknowledged, not stored"),
        (
            "altered",
            wrong(figures.altered),
            "acknowledged, stored with other values",
        ),
        (
            "duplicated",
            wrong(figures.duplicated),
            "stored more than once",
        ),
        (
            "unacknowledged",
            fine(figures.unacknowledged),
            "stored, though the monitor had given up: nobody promised it",
        ),
        (
            "of those altered",
            wrong(figures.altered_unacknowledged),
            "stored with other values than were posted",
        ),
    ];
    for (what, number, about) in rows {
        table.row([what.into(), number, Cell::toned(about, Tone::Faint)]);
    }
    if !figures.complete {
        let text = "the ledger broke off: what is missing may lie in the rest";
        table.note(text.into(), Tone::Doubt);
    }
}

/// Alarming readings, and what the third party that notifies staff has in its book.
fn pages(figures: &PageFigures, table: &mut Table) {
    let wrong = Cell::bad_if(figures.missing > 0, count(figures.missing));
    let again = format!("{} taken again", count(figures.repeated));
    let rows = [
        (
            "alarming",
            Cell::from(count(figures.due)),
            "acknowledged, and staff must hear of them",
        ),
        ("paged", Cell::from(count(figures.taken)), again.as_str()),
        ("not paged", wrong, "not in the third party's book"),
        (
            "paged late",
            Cell::bad_if(figures.late > 0, count(figures.late)),
            "after the contract's bound",
        ),
    ];
    for (what, number, about) in rows {
        table.row([what.into(), number, Cell::toned(about, Tone::Faint)]);
    }
}

/// Changes of thresholds, and by name those that do not stand.
fn changes(figures: &ChangeFigures, table: &mut Table) {
    let wrong = |n: u64| Cell::bad_if(n > 0, count(n));
    let of = format!(
        "changes of thresholds, of {} sent",
        count(figures.attempted)
    );
    let rows = [
        (
            "changes",
            Cell::from(count(figures.acknowledged)),
            of.as_str(),
        ),
        (
            "patients",
            Cell::from(count(figures.compared)),
            "with an acknowledged change",
        ),
        (
            "changes lost",
            wrong(figures.lost),
            "patients with the thresholds of before",
        ),
        (
            "changes altered",
            wrong(figures.altered),
            "patients with thresholds that nobody asked for",
        ),
    ];
    for (what, number, about) in rows {
        table.row([what.into(), number, Cell::toned(about, Tone::Faint)]);
    }
    for entry in figures.named.iter().take(MOST_NAMED) {
        let fault = match entry.fault {
            EntryFault::Altered => "altered",
            _ => "lost",
        };
        let episode = entry.episode.as_deref().unwrap_or("quiet time");
        let (patient, user) = (entry.patient, entry.user);
        let text = format!(
            "{fault}: patient {patient} by user {user}, due at {:.1} s, {episode}",
            entry.due_s
        );
        table.note(text, Tone::Bad);
    }
    let more = (figures.lost + figures.altered).saturating_sub(MOST_NAMED as u64);
    if more > 0 {
        table.note(format!("and {} more", count(more)), Tone::Bad);
    }
}

fn named(named: &[LedgerEntry], all: u64, table: &mut Table) {
    for entry in named.iter().take(MOST_NAMED) {
        let fault = match entry.fault {
            EntryFault::Lost => "lost",
            EntryFault::Altered => "altered",
            EntryFault::Duplicated => "duplicated",
            EntryFault::NotPaged => "not paged",
            EntryFault::AlteredUnacknowledged => "altered, unacknowledged",
        };
        let episode = entry.episode.as_deref().unwrap_or("quiet time");
        let id = &entry.reading_id;
        let text = format!("{fault}: {id}, due at {:.1} s, {episode}", entry.due_s);
        table.note(text, Tone::Bad);
    }
    let more = all.saturating_sub(MOST_NAMED as u64);
    if more > 0 {
        table.note(format!("and {} more", count(more)), Tone::Bad);
    }
}
