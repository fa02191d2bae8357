//! What was acknowledged is shown to those who read it, within the bound.

use drill::Class;
use timeline::Outcome;

use crate::{
    judgement::{Clause, Evidence, Finding, Verdict},
    slots::index,
    story::Story,
    tally::Tally,
};

use super::count;

/// The finding, if the contract has the clause.
pub(super) fn finding(story: &Story, tally: &Tally) -> Option<Finding> {
    let bound_s = story.header.drill.contract.visible_within?.as_secs_f64();
    let of = |class: Class, outcome: Outcome| tally.outcomes[index(class)][outcome as usize];
    let unseen: u64 = Class::ALL
        .into_iter()
        .map(|class| of(class, Outcome::NotVisible))
        .sum();
    let (reads, readings) = (of(Class::Read, Outcome::Ok), of(Class::Ingest, Outcome::Ok));
    // Without a reading there was nothing that a read could have missed.
    let verdict = match (unseen, reads, readings) {
        (1.., ..) => Verdict::Broken,
        (0, 0, _) | (0, _, 0) => Verdict::Unproven,
        _ => Verdict::Held,
    };
    let text = format!(
        "{unseen} reads without an acknowledged reading beside {reads} good ones, after {readings} readings"
    );
    Some(Finding {
        clause: Clause::Visibility,
        title: "visibility".into(),
        verdict,
        measured: count(text, Some(unseen)),
        limit: Some(count(format!("none later than {bound_s:.0} s"), Some(0))),
        why: "A read must show every reading of its patient that was acknowledged longer ago than the bound.".into(),
        evidence: Evidence::default(),
    })
}
