//! The clauses of the contract, each held against the worst class that the contract names.

mod alerts;
mod availability;
mod changes;
mod claim;
mod ledger;
mod pages;
mod recovery;
mod split_brain;
mod staleness;
#[cfg(test)]
mod tests;
mod uptime;
mod visibility;

use drill::LatencyClause;

use crate::{
    Kept,
    budget::Budget,
    claim::Claim,
    figures::{ClassToll, EpisodeFigures},
    judgement::{Bill, Clause, Evidence, Finding, Measure, Unit, Verdict},
    latency::Held,
    slots::index,
    story::Story,
    tally::Tally,
    toll,
};

/// What is known of the run when its clauses are judged.
pub(crate) struct Told<'a> {
    pub(crate) episodes: &'a [EpisodeFigures],
    pub(crate) budget: &'a Budget,
    pub(crate) claim: &'a Claim,
}

/// The findings on the contract's own clauses.
pub(crate) fn findings(
    story: &Story,
    tally: &Tally,
    told: &Told,
    bill: &Bill,
    kept: &Kept,
) -> Vec<Finding> {
    let episodes = told.episodes;
    let contract = &story.header.drill.contract;
    let promised = contract
        .classes
        .iter()
        .map(|class| toll::of_class(*class, tally));
    let tolls: Vec<_> = promised.collect();
    let mut findings = vec![availability::finding(story, &tolls, told)];
    findings.extend(claim::finding(story, told));
    let failed = contract.failed_requests;
    findings.extend(failed.map(|limit| failed_requests(story, &tolls, episodes, limit)));
    let clauses = contract.latency.iter().enumerate();
    findings.extend(clauses.map(|(number, clause)| latency(story, tally, number, clause)));
    findings.extend(uptime::findings(story, tally));
    findings.extend(recovery::findings(story, episodes));
    findings.extend(alerts::findings(story, tally));
    findings.extend(pages::findings(story, kept.pages.as_ref()));
    findings.extend(split_brain::finding(story));
    findings.extend(staleness::finding(story, tally));
    findings.extend(visibility::finding(story, tally));
    findings.extend(self::ledger::findings(story, tally, kept));
    findings.extend(self::changes::finding(story, kept.changes.as_ref()));
    findings.extend(contract.monthly_usd.map(|limit| monthly(bill, limit)));
    findings
}

fn failed_requests(
    story: &Story,
    tolls: &[ClassToll],
    episodes: &[EpisodeFigures],
    limit: u64,
) -> Finding {
    let sum = |value: fn(&ClassToll) -> u64| tolls.iter().map(value).sum::<u64>();
    let (asked, failed) = (sum(|toll| toll.requests), sum(|toll| toll.bad));
    Finding {
        clause: Clause::FailedRequests,
        title: "failed requests".into(),
        verdict: against((asked > 0).then_some(failed <= limit)),
        measured: count(format!("{failed} of {asked}"), (asked > 0).then_some(failed)),
        limit: Some(count(format!("{limit} failed"), Some(limit))),
        why: "Planned work has no budget: every request of every promised class counts, whenever it was due."
            .into(),
        evidence: costly(story, episodes),
    }
}

