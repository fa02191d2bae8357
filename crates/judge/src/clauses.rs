//! The clauses of the contract, each held against the worst class that the contract names.

mod alerts;
mod changes;
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
    episodes::took_down,
    figures::{ClassToll, EpisodeFigures},
    judgement::{Bill, Clause, Evidence, Finding, Measure, Unit, Verdict},
    latency::Held,
    slots::{BAD_SECOND_ABOVE_PERCENT, index},
    story::Story,
    tally::Tally,
    toll,
};

/// The findings on the contract's own clauses.
pub(crate) fn findings(
    story: &Story,
    tally: &Tally,
    episodes: &[EpisodeFigures],
    bill: &Bill,
    kept: &Kept,
) -> Vec<Finding> {
    let contract = &story.header.drill.contract;
    let promised = contract
        .classes
        .iter()
        .map(|class| toll::of_class(*class, tally));
    let tolls: Vec<_> = promised.collect();
    let mut findings = vec![
        availability(story, &tolls, episodes),
        bad_seconds(story, &tolls, episodes),
    ];
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

fn availability(story: &Story, tolls: &[ClassToll], episodes: &[EpisodeFigures]) -> Finding {
    let contract = &story.header.drill.contract;
    let (budget, window) = (
        contract.budget().as_secs_f64(),
        contract.window.as_secs_f64(),
    );
    let worst = toll::worst(tolls).filter(|toll| toll.requests > 0);
    let lost = worst.map_or(0.0, |toll| toll.bad_second_equivalents);
    let verdict = against(worst.map(|_| lost <= budget));
    let load = story.load_end().since(story.zero()).as_secs_f64();
    let faults = story.injected();
    let hours = window / 3600.0;
    let mut why = format!(
        "{lost:.2} bad-second-equivalents over {load:.0} s of load with {faults} injected faults; \
         {budget:.2} s in {hours:.0} h are allowed, and outages last their real seconds here."
    );
    let took_down = took_down(episodes);
    if verdict == Verdict::Broken && !took_down.is_empty() {
        why += &format!(" The service went down with: {}.", took_down.join(", "));
    }
    let share = 100.0 * (1.0 - lost / window);
    let text = worst.map_or("no request".into(), |toll| {
        let good = toll.good_percent().unwrap_or(0.0);
        format!(
            "{lost:.2} s; taken from {hours:.0} h, that leaves {share:.4} %. {good:.4} % of {} {} requests good{}",
            toll.requests,
            toll.class,
            at_first(tolls)
        )
    });
    Finding {
        clause: Clause::Availability,
        title: "availability".into(),
        verdict,
        measured: seconds(text, worst.map(|_| lost)),
        limit: Some(seconds(
            format!(
                "{budget:.2} s, {} % of {hours:.0} h",
                contract.availability_percent
            ),
            Some(budget),
        )),
        why,
        evidence: costly(story, episodes),
    }
}

/// What users would have had who never try again, in the class that had least.
fn at_first(tolls: &[ClassToll]) -> String {
    let shares = tolls
        .iter()
        .filter_map(|toll| Some((toll.good_at_first_percent()?, toll.class)));
    let worst = shares.min_by(|a, b| a.0.total_cmp(&b.0));
    worst.map_or_else(String::new, |(percent, class)| {
        format!("; at the first attempt {percent:.4} %, worst class {class}")
    })
}

fn bad_seconds(story: &Story, tolls: &[ClassToll], episodes: &[EpisodeFigures]) -> Finding {
    let budget = story.header.drill.contract.budget().as_secs_f64();
    let seen = tolls.iter().rev().filter(|toll| toll.requests > 0);
    let worst = seen.max_by_key(|toll| toll.bad_seconds);
    let count = worst.map(|toll| toll.bad_seconds);
    let text = worst.map_or("no request".into(), |toll| {
        format!("{} s, worst class {}", toll.bad_seconds, toll.class)
    });
    Finding {
        clause: Clause::BadSeconds,
        title: "bad seconds".into(),
        verdict: against(count.map(|count| count as f64 <= budget)),
        measured: seconds(text, count.map(|count| count as f64)),
        limit: Some(seconds(format!("{budget:.2} s"), Some(budget))),
        why: format!(
            "A second is bad when more than {BAD_SECOND_ABOVE_PERCENT} % of the class's requests due in \
             it had no good answer."
        ),
        evidence: costly(story, episodes),
    }
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
    let mut worst: Option<(drill::Class, Held)> = None;
    for (class, held) in held {
        if worst.is_none_or(|(_, worst)| value(&held) > value(&worst)) {
            worst = Some((class, held));
        }
    }
    let limit_ms = clause.at_most.as_secs_f64() * 1000.0;
    let text = match worst {
        None => "no request".into(),
        Some((class, held)) => match held.value_ms {
            Some(value) => format!("{value:.1} ms, worst class {class}"),
            None => format!("falls on a failed request, class {class}"),
        },
    };
    Finding {
        clause: Clause::Latency,
        title: format!("latency p{percentile}"),
        verdict: against(worst.map(|(_, held)| held.within)),
        measured: Measure {
            text,
            number: worst.and_then(|(_, held)| held.value_ms),
            unit: Unit::Milliseconds,
        },
        limit: Some(Measure {
            text: format!("{limit_ms:.0} ms"),
            number: Some(limit_ms),
            unit: Unit::Milliseconds,
        }),
        why: "Counted from the due time over all requests; one without a good answer is slower than any \
              limit, so that failing never looks fast."
            .into(),
        evidence: Evidence::default(),
    }
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

/// The episodes that cost users anything: where the bad seconds come from.
fn costly(story: &Story, episodes: &[EpisodeFigures]) -> Evidence {
    let rows = episodes.iter().zip(&story.episodes);
    let costly: Vec<_> = rows.filter(|(row, _)| row.toll.bad > 0).collect();
    Evidence {
        offsets: costly
            .iter()
            .filter_map(|(_, chapter)| chapter.requested)
            .collect(),
        episodes: costly.iter().map(|(row, _)| row.name.clone()).collect(),
    }
}
