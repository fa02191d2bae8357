//! Nothing acknowledged is lost, what is stored is as it was posted, and nothing happens twice.

use drill::{Class, Component};
use timeline::Outcome;

use crate::{
    Kept,
    figures::LedgerFigures,
    judgement::{Clause, Evidence, Finding, Verdict},
    ledger::worst_first,
    slots::index,
    story::Story,
    tally::Tally,
};

use super::count;

/// Why a loss is worse than an error.
const WHY_LOST: &str = "A monitor does not send an acknowledged reading again, and a reader believes what is shown. \
                        Compared with the database after everything had healed and the queues were drained.";
const WHY_DUPLICATED: &str = "A client repeats what was not answered; the platform has to notice. A reading's id is the table's \
                              primary key, so the database itself refuses a second row: what can happen twice is a page, \
                              which calls staff again. Alerts shown twice have a clause of their own.";
const WHY_UNKNOWN: &str = "Without every stored reading, nothing is known about loss.";

/// The findings on the clauses that the contract has.
pub(super) fn findings(story: &Story, tally: &Tally, kept: &Kept) -> Vec<Finding> {
    let contract = &story.header.drill.contract;
    let lost = contract.lost_readings.map(|limit| lost(story, kept, limit));
    let twice = contract.duplicate_readings;
    let twice = twice.map(|limit| twice_finding(story, tally, kept, limit));
    lost.into_iter().chain(twice).collect()
}

/// Lost, or not as it was posted.
fn lost(story: &Story, kept: &Kept, limit: u64) -> Finding {
    let found =
        |ledger: &LedgerFigures| ledger.lost + ledger.altered + ledger.altered_unacknowledged;
    let known = kept.ledger.as_ref().filter(|ledger| ledger.complete);
    let (verdict, text) = match known {
        Some(ledger) if found(ledger) > limit => (Verdict::Broken, lost_words(ledger)),
        Some(ledger) if ledger.acknowledged > 0 => (Verdict::Held, lost_words(ledger)),
        Some(_) => (Verdict::Unproven, "no reading was acknowledged".into()),
        None => (Verdict::Unproven, missing(story, kept.ledger.as_ref())),
    };
    Finding {
        clause: Clause::AcknowledgedLoss,
        title: "acknowledged loss".into(),
        verdict,
        measured: count(text, known.map(found)),
        limit: Some(count(limit.to_string(), Some(limit))),
        why: if known.is_some() {
            WHY_LOST
        } else {
            WHY_UNKNOWN
        }
        .into(),
        evidence: known.map_or_else(Evidence::default, losers),
    }
}

fn lost_words(ledger: &LedgerFigures) -> String {
    let lost = format!(
        "{} lost and {} altered of {} acknowledged",
        ledger.lost, ledger.altered, ledger.acknowledged
    );
    let others = match ledger.unacknowledged {
        0 => String::new(),
        stored => format!(
            "; {} altered of {stored} stored without an acknowledgement",
            ledger.altered_unacknowledged
        ),
    };
    match ledger.compared {
        Some(compared) => format!("{lost}{others}; {compared} compared value by value"),
        None => format!("{lost}{others}"),
    }
}

/// Rows that are there twice, and pages that were taken twice.
fn twice_finding(story: &Story, tally: &Tally, kept: &Kept, limit: u64) -> Finding {
    let rows = kept.ledger.as_ref().map_or(0, |ledger| ledger.duplicated);
    let pages = kept.pages.as_ref().map_or(0, |pages| pages.repeated);
    let twice = rows + pages;
    let whole = kept.ledger.as_ref().filter(|ledger| ledger.complete);
    let (verdict, text) = match whole {
        // What is there twice stays there twice; what is missing may lie in the part that was not read.
        _ if twice > limit => (Verdict::Broken, twice_words(story, tally, kept)),
        None => (Verdict::Unproven, missing(story, kept.ledger.as_ref())),
        Some(_) if kept.pages.is_none() && story.pages_failed.is_some() => {
            let reason = story
                .pages_failed
                .as_ref()
                .map(|(_, reason)| reason.as_str());
            let text = format!("the third party's book: {}", reason.unwrap_or("not read"));
            (Verdict::Unproven, text)
        }
        Some(ledger) if ledger.acknowledged == 0 => {
            (Verdict::Unproven, "no reading was acknowledged".into())
        }
        Some(_) => (Verdict::Held, twice_words(story, tally, kept)),
    };
    let known = verdict != Verdict::Unproven;
    Finding {
        clause: Clause::Duplicates,
        title: "duplicates".into(),
        verdict,
        measured: count(text, known.then_some(twice)),
        limit: Some(count(limit.to_string(), Some(limit))),
        why: if known { WHY_DUPLICATED } else { WHY_UNKNOWN }.into(),
        evidence: Evidence::default(),
    }
}

/// What was looked at, and where a second one could have been seen.
fn twice_words(story: &Story, tally: &Tally, kept: &Kept) -> String {
    let mut words = vec![];
    if let Some(ledger) = &kept.ledger {
        words.push(format!("{} of {} rows", ledger.duplicated, ledger.stored));
    }
    words.push(match &kept.pages {
        Some(pages) => format!("{} of {} pages", pages.repeated, pages.taken),
        None => "no book of pages".into(),
    });
    let mut words = format!("twice: {}", words.join(", "));
    if let Some(refused) = story.counters.total(Component::Worker, "duplicates") {
        words += &format!("; delivered again and refused: {refused:.0} readings");
    }
    let again = tally.outcomes[index(Class::Alert)][Outcome::Repeated as usize];
    words + &format!("; {again} alerts shown again")
}

fn missing(story: &Story, ledger: Option<&LedgerFigures>) -> String {
    match (&story.ledger_failed, ledger) {
        (Some((_, reason)), _) => reason.clone(),
        (None, Some(ledger)) => format!("the ledger broke off after {} readings", ledger.stored),
        (None, None) => "the stored readings were not read".into(),
    }
}

/// The episodes in which acknowledged readings were lost.
fn losers(ledger: &LedgerFigures) -> Evidence {
    let named = worst_first(&ledger.by_episode).into_iter();
    let episodes = named.filter(|(name, _)| !name.is_empty());
    Evidence {
        offsets: vec![],
        episodes: episodes.map(|(name, _)| name.to_owned()).collect(),
    }
}
