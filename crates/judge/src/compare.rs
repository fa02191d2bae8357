//! Two runs side by side: what differs, and whether the difference is more than noise.

use drill::{Class, derive_seed};
use serde::{Deserialize, Serialize};

use crate::{
    figures::{ClassFigures, EpisodeFigures, EpisodeState, Percentiles, figure},
    judgement::{Finding, Judgement, Measure, Verdict},
    noise::{self, Difference, Estimate},
};

/// Part of the seeds from which the draws come; far from those of episodes and bounds.
const SEED_PART: u64 = 1 << 33;

/// The same of both runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair<T> {
    /// The first run.
    pub a: T,
    /// The second run.
    pub b: T,
}

/// Which run it was, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunHead {
    /// The run's id.
    pub run: String,
    /// Wall time of its start, RFC 3339.
    pub started_at: String,
    /// Name of the drill.
    pub drill: String,
    /// Topology.
    pub topology: String,
    /// The verdict.
    pub verdict: Verdict,
    /// The verdict's reason.
    pub summary: String,
}

/// One clause of either contract.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClauseComparison {
    /// The clause, such as `latency p99`.
    pub title: String,
    /// Held, broken or unproven; none in a run without this finding.
    pub verdict: Pair<Option<Verdict>>,
    /// What was measured.
    pub measured: Pair<Option<Measure>>,
    /// B minus A in the unit of the measure; none where either has no number.
    pub change: Option<f64>,
}

/// One class of traffic that both runs had.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClassComparison {
    /// The class.
    pub class: Class,
    /// Share of requests with a good answer, in percent.
    pub good_percent: Pair<f64>,
    /// In percentage points.
    pub good_change: Difference,
    /// Latency over all requests, in milliseconds.
    pub latency: Pair<Percentiles>,
    /// Of the median, in milliseconds.
    pub p50_change: Difference,
    /// Of the 95th percentile, in milliseconds.
    pub p95_change: Difference,
    /// Of the 99th percentile, in milliseconds.
    pub p99_change: Difference,
}

/// One episode of either run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EpisodeComparison {
    /// Name.
    pub name: String,
    /// How far it came; none in a run without it.
    pub state: Pair<Option<EpisodeState>>,
    /// Bad-second-equivalents of the worst class, in seconds.
    pub cost_s: Pair<Option<f64>>,
    /// B minus A, in seconds.
    pub cost_change_s: Option<f64>,
    /// From the end of healing to full health, in seconds.
    pub recovery_s: Pair<Option<f64>>,
    /// B minus A, in seconds.
    pub recovery_change_s: Option<f64>,
}

/// Two runs side by side. Every change is the second minus the first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Which runs.
    pub runs: Pair<RunHead>,
    /// What was not the same in both, apart from chance: drill, topology, seed, traffic, machine.
    pub settings: Vec<String>,
    /// Each finding of either run.
    pub clauses: Vec<ClauseComparison>,
    /// Each class that both runs had.
    pub classes: Vec<ClassComparison>,
    /// Each episode of either run.
    pub episodes: Vec<EpisodeComparison>,
    /// Mean change of an episode's cost over the episodes that both runs completed, in seconds; none when
    /// they are too few.
    pub mean_cost_change_s: Option<Difference>,
    /// Mean change of an episode's recovery over the same episodes, in seconds.
    pub mean_recovery_change_s: Option<Difference>,
}

/// Sets two judged runs side by side.
pub fn compare(a: &Judgement, b: &Judgement) -> Comparison {
    let episodes = episodes(a, b);
    let complete = Some(EpisodeState::Complete);
    let both = |row: &&EpisodeComparison| row.state.a == complete && row.state.b == complete;
    let changes = |change: fn(&EpisodeComparison) -> Option<f64>| -> Vec<f64> {
        episodes.iter().filter(both).filter_map(change).collect()
    };
    let seed = derive_seed(a.seed ^ b.seed.rotate_left(32), SEED_PART);
    Comparison {
        runs: Pair {
            a: head(a),
            b: head(b),
        },
        settings: settings(a, b),
        clauses: clauses(a, b),
        classes: classes(a, b),
        mean_cost_change_s: noise::mean_of_pairs(&changes(|row| row.cost_change_s), seed),
        mean_recovery_change_s: noise::mean_of_pairs(&changes(|row| row.recovery_change_s), seed),
        episodes,
    }
}

