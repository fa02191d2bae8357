//! Staff is notified of every alarming reading, and in time.

use std::collections::BTreeMap;

use crate::{
    judgement::{Clause, Evidence, Finding, Verdict},
    ledger::worst_first,
    pages::PageFigures,
    story::Story,
};

use super::{count, seconds};

/// The findings on the clauses that the contract has.
pub(super) fn findings(story: &Story, pages: Option<&PageFigures>) -> Vec<Finding> {
    let both = [notified(story, pages), in_time(story, pages)];
    both.into_iter().flatten().collect()
}

fn notified(story: &Story, pages: Option<&PageFigures>) -> Option<Finding> {
    let limit = story.header.drill.contract.lost_pages?;
    let (verdict, text) = match pages {
        Some(pages) if pages.missing > limit => (Verdict::Broken, words(pages)),
        Some(pages) if pages.due > 0 => (Verdict::Held, words(pages)),
        Some(_) => (Verdict::Unproven, "no page was due".into()),
        None => (Verdict::Unproven, unknown(story)),
    };
    Some(Finding {
        clause: Clause::Pages,
        title: "staff notified".into(),
        verdict,
        measured: count(text, pages.map(|pages| pages.missing)),
        limit: Some(count(format!("{limit} missing"), Some(limit))),
        why: "Acknowledged readings that alarm, against the book of the third party that notifies staff, once \
              everything had healed and no page had come for a while."
            .into(),
        evidence: pages.map_or_else(Evidence::default, |pages| where_due(&pages.by_episode)),
    })
}

/// The slowest page against the contract's bound. A page that never came is the other clause's, where there is one.
fn in_time(story: &Story, pages: Option<&PageFigures>) -> Option<Finding> {
    let contract = &story.header.drill.contract;
    let limit = contract.paged_within?;
    let never = |pages: &PageFigures| match contract.lost_pages {
        Some(_) => 0,
        None => pages.missing,
    };
    let (verdict, text) = match pages {
        None => (Verdict::Unproven, unknown(story)),
        Some(pages) if pages.due == 0 => (Verdict::Unproven, "no page was due".into()),
        Some(pages) if pages.late + never(pages) > 0 => (Verdict::Broken, slowest(pages)),
        Some(pages) if pages.early > 0 => {
            let early = pages.early;
            let text = format!("{early} pages older than their reading: the clocks disagree");
            (Verdict::Unproven, text)
        }
        Some(pages) if pages.slowest_s.is_none() && pages.missing < pages.due => {
            let text = "the recording does not tell its wall clock".into();
            (Verdict::Unproven, text)
        }
        Some(pages) if pages.slowest_s.is_none() => (Verdict::Unproven, "no page came".into()),
        Some(pages) => (Verdict::Held, slowest(pages)),
    };
    let limit_s = limit.as_secs_f64();
    Some(Finding {
        clause: Clause::PageDelivery,
        title: "page delivery".into(),
        verdict,
        measured: seconds(text, pages.and_then(|pages| pages.slowest_s)),
        limit: Some(seconds(format!("{limit_s:.2} s"), Some(limit_s))),
        why: "From the moment at which an acknowledged reading that alarms was due, to the first page of it in the third \
              party's book. Waiting for that book to settle does not count."
            .into(),
        evidence: pages.map_or_else(Evidence::default, |pages| where_due(&pages.late_by_episode)),
    })
}

fn slowest(pages: &PageFigures) -> String {
    let slowest = pages.slowest_s.map(|slowest| format!("{slowest:.2} s"));
    format!(
        "{}, {} of {} late, {} never",
        slowest.as_deref().unwrap_or("none came"),
        pages.late,
        pages.due,
        pages.missing
    )
}

/// The episodes, those of most readings first.
fn where_due(by_episode: &BTreeMap<String, u64>) -> Evidence {
    let named = worst_first(by_episode).into_iter();
    let named = named.filter(|(name, _)| !name.is_empty());
    Evidence {
        offsets: vec![],
        episodes: named.map(|(name, _)| name.to_owned()).collect(),
    }
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
