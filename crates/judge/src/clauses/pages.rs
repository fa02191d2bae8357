//! Staff is notified of every alarming reading.

use crate::{
    judgement::{Clause, Evidence, Finding, Verdict},
    ledger::worst_first,
    pages::PageFigures,
    story::Story,
};

use super::count;

/// The finding, if the contract has the clause.
pub(super) fn finding(story: &Story, pages: Option<&PageFigures>) -> Option<Finding> {
    let limit = story.header.drill.contract.lost_pages?;
    let (verdict, text) = match pages {
        Some(pages) if pages.missing > limit => (Verdict::Broken, words(pages)),
        Some(pages) if pages.due > 0 => (Verdict::Held, words(pages)),
        Some(_) => (Verdict::Unproven, "no page was due".into()),
        None => (Verdict::Unproven, unknown(story)),
    };
    let lost = pages
        .into_iter()
        .flat_map(|pages| worst_first(&pages.by_episode));
    let lost = lost.filter(|(name, _)| !name.is_empty());
    Some(Finding {
        clause: Clause::Pages,
        title: "staff notified".into(),
        verdict,
        measured: count(text, pages.map(|pages| pages.missing)),
        limit: Some(count(format!("{limit} missing"), Some(limit))),
        why: "Acknowledged readings that alarm, against the book of the third party that notifies staff, once \
              everything had healed and no page had come for a while."
            .into(),
        evidence: Evidence {
            offsets: vec![],
            episodes: lost.map(|(name, _)| name.to_owned()).collect(),
        },
    })
}

fn words(pages: &PageFigures) -> String {
    let slowest = match pages.slowest_s {
        Some(slowest) => format!(", the slowest after {slowest:.2} s"),
        None => String::new(),
    };
    format!(
        "{} due, {} missing, {} taken again{slowest}",
        pages.due, pages.missing, pages.repeated
    )
}

fn unknown(story: &Story) -> String {
    match &story.pages_failed {
        Some((_, reason)) => reason.clone(),
        None => "the third party's book was not read".into(),
    }
}
