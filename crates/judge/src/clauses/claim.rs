//! Whether the run supports a claim for a whole window, where the contract asks for one.

use crate::{
    judgement::{Clause, Evidence, Finding, Measure, Unit, Verdict},
    story::Story,
};

use super::Told;

/// Held where the bound is within the budget. A bound above it does not show that the budget would be broken, so it is unproven.
pub(super) fn finding(story: &Story, told: &Told) -> Option<Finding> {
    let percent = story.header.drill.contract.claim_at_percent?;
    let claim = told.claim;
    let at_most = claim.window_at_most_percent;
    let text = at_most.map_or_else(
        || "nothing can be claimed".into(),
        |at_most| format!("at most {at_most:.1} % of the budget at {percent} % confidence"),
    );
    let measure = |text, number| Measure {
        text,
        number,
        unit: Unit::Percent,
    };
    Some(Finding {
        clause: Clause::Claim,
        title: "claim".into(),
        verdict: match at_most {
            Some(at_most) if at_most <= 100.0 => Verdict::Held,
            _ => Verdict::Unproven,
        },
        measured: measure(text, at_most),
        limit: Some(measure("the whole budget".into(), Some(100.0))),
        why: format!(
            "{} schedules of all faults and {:.1} h of quiet time were run; a claim for the window takes {} schedules that all \
             recovered and {:.0} h.",
            claim.schedules,
            claim.quiet_h,
            claim.schedules_needed_for_window,
            claim.quiet_h_needed_for_window
        ),
        evidence: Evidence::default(),
    })
}

#[cfg(test)]
mod tests {
    use crate::{Clause, Verdict, testing::Run};

    #[test]
    fn a_claim_that_was_asked_for_and_can_t_be_made_is_unproven() {
        let mut run = Run::healthy();
        assert_eq!(run.judge().verdict, Verdict::Held);
        run.header().drill.contract.claim_at_percent = Some(95.0);
        let judgement = run.judge();
        let mut findings = judgement.findings.iter();
        let claim = findings.find(|finding| finding.clause == Clause::Claim);
        assert_eq!(claim.unwrap().verdict, Verdict::Unproven);
        assert_eq!(judgement.verdict, Verdict::Unproven);
        assert!(judgement.summary.contains("claim"));
    }
}
