//! The users' time in the worst window.

use crate::{
    judgement::{Clause, Evidence, Finding, Measure, Unit},
    story::Story,
    tally::Tally,
};

use super::against;

/// One finding for each clause of the contract.
pub(super) fn findings(story: &Story, tally: &Tally) -> Vec<Finding> {
    let clauses = &story.header.drill.contract.user_uptime;
    let worst = tally.uptime.worst();
    let finding = |clause: &drill::UptimeClause| {
        let window_s = clause.window.as_secs_f64().floor();
        // A load that is shorter than the window has no such window: nothing is proven.
        let found = worst.iter().find(|worst| worst.window_s == window_s);
        let least = clause.at_least_percent;
        let percent = |text: String, number: Option<f64>| Measure {
            text,
            number,
            unit: Unit::Percent,
        };
        let text = found.map_or("the load is shorter than the window".into(), |worst| {
            let (up, begin) = (worst.up_percent, worst.begin_s);
            format!(
                "{up:.2} % of the users' time in the worst {window_s:.0} s, from {begin:.0} s on"
            )
        });
        Finding {
            clause: Clause::UserUptime,
            title: format!("user uptime in {window_s:.0} s"),
            verdict: against(found.map(|worst| worst.up_percent >= least)),
            measured: percent(text, found.map(|worst| worst.up_percent)),
            limit: Some(percent(format!("{least} %"), Some(least))),
            why: "A user is down from a failed request until the next good one.".into(),
            evidence: Evidence::default(),
        }
    };
    clauses.iter().map(finding).collect()
}
