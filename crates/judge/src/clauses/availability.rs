//! What the run burned of the outage budget, as time and as requests: the worse of the two counts.

use crate::{
    budget::ClassBudget,
    episodes::took_down,
    figures::ClassToll,
    judgement::{Clause, Finding, Verdict},
    story::Story,
};

use super::{Told, costly, seconds};

/// Whether every promised class kept to the budget.
pub(super) fn finding(story: &Story, tolls: &[ClassToll], told: &Told) -> Finding {
    let contract = &story.header.drill.contract;
    let (allowed_s, hours) = (
        told.budget.allowed_s,
        contract.window.as_secs_f64() / 3600.0,
    );
    let asked = told.budget.by_class.iter().filter(|row| row.asked > 0);
    let asked: Vec<_> = asked.collect();
    let verdicts = asked.iter().map(|row| verdict(row, allowed_s));
    let verdict = verdicts.max().unwrap_or(Verdict::Unproven);
    let by_time = worst(&asked, |row| row.lost_percent);
    let by_requests = worst(&asked, |row| row.failed_percent.unwrap_or(0.0));
    let text = match by_time.zip(by_requests) {
        None => "no request".into(),
        Some((time, requests)) => format!(
            "{:.2} s without service, {:.1} % of the budget, class {}; {} failed requests, {:.1} % of the budget, class {}{}",
            time.lost_s,
            time.lost_percent,
            time.class,
            whole(requests.failed),
            requests.failed_percent.unwrap_or(0.0),
            requests.class,
            at_first(tolls)
        ),
    };
    let mut why = why(story, &asked, allowed_s);
    let took_down = took_down(told.episodes);
    if verdict == Verdict::Broken && !took_down.is_empty() {
        why += &format!(" The service went down with: {}.", took_down.join(", "));
    }
    let limit = format!(
        "{allowed_s:.2} s, and as large a share of the requests: {} % good in {hours:.0} h",
        contract.availability_percent
    );
    Finding {
        clause: Clause::Availability,
        title: "availability".into(),
        verdict,
        measured: seconds(text, by_time.map(|row| row.lost_s)),
        limit: Some(seconds(limit, Some(allowed_s))),
        why,
        evidence: costly(story, told.episodes),
    }
}

/// Requests are counted, so they are certain. Time is known only as well as the class's requests show it.
fn verdict(row: &ClassBudget, allowed_s: f64) -> Verdict {
    let resolution_s = row.resolution_s.unwrap_or(0.0);
    if row.failed_percent > Some(100.0) || row.lost_s - resolution_s > allowed_s {
        Verdict::Broken
    } else if row.lost_s > allowed_s || row.lost_s + resolution_s > allowed_s {
        Verdict::Unproven
    } else {
        Verdict::Held
    }
}

/// The row with the largest of the values; the first of equals.
fn worst<'a>(rows: &[&'a ClassBudget], value: fn(&ClassBudget) -> f64) -> Option<&'a ClassBudget> {
    let rows = rows.iter().rev().copied();
    rows.max_by(|a, b| value(a).total_cmp(&value(b)))
}

/// How the figures come about, and which classes show too little.
fn why(story: &Story, asked: &[&ClassBudget], allowed_s: f64) -> String {
    let load = story.load_end().since(story.zero()).as_secs_f64();
    let faults = story.injected();
    let mut why = format!(
        "Outages last their real seconds: {load:.0} s of load with {faults} injected faults, each counted as often as it \
         happens in the window, and the quiet time as seen."
    );
    let coarse = asked
        .iter()
        .filter(|row| verdict(row, allowed_s) == Verdict::Unproven);
    for row in coarse {
        why += &format!(
            " Requests of class {} are coarser than the margin: outages of {:.2} s in all could hide between them.",
            row.class,
            row.resolution_s.unwrap_or(0.0)
        );
    }
    why
}

/// What users would have had who never try again, in the class that had least.
fn at_first(tolls: &[ClassToll]) -> String {
    let shares = tolls
        .iter()
        .filter_map(|toll| Some((toll.good_at_first_percent()?, toll.class)));
    let worst = shares.min_by(|a, b| a.0.total_cmp(&b.0));
    worst.map_or_else(String::new, |(percent, class)| {
        format!("; good at the first attempt {percent:.4} %, worst class {class}")
    })
}

/// A count that was multiplied: whole where it is.
fn whole(value: f64) -> String {
    match value.fract() == 0.0 {
        true => format!("{value:.0}"),
        false => format!("{value:.1}"),
    }
}

#[cfg(test)]
mod tests {
    use drill::Class;

    use super::*;

    fn row(lost_s: f64, resolution_s: f64, failed_percent: f64) -> ClassBudget {
        ClassBudget {
            class: Class::Ingest,
            asked: 100,
            lost_s,
            lost_percent: 0.0,
            resolution_s: Some(resolution_s),
            failed: 0.0,
            allowed: 0.0,
            failed_percent: Some(failed_percent),
        }
    }

    #[test]
    fn a_class_that_shows_less_than_the_margin_proves_nothing() {
        let of = |lost_s, resolution_s| verdict(&row(lost_s, resolution_s, 0.0), 10.0);
        assert_eq!(of(8.0, 2.0), Verdict::Held);
        assert_eq!(of(8.0, 2.1), Verdict::Unproven);
        assert_eq!(of(11.0, 2.0), Verdict::Unproven);
        assert_eq!(of(12.1, 2.0), Verdict::Broken);
    }

    #[test]
    fn requests_beyond_their_budget_are_broken_whatever_the_time_says() {
        assert_eq!(verdict(&row(11.0, 2.0, 101.0), 10.0), Verdict::Broken);
        assert_eq!(verdict(&row(0.0, 0.0, 101.0), 10.0), Verdict::Broken);
        assert_eq!(verdict(&row(0.0, 0.0, 100.0), 10.0), Verdict::Held);
    }
}
