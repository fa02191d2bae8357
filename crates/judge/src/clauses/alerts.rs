//! Every alert reaches everybody who follows its ward, in time.

use drill::Class;
use timeline::Outcome;

use crate::{
    judgement::{Clause, Evidence, Finding, Verdict},
    slots::index,
    story::Story,
    tally::Tally,
};

use super::seconds;

/// The finding, if the contract has the clause.
pub(super) fn finding(story: &Story, tally: &Tally) -> Option<Finding> {
    let limit_s = story.header.drill.contract.alert_within?.as_secs_f64();
    let outcomes = &tally.outcomes[index(Class::Alert)];
    let due: u64 = outcomes.iter().sum();
    let missed = due - outcomes[Outcome::Ok as usize];
    let slowest_s = tally.latencies[index(Class::Alert)].answered().max_ms;
    let slowest_s = slowest_s.map(|ms| ms / 1000.0);
    let in_time = missed == 0 && slowest_s.is_some_and(|slowest| slowest <= limit_s);
    let text = match slowest_s {
        _ if due == 0 => "no alert was due".into(),
        None => format!("none of {due} came"),
        Some(slowest) => format!("{due} due, {missed} missed, the slowest after {slowest:.2} s"),
    };
    Some(Finding {
        clause: Clause::Alerts,
        title: "alert delivery".into(),
        verdict: match (due, in_time) {
            (0, _) => Verdict::Unproven,
            (_, true) => Verdict::Held,
            (_, false) => Verdict::Broken,
        },
        measured: seconds(text, slowest_s.filter(|_| missed == 0)),
        limit: Some(seconds(format!("{limit_s:.0} s"), Some(limit_s))),
        why: "From the acknowledgement of an alarming reading to each live stream that follows the ward.".into(),
        evidence: Evidence::default(),
    })
}
