//! Nobody goes back in time for longer than the bound.

use drill::Class;
use timeline::Outcome;

use crate::{
    judgement::{Clause, Evidence, Finding, Measure, Unit, Verdict},
    slots::index,
    story::Story,
    tally::Tally,
};

/// The finding, if the contract has the clause.
pub(super) fn finding(story: &Story, tally: &Tally) -> Option<Finding> {
    let bound_s = story.header.drill.contract.stale_at_most?.as_secs_f64();
    let of = |class: Class, outcome: Outcome| tally.outcomes[index(class)][outcome as usize];
    let stale = of(Class::Read, Outcome::Stale);
    let (reads, changes) = (of(Class::Read, Outcome::Ok), of(Class::Admin, Outcome::Ok));
    // Without a change there was nothing that a read could have missed.
    let verdict = match (stale, reads, changes) {
        (1.., ..) => Verdict::Broken,
        (0, 0, _) | (0, _, 0) => Verdict::Unproven,
        _ => Verdict::Held,
    };
    let count = |text: String, number: u64| Measure {
        text,
        number: Some(number as f64),
        unit: Unit::Count,
    };
    Some(Finding {
        clause: Clause::Staleness,
        title: "staleness".into(),
        verdict,
        measured: count(
            format!("{stale} stale reads beside {reads} good ones, after {changes} changes"),
            stale,
        ),
        limit: Some(count(format!("none staler than {bound_s:.0} s"), 0)),
        why: "A read must show what anybody has seen longer ago than the bound.".into(),
        evidence: Evidence::default(),
    })
}