fn head(judgement: &Judgement) -> RunHead {
    RunHead {
        run: judgement.run.clone(),
        started_at: judgement.started_at.clone(),
        drill: judgement.drill.clone(),
        topology: judgement.topology.clone(),
        verdict: judgement.verdict,
        summary: judgement.summary.clone(),
    }
}

fn settings(a: &Judgement, b: &Judgement) -> Vec<String> {
    let words = |of: &Judgement| {
        let load = &of.load;
        let mut words = vec![
            ("drill".to_owned(), of.drill.clone()),
            ("topology".to_owned(), of.topology.clone()),
            ("seed".to_owned(), of.seed.to_string()),
            ("speed".to_owned(), load.speed.to_string()),
            (
                "users".to_owned(),
                format!("{} to {}", load.baseline_users, load.peak_users),
            ),
        ];
        words.extend(of.machine.clone());
        words
    };
    let (a, b) = (words(a), words(b));
    let value = |of: &[(String, String)], what: &str| {
        let found = of.iter().find(|(name, _)| name == what);
        found.map_or_else(|| "unknown".to_owned(), |(_, value)| value.clone())
    };
    let names = union(
        a.iter().map(|(name, _)| name),
        b.iter().map(|(name, _)| name),
    );
    let differing = names.into_iter().filter_map(|name| {
        let (a, b) = (value(&a, name), value(&b, name));
        (a != b).then(|| format!("{name}: {a} against {b}"))
    });
    differing.collect()
}

/// Everything of the first, then what only the second has, in their order.
fn union<T: PartialEq>(first: impl Iterator<Item = T>, second: impl Iterator<Item = T>) -> Vec<T> {
    let mut all: Vec<T> = vec![];
    for one in first.chain(second) {
        if !all.contains(&one) {
            all.push(one);
        }
    }
    all
}

fn clauses(a: &Judgement, b: &Judgement) -> Vec<ClauseComparison> {
    let titles = union(
        a.findings.iter().map(|finding| &finding.title),
        b.findings.iter().map(|finding| &finding.title),
    );
    let row = |title: &String| {
        let of = |run: &Judgement| run.findings.iter().find(|f| f.title == *title).cloned();
        let (a, b) = (of(a), of(b));
        let number = |of: &Option<Finding>| of.as_ref()?.measured.number;
        ClauseComparison {
            title: title.clone(),
            change: change(number(&a), number(&b)),
            verdict: Pair {
                a: a.as_ref().map(|finding| finding.verdict),
                b: b.as_ref().map(|finding| finding.verdict),
            },
            measured: Pair {
                a: a.map(|finding| finding.measured),
                b: b.map(|finding| finding.measured),
            },
        }
    };
    titles.into_iter().map(row).collect()
}

fn change(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    Some(figure(b? - a?))
}

fn classes(a: &Judgement, b: &Judgement) -> Vec<ClassComparison> {
    let row = |a: &ClassFigures| {
        let b = b.classes.iter().find(|other| other.class == a.class)?;
        let good_percent = Pair {
            a: a.good_percent?,
            b: b.good_percent?,
        };
        let latency = |value: fn(&Percentiles) -> Option<f64>| {
            let estimate = |of: &ClassFigures| Estimate {
                value: value(&of.latency),
                low: value(&of.latency_low),
                high: value(&of.latency_high),
            };
            noise::difference(estimate(a), estimate(b))
        };
        Some(ClassComparison {
            class: a.class,
            good_change: noise::difference(
                noise::share(good_percent.a, a.seconds),
                noise::share(good_percent.b, b.seconds),
            ),
            good_percent,
            p50_change: latency(|of| of.p50_ms),
            p95_change: latency(|of| of.p95_ms),
            p99_change: latency(|of| of.p99_ms),
            latency: Pair {
                a: a.latency,
                b: b.latency,
            },
        })
    };
    a.classes.iter().filter_map(row).collect()
}

