//! No two members are the database's primary at the same time.

use drill::Role;

use crate::{
    judgement::{Clause, Evidence, Finding, Verdict},
    story::Story,
};

use super::seconds;

/// Two sights within this time of each other may be one change: a look every 0.5 s, each with up to a second
/// for its answer.
const LOOKS_S: f64 = 2.0;

/// The finding, if the contract has the clause.
pub(super) fn finding(story: &Story) -> Option<Finding> {
    if !story.header.drill.contract.no_split_brain {
        return None;
    }
    let longest = story.primaries.longest_overlap();
    let together_s = longest.as_ref().map_or(0.0, |overlap| overlap.lasted_s);
    let text = match &longest {
        _ if !story.primaries.were_seen() => "no primary was seen".into(),
        None => "never two primaries".into(),
        Some(overlap) => format!(
            "{} together for {together_s:.1} s",
            overlap.members.join(" and ")
        ),
    };
    Some(Finding {
        clause: Clause::SplitBrain,
        title: "split brain".into(),
        verdict: match story.primaries.were_seen() && story.observer_lost.is_empty() {
            _ if together_s > LOOKS_S => Verdict::Broken,
            true => Verdict::Held,
            false => Verdict::Unproven,
        },
        measured: seconds(text, Some(together_s)),
        limit: Some(seconds(
            format!("{LOOKS_S:.0} s, the time of two looks"),
            Some(LOOKS_S),
        )),
        why: format!(
            "What each member says of itself: {}.",
            Role::PostgresPrimary
        ),
        evidence: Evidence {
            offsets: longest.into_iter().map(|overlap| overlap.from).collect(),
            episodes: vec![],
        },
    })
}
