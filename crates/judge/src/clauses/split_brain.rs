//! No two members are the database's primary at the same time.

use drill::Role;

use crate::{
    judgement::{Clause, Evidence, Finding, Verdict},
    primaries::Overlap,
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
    let (said, wrote) = (
        story.primaries.longest_overlap(),
        story.writers.longest_overlap().cloned(),
    );
    let together_s = [&said, &wrote]
        .into_iter()
        .flatten()
        .map(|overlap| overlap.lasted_s)
        .fold(0.0, f64::max);
    let unseen = story.primaries.longest_unseen(story.load_end());
    let unseen = unseen.filter(|unseen| unseen.lasted_s > LOOKS_S);
    let mut text = match story.primaries.were_seen() {
        false => "no primary was seen".into(),
        // Recordings of builds that did not look at the logs.
        true if !story.writers.were_seen() => words("primaries", &said),
        true => format!(
            "{}; {}",
            words("primaries", &said),
            words("writers", &wrote)
        ),
    };
    if let Some(unseen) = &unseen {
        let (member, lasted_s) = (unseen.members.join(" and "), unseen.lasted_s);
        text += &format!("; {member} did not answer for {lasted_s:.1} s and was not reported dead");
    }
    let seen = story.primaries.were_seen() && story.observer_lost.is_empty() && unseen.is_none();
    Some(Finding {
        clause: Clause::SplitBrain,
        title: "split brain".into(),
        verdict: match seen {
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
            "What each member says of itself ({}), and whose write-ahead log grew.",
            Role::PostgresPrimary
        ),
        evidence: Evidence {
            offsets: [said, wrote]
                .into_iter()
                .flatten()
                .map(|o| o.from)
                .collect(),
            episodes: vec![],
        },
    })
}

fn words(what: &str, overlap: &Option<Overlap>) -> String {
    overlap.as_ref().map_or_else(
        || format!("never two {what}"),
        |overlap| {
            let (members, lasted_s) = (overlap.members.join(" and "), overlap.lasted_s);
            format!("{members} were {what} together for {lasted_s:.1} s")
        },
    )
}
