//! How long users suffer from one fault, and how long the platform goes without its redundancy.

use std::time::Duration;

use crate::{
    figures::{EpisodeFigures, EpisodeState},
    judgement::{Clause, Evidence, Finding, Verdict},
    story::Story,
};

use super::seconds;

const WHY_SERVICE: &str = "From each fault to the due time of the last request that it cost.";
const WHY_REDUNDANCY: &str =
    "From healing to full health: replicas streaming, queues replicated, watchers agreed.";

/// The findings on the clauses that the contract has.
pub(super) fn findings(story: &Story, episodes: &[EpisodeFigures]) -> Vec<Finding> {
    let contract = &story.header.drill.contract;
    let service = contract.service_back_within.map(|limit| {
        // No bad request is no time at all.
        let took = |row: &EpisodeFigures| Some(row.last_bad_s.unwrap_or(0.0));
        let title = (Clause::Recovery, "service back", WHY_SERVICE);
        finding(episodes, limit, title, took)
    });
    let redundancy = contract.redundancy_back_within.map(|limit| {
        let title = (Clause::Redundancy, "redundancy back", WHY_REDUNDANCY);
        finding(episodes, limit, title, |row| row.recovery_s)
    });
    service.into_iter().chain(redundancy).collect()
}

fn finding(
    episodes: &[EpisodeFigures],
    limit: Duration,
    (clause, title, why): (Clause, &str, &str),
    took: impl Fn(&EpisodeFigures) -> Option<f64>,
) -> Finding {
    let limit_s = limit.as_secs_f64();
    // A fault without an effect says nothing about recovering from it.
    let proven = |row: &&EpisodeFigures| {
        matches!(
            row.state,
            EpisodeState::Complete | EpisodeState::NotRecovered
        )
    };
    // Never back is longer than any limit: the drill waits at least as long as the contract allows.
    let seconds_of = |row: &EpisodeFigures| took(row).unwrap_or(f64::INFINITY);
    let rows: Vec<_> = episodes.iter().filter(proven).collect();
    let mut worst = None;
    for row in &rows {
        if worst.is_none_or(|worst| seconds_of(row) > seconds_of(worst)) {
            worst = Some(*row);
        }
    }
    let text = worst.map_or("no fault was proven".into(), |row| match took(row) {
        Some(took) => format!("{took:.1} s at worst, after {}", row.name),
        None => format!("not back after {}", row.name),
    });
    let broken: Vec<_> = rows
        .iter()
        .filter(|row| seconds_of(row) > limit_s)
        .collect();
    Finding {
        clause,
        title: title.into(),
        verdict: match (rows.is_empty(), broken.is_empty()) {
            (true, _) => Verdict::Unproven,
            (false, true) => Verdict::Held,
            (false, false) => Verdict::Broken,
        },
        measured: seconds(text, worst.and_then(&took)),
        limit: Some(seconds(format!("{limit_s:.0} s"), Some(limit_s))),
        why: why.into(),
        evidence: Evidence {
            offsets: vec![],
            episodes: broken.iter().map(|row| row.name.clone()).collect(),
        },
    }
}
