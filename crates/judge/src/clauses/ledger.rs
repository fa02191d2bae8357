//! Nothing acknowledged is lost, and nothing is stored twice.

use crate::{
    figures::LedgerFigures,
    judgement::{Clause, Evidence, Finding, Verdict},
    ledger::worst_first,
    story::Story,
};

use super::count;

/// Why a loss is worse than an error.
const WHY_LOST: &str = "Whoever was told that a reading is kept does not send it again. Compared with the database \
                        after everything had healed and the queues were drained.";
const WHY_DUPLICATED: &str = "A client repeats what was not answered; the platform has to notice.";
const WHY_UNKNOWN: &str = "Without every stored reading, nothing is known about loss.";

/// The findings on the clauses that the contract has.
pub(super) fn findings(story: &Story, ledger: Option<&LedgerFigures>) -> Vec<Finding> {
    let contract = &story.header.drill.contract;
    let lost = contract.lost_readings.map(|limit| {
        let found = |ledger: &LedgerFigures| ledger.lost + ledger.altered;
        let words = |ledger: &LedgerFigures| {
            format!(
                "{} lost and {} altered of {} acknowledged",
                ledger.lost, ledger.altered, ledger.acknowledged
            )
        };
        let title = (Clause::AcknowledgedLoss, "acknowledged loss", WHY_LOST);
        finding(story, ledger, limit, title, found, words)
    });
    let duplicated = contract.duplicate_readings.map(|limit| {
        let words = |ledger: &LedgerFigures| {
            format!("{} of {} stored readings", ledger.duplicated, ledger.stored)
        };
        let title = (Clause::Duplicates, "duplicates", WHY_DUPLICATED);
        finding(story, ledger, limit, title, |l| l.duplicated, words)
    });
    lost.into_iter().chain(duplicated).collect()
}

fn finding(
    story: &Story,
    ledger: Option<&LedgerFigures>,
    limit: u64,
    (clause, title, why): (Clause, &str, &str),
    found: impl Fn(&LedgerFigures) -> u64,
    words: impl Fn(&LedgerFigures) -> String,
) -> Finding {
    // What is there twice stays there twice; what is missing may lie in the part that was not read.
    let known = ledger.filter(|l| l.complete || (clause == Clause::Duplicates && found(l) > limit));
    let (verdict, text) = match known {
        Some(ledger) if found(ledger) > limit => (Verdict::Broken, words(ledger)),
        Some(ledger) if ledger.acknowledged > 0 => (Verdict::Held, words(ledger)),
        Some(_) => (Verdict::Unproven, "no reading was acknowledged".into()),
        None => (Verdict::Unproven, missing(story, ledger)),
    };
    Finding {
        clause,
        title: title.into(),
        verdict,
        measured: count(text, known.map(&found)),
        limit: Some(count(limit.to_string(), Some(limit))),
        why: if known.is_some() { why } else { WHY_UNKNOWN }.into(),
        evidence: match known {
            Some(ledger) if clause == Clause::AcknowledgedLoss => losers(ledger),
            _ => Evidence::default(),
        },
    }
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
