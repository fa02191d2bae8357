//! Every alert reaches everybody who follows its ward, in time and once.

use drill::Class;
use timeline::Outcome;

use crate::{
    judgement::{Clause, Evidence, Finding, Verdict},
    slots::index,
    story::Story,
    tally::Tally,
};

use super::{count, seconds};

/// The findings on the clauses that the contract has.
pub(super) fn findings(story: &Story, tally: &Tally) -> Vec<Finding> {
    let findings = [in_time(story, tally), once(story, tally)];
    findings.into_iter().flatten().collect()
}

fn in_time(story: &Story, tally: &Tally) -> Option<Finding> {
    let limit_s = story.header.drill.contract.alert_within?.as_secs_f64();
    let outcomes = &tally.outcomes[index(Class::Alert)];
    // One that comes again was due once.
    let unobserved = outcomes[Outcome::Unobserved as usize];
    let due = outcomes.iter().sum::<u64>() - outcomes[Outcome::Repeated as usize] - unobserved;
    let missed = due - outcomes[Outcome::Ok as usize];
    let slowest_s = tally.latencies[index(Class::Alert)].answered().max_ms;
    let slowest_s = slowest_s.map(|ms| ms / 1000.0);
    let in_time = missed == 0 && slowest_s.is_some_and(|slowest| slowest <= limit_s);
    let mut text = match slowest_s {
        _ if due == 0 => "no alert was due".into(),
        None => format!("none of {due} came"),
        Some(slowest) => format!("{due} due, {missed} missed, the slowest after {slowest:.2} s"),
    };
    if unobserved > 0 {
        text += &format!(", {unobserved} unobserved");
    }
    Some(Finding {
        clause: Clause::Alerts,
        title: "alert delivery".into(),
        verdict: match (due, in_time) {
            (0, _) => Verdict::Unproven,
            (_, false) => Verdict::Broken,
            // What nobody could observe may have been missed.
            (_, true) if unobserved > 0 => Verdict::Unproven,
            (_, true) => Verdict::Held,
        },
        measured: seconds(text, slowest_s.filter(|_| missed == 0)),
        limit: Some(seconds(format!("{limit_s:.0} s"), Some(limit_s))),
        why: "From the acknowledgement of an alarming reading to each live stream that follows the ward.".into(),
        evidence: Evidence::default(),
    })
}

fn once(story: &Story, tally: &Tally) -> Option<Finding> {
    let limit = story.header.drill.contract.repeated_alerts?;
    let outcomes = &tally.outcomes[index(Class::Alert)];
    let (shown, again) = (
        outcomes[Outcome::Ok as usize],
        outcomes[Outcome::Repeated as usize],
    );
    Some(Finding {
        clause: Clause::RepeatedAlerts,
        title: "alerts shown once".into(),
        verdict: match (shown, again) {
            (_, again) if again > limit => Verdict::Broken,
            (0, _) => Verdict::Unproven,
            _ => Verdict::Held,
        },
        measured: count(format!("{again} again, of {shown}"), Some(again)),
        limit: Some(count(format!("{limit} again"), Some(limit))),
        why: "What comes twice is read twice, and hides what is new. Seen by each clinician over one stay, also when the stream was opened again."
            .into(),
        evidence: Evidence::default(),
    })
}