fn episodes(a: &Judgement, b: &Judgement) -> Vec<EpisodeComparison> {
    let names = union(
        a.episodes.iter().map(|row| &row.name),
        b.episodes.iter().map(|row| &row.name),
    );
    let row = |name: &String| {
        let (a, b) = (find(a, name), find(b, name));
        let pair = |value: fn(&EpisodeFigures) -> Option<f64>| Pair {
            a: a.and_then(value),
            b: b.and_then(value),
        };
        let cost_s = pair(|row| (row.begin_s.is_some()).then_some(row.toll.bad_second_equivalents));
        let recovery_s = pair(|row| row.recovery_s);
        EpisodeComparison {
            name: name.clone(),
            state: Pair {
                a: a.map(|row| row.state),
                b: b.map(|row| row.state),
            },
            cost_change_s: change(cost_s.a, cost_s.b),
            cost_s,
            recovery_change_s: change(recovery_s.a, recovery_s.b),
            recovery_s,
        }
    };
    names.into_iter().map(row).collect()
}

fn find<'a>(run: &'a Judgement, name: &str) -> Option<&'a EpisodeFigures> {
    run.episodes.iter().find(|row| row.name == name)
}

#[cfg(test)]
mod tests {
    use timeline::{Event, Outcome};

    use super::*;
    use crate::testing::Run;

    #[test]
    fn a_run_does_not_differ_from_itself() {
        let run = Run::healthy()
            .fail(30.0..34.0, Class::Admin, Outcome::Failed)
            .judge();
        let same = compare(&run, &run);
        assert!(same.settings.is_empty());
        assert!(
            same.clauses
                .iter()
                .all(|row| row.change.is_none_or(|change| change == 0.0))
        );
        for row in &same.classes {
            assert!(row.good_change.within_noise && row.p99_change.within_noise);
        }
        assert!(
            same.episodes
                .iter()
                .all(|row| row.cost_change_s == Some(0.0))
        );
    }

    #[test]
    fn an_outage_in_one_class_is_found_there_and_nowhere_else() {
        let calm = Run::healthy().judge();
        let bad = Run::healthy()
            .fail(30.0..52.0, Class::Ingest, Outcome::Failed)
            .judge();
        let found = compare(&calm, &bad);
        assert_eq!(found.clauses[0].verdict.b, Some(Verdict::Broken));
        assert!(found.clauses[0].change.unwrap() > 17.0);
        for row in &found.classes {
            assert_eq!(
                row.good_change.within_noise,
                row.class != Class::Ingest,
                "{row:?}"
            );
        }
        let cost: Vec<_> = found.episodes.iter().map(|row| row.cost_change_s).collect();
        assert!(cost[0] == Some(0.0) && cost[1] > Some(9.0), "{cost:?}");
        assert_eq!(found.mean_cost_change_s, None, "two episodes are too few");
    }

    #[test]
    fn what_only_one_run_has_stands_alone() {
        let calm = Run::healthy().judge();
        let mut other = Run::healthy().without(|event| {
            matches!(
                event,
                Event::FaultApplied { episode: 1 } | Event::FaultRequested { episode: 1, .. }
            )
        });
        other.header().drill.seed = 8;
        let found = compare(&calm, &other.judge());
        assert_eq!(found.settings, ["seed: 7 against 8"]);
        let last = &found.episodes[1];
        assert_eq!((last.cost_s.b, last.cost_change_s), (None, None));
        let doubt = found.clauses.last().unwrap();
        assert!(doubt.verdict.a.is_none() || doubt.verdict.b.is_none());
    }
}
