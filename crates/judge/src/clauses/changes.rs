//! No acknowledged change of thresholds is lost.

use crate::{
    changes::ChangeFigures,
    judgement::{Clause, Evidence, Finding, Verdict},
    ledger::worst_first,
    story::Story,
};

use super::count;

/// The finding, if the contract has the clause.
pub(super) fn finding(story: &Story, changes: Option<&ChangeFigures>) -> Option<Finding> {
    let limit = story.header.drill.contract.lost_changes?;
    let found = |changes: &ChangeFigures| changes.lost + changes.altered;
    let (verdict, text) = match changes {
        None => (Verdict::Unproven, unknown(story)),
        Some(changes) if found(changes) > limit => (Verdict::Broken, words(changes)),
        Some(changes) if changes.unexplained > 0 => {
            let text = format!(
                "{} changes that no user of the drill makes",
                changes.unexplained
            );
            (Verdict::Unproven, text)
        }
        Some(changes) if changes.acknowledged == 0 => {
            (Verdict::Unproven, "no change was acknowledged".into())
        }
        Some(changes) => (Verdict::Held, words(changes)),
    };
    let lost = changes.into_iter();
    let lost = lost.flat_map(|changes| worst_first(&changes.by_episode));
    let lost = lost.filter(|(name, _)| !name.is_empty());
    Some(Finding {
        clause: Clause::LostChanges,
        title: "lost changes".into(),
        verdict,
        measured: count(text, changes.map(found)),
        limit: Some(count(limit.to_string(), Some(limit))),
        why: "A patient's thresholds must be those of a change that no acknowledged one was sent after, once everything had \
              healed. Changes that a later one has replaced can't be seen any more."
            .into(),
        evidence: Evidence {
            offsets: vec![],
            episodes: lost.map(|(name, _)| name.to_owned()).collect(),
        },
    })
}

fn words(changes: &ChangeFigures) -> String {
    format!(
        "{} lost and {} altered of {} patients with an acknowledged change; {} of {} changes acknowledged",
        changes.lost, changes.altered, changes.compared, changes.acknowledged, changes.attempted
    )
}

fn unknown(story: &Story) -> String {
    match &story.thresholds_failed {
        Some((_, reason)) => reason.clone(),
        None => "the stored thresholds were not read".into(),
    }
}