fn latency(story: &Story, tally: &Tally, number: usize, clause: &LatencyClause) -> Finding {
    let percentile = clause.percentile;
    let classes = story.header.drill.contract.classes.iter();
    let held = classes.filter_map(|class| {
        let held = tally.latencies[index(*class)].hold(number, percentile)?;
        Some((*class, held))
    });
    // None, a percentile that falls on a failed request, is worse than any number.
    let value = |held: &Held| held.value_ms.unwrap_or(f64::INFINITY);
    let rank = |held: &Held| (proof(held), value(held));
    let mut worst: Option<(drill::Class, Held)> = None;
    for (class, held) in held {
        if worst.is_none_or(|(_, worst)| rank(&held) > rank(&worst)) {
            worst = Some((class, held));
        }
    }
    let limit_ms = clause.at_most.as_secs_f64() * 1000.0;
    let text = worst.map(|(class, held)| percentile_in_words(class, &held));
    Finding {
        clause: Clause::Latency,
        title: format!("latency p{percentile}"),
        verdict: worst.map_or(Verdict::Unproven, |(_, held)| proof(&held)),
        measured: Measure {
            text: text.unwrap_or_else(|| "no request".into()),
            number: worst.and_then(|(_, held)| held.value_ms),
            unit: Unit::Milliseconds,
        },
        limit: Some(Measure {
            text: format!("{limit_ms:.0} ms"),
            number: Some(limit_ms),
            unit: Unit::Milliseconds,
        }),
        why: "Counted from the due time over all requests; one without a good answer is slower than any \
              limit, so that failing never looks fast. Held when the upper end of the 95 % interval is within \
              the limit; requests that are slow together count for fewer."
            .into(),
        evidence: Evidence::default(),
    }
}

/// A percentile beyond the limit is a breach. One within it proves something with its whole interval only.
fn proof(held: &Held) -> Verdict {
    match (held.within, held.proven) {
        (false, _) => Verdict::Broken,
        (true, false) => Verdict::Unproven,
        (true, true) => Verdict::Held,
    }
}

fn percentile_in_words(class: drill::Class, held: &Held) -> String {
    let value = match held.value_ms {
        Some(value) => format!("{value:.1} ms, worst class {class}"),
        None => format!("falls on a failed request, class {class}"),
    };
    let end = |ms: Option<f64>, beyond: &str| {
        ms.map_or_else(|| beyond.to_owned(), |ms| format!("{ms:.1} ms"))
    };
    let low = end(held.low_ms, "a failed request");
    let high = end(held.high_ms, "beyond all answers");
    let (requests, worth) = held.requests;
    let mut text = format!(
        "{value}; 95 % interval {low} to {high}, {requests} requests worth {worth} independent ones"
    );
    if proof(held) == Verdict::Unproven {
        text += &match held.needed {
            Some(needed) => format!("; too few requests: needs about {needed}"),
            None => "; too close to the limit for any number of requests".to_owned(),
        };
    }
    text
}

fn monthly(bill: &Bill, limit: f64) -> Finding {
    let usd = |usd: f64| Measure {
        text: format!("${usd:.2} a month"),
        number: Some(usd),
        unit: Unit::UsdMonthly,
    };
    Finding {
        clause: Clause::Bill,
        title: "bill".into(),
        verdict: against((!bill.lines.is_empty()).then_some(bill.total_usd <= limit)),
        measured: usd(bill.total_usd),
        limit: Some(usd(limit)),
        why: match bill.lines.is_empty() {
            true => "The run recorded no bill.".into(),
            false => "Every member of the topology at its price in the price list.".into(),
        },
        evidence: Evidence::default(),
    }
}

/// Without a measurement nothing is proven.
fn against(within: Option<bool>) -> Verdict {
    match within {
        None => Verdict::Unproven,
        Some(true) => Verdict::Held,
        Some(false) => Verdict::Broken,
    }
}

fn count(text: String, number: Option<u64>) -> Measure {
    Measure {
        text,
        number: number.map(|number| number as f64),
        unit: Unit::Count,
    }
}

fn seconds(text: String, number: Option<f64>) -> Measure {
    Measure {
        text,
        number,
        unit: Unit::Seconds,
    }
}

/// The episodes that cost users anything.
fn costly(story: &Story, episodes: &[EpisodeFigures]) -> Evidence {
    let rows = episodes.iter().zip(&story.episodes);
    let costly: Vec<_> = rows
        .filter(|(row, _)| row.toll.by_class.iter().any(ClassToll::has_lost))
        .collect();
    Evidence {
        offsets: costly
            .iter()
            .filter_map(|(_, chapter)| chapter.requested)
            .collect(),
        episodes: costly.iter().map(|(row, _)| row.name.clone()).collect(),
    }
}
