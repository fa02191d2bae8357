//! The judgement as JUnit XML, for whatever gates a build.
//!
//! One suite for the run, with a case for each finding and one for each episode. The document keeps to the
//! strictest of the schemas in use, Apache Ant's, which Jenkins' accepts as well:
//!
//! | element | attributes, all present |
//! | --- | --- |
//! | `testsuites` | none |
//! | `testsuite` | `name`, `package`, `id`, `timestamp` (without zone), `hostname`, `tests`, `failures`, `errors`, `time` |
//! | `property` | `name`, `value` |
//! | `testcase` | `name`, `classname`, `time` in seconds |
//! | `failure`, `error` | `message`, `type` |
//!
//! A suite has `properties`, its cases, `system-out` and `system-err`, in this order. A broken promise is a
//! `failure`. What was not proven is an `error`, not `skipped`: CI systems let a build with skipped cases
//! pass, and a run that proves nothing must never look like one that held.

use askama::Template;
use judge::{Burn, EpisodeFigures, Finding, Judgement, Verdict};

use crate::words::{self, trouble};

#[derive(Template)]
#[template(path = "junit.xml")]
struct Suites<'a> {
    run: &'a Judgement,
    /// RFC 3339 without zone and fraction: the schema wants it so. It is UTC.
    timestamp: &'a str,
    failures: usize,
    errors: usize,
    properties: Vec<(String, String)>,
    cases: Vec<Case>,
    text: String,
}

/// One promise or one episode.
struct Case {
    class: String,
    name: String,
    /// For an episode the time from the fault to full health, in seconds. Judging a promise takes none.
    seconds: f64,
    verdict: Verdict,
    /// In one line.
    message: String,
    details: String,
}

/// The document.
pub(crate) fn document(judgement: &Judgement, text: String) -> String {
    let mut cases: Vec<Case> = judgement
        .findings
        .iter()
        .map(|f| finding(judgement, f))
        .collect();
    let episodes = judgement.episodes.iter().zip(&judgement.budget.burns);
    cases.extend(episodes.map(|(row, burn)| episode(judgement, row, burn)));
    let count = |verdict| cases.iter().filter(|case| case.verdict == verdict).count();
    let suites = Suites {
        run: judgement,
        timestamp: judgement
            .started_at
            .get(..19)
            .unwrap_or("1970-01-01T00:00:00"),
        failures: count(Verdict::Broken),
        errors: count(Verdict::Unproven),
        properties: properties(judgement),
        cases,
        text,
    };
    match suites.render() {
        Ok(xml) => without_controls(&xml),
        Err(error) => unreachable!("writing to a string does not fail: {error}"),
    }
}

fn properties(judgement: &Judgement) -> Vec<(String, String)> {
    let known = [
        ("run", judgement.run.clone()),
        ("drill", judgement.drill.clone()),
        ("verdict", judgement.verdict.name().to_owned()),
        ("topology", judgement.topology.clone()),
        ("seed", judgement.seed.to_string()),
        ("rerun", judgement.rerun.clone()),
    ];
    let machine = judgement.machine.iter();
    let machine = machine.map(|(name, value)| (format!("machine.{name}"), value.clone()));
    let known = known.map(|(name, value)| (name.to_owned(), value));
    known.into_iter().chain(machine).collect()
}

fn finding(judgement: &Judgement, finding: &Finding) -> Case {
    let message = words::measured(finding);
    let mut details = format!("{message}\n{}", finding.why);
    if !finding.evidence.episodes.is_empty() {
        details += &format!("\nEpisodes: {}.", finding.evidence.episodes.join(", "));
    }
    Case {
        class: format!("gameday.{}.contract", judgement.drill),
        name: finding.title.clone(),
        seconds: 0.0,
        verdict: finding.verdict,
        message,
        details,
    }
}

fn episode(judgement: &Judgement, row: &EpisodeFigures, burn: &Burn) -> Case {
    let cost = words::burned(burn);
    let message = match trouble(row.state) {
        Some(trouble) => format!("{trouble}: {}", row.detail),
        None => format!("this episode alone {cost}"),
    };
    let hit = row.members.join(", ");
    let troubled = words::troubled(&row.outages).map_or_else(String::new, |outages| {
        format!(" Seconds of trouble: {outages}.")
    });
    Case {
        class: format!("gameday.{}.episode", judgement.drill),
        name: row.name.clone(),
        seconds: row.exposed_s.or(row.hold_s).unwrap_or(0.0),
        verdict: burn.verdict,
        details: format!(
            "{message}\nFault: {} of {} ({hit}).\nIt {cost}.{troubled} Seen: {}.",
            row.fault, row.target, row.detail
        ),
        message,
    }
}

/// XML 1.0 has no control characters but tab and line ends, not even escaped, and none of Unicode's
/// non-characters.
fn without_controls(text: &str) -> String {
    let allowed = |c: &char| {
        matches!(c, '\t' | '\n' | '\r') || !(c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'))
    };
    text.chars().filter(allowed).collect()
}
