//! The outage budget: how much of it each episode burned, as time and as requests.

use drill::{Class, Drill};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Verdict,
    figures::{ClassToll, EpisodeFigures, EpisodeState, QuietFigures, Toll, figure},
};

/// The outage budget of the contract's window, and what burned it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Budget {
    /// What the contract allows, in seconds.
    pub allowed_s: f64,
    /// Bad-second-equivalents of the worst promised class over the whole run, in seconds: each episode's as often as its fault
    /// happens in the window, and the quiet time's as seen.
    pub burned_s: f64,
    /// The same as a share of what is allowed, in percent; above 100 the promise is broken.
    pub burned_percent: f64,
    /// Each promised class, by time and by requests.
    #[serde(default)]
    pub by_class: Vec<ClassBudget>,
    /// One for each episode, in the drill's order, and the last for the time outside all of them.
    pub burns: Vec<Burn>,
}

/// What one class lost of its budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClassBudget {
    /// The class.
    pub class: Class,
    /// Requests due in the run.
    pub asked: u64,
    /// Time without a good answer, each episode's as often as its fault happens in the window, in seconds.
    pub lost_s: f64,
    /// The same as a share of the time that is allowed, in percent.
    pub lost_percent: f64,
    /// Outages that the class's requests are too far apart to show, counted alike, in seconds; none where it is not known.
    pub resolution_s: Option<f64>,
    /// Requests without a good answer, counted alike.
    pub failed: f64,
    /// Requests that may fail in a window: the allowed share of what it would ask at the run's mean rate.
    pub allowed: f64,
    /// What failed as a share of what may, in percent; none without requests.
    pub failed_percent: Option<f64>,
}

/// What one stretch of the run took of the budget.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Burn {
    /// Name of the episode; none for the time outside all episodes.
    pub episode: Option<String>,
    /// The promised class that lost most in it, if any lost anything.
    pub class: Option<Class>,
    /// Bad-second-equivalents of that class. Each stretch has a worst class of its own, so they may add up
    /// to more than the run's.
    pub seconds: f64,
    /// How often such a stretch counts in the window.
    #[serde(default = "once")]
    pub per_window: f64,
    /// The seconds, counted so often, as a share of the whole budget, in percent.
    pub percent: f64,
    /// Broken where this stretch alone is beyond the budget; else unproven where the episode did not go
    /// from full health through a proven fault back to full health; else held.
    pub verdict: Verdict,
}

fn once() -> f64 {
    1.0
}

/// How much of a run fits what the contract promises for a window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    /// Seconds of outage that are allowed.
    pub(crate) allowed_s: f64,
    /// The run's requests, so many times, are those that may fail in a window.
    allowed_of_asked: f64,
}

impl Scale {
    /// Of the drill's contract and a load of `load_s` seconds.
    pub(crate) fn new(drill: &Drill, load_s: f64) -> Self {
        let allowed_s = drill.contract.budget().as_secs_f64();
        let allowed_of_asked = if load_s > 0.0 {
            allowed_s / load_s
        } else {
            0.0
        };
        Self {
            allowed_s,
            allowed_of_asked,
        }
    }

    /// Time as a share of the budget, in percent.
    pub(crate) fn time_percent(&self, seconds: f64) -> f64 {
        100.0 * seconds / self.allowed_s
    }

    /// Requests of a run that asked `asked` that may fail in a window.
    pub(crate) fn allowed(&self, asked: u64) -> f64 {
        asked as f64 * self.allowed_of_asked
    }

    /// Failed requests as a share of the budget, in percent; none where nothing was asked.
    pub(crate) fn failed_percent(&self, failed: f64, asked: u64) -> Option<f64> {
        let allowed = self.allowed(asked);
        (allowed > 0.0).then(|| 100.0 * failed / allowed)
    }
}

/// What was allowed, and what burned it. The classes are those that the contract promises.
pub(crate) fn budget(
    drill: &Drill,
    episodes: &[EpisodeFigures],
    quiet: &QuietFigures,
    load_s: f64,
) -> Budget {
    let scale = Scale::new(drill, load_s);
    let times = drill.episodes.iter().map(|episode| episode.per_window);
    let rows: Vec<_> = episodes.iter().zip(times).collect();
    let classes = drill.contract.classes.iter();
    let by_class: Vec<_> = classes
        .map(|class| of_class(*class, &scale, &rows, quiet))
        .collect();
    let burned_s = by_class.iter().map(|row| row.lost_s).fold(0.0, f64::max);
    let burns = rows.iter().map(|(row, times)| {
        let complete = row.state == EpisodeState::Complete;
        burn(drill, Some(&row.name), &row.toll, *times, complete)
    });
    Budget {
        allowed_s: figure(scale.allowed_s),
        burned_s,
        burned_percent: figure(scale.time_percent(burned_s)),
        burns: burns
            .chain([burn(drill, None, &quiet.toll, 1.0, true)])
            .collect(),
        by_class,
    }
}

/// One class over all episodes, each as often as its fault happens, and the quiet time.
fn of_class(
    class: Class,
    scale: &Scale,
    rows: &[(&EpisodeFigures, f64)],
    quiet: &QuietFigures,
) -> ClassBudget {
    let of = |toll: &Toll| toll.by_class.iter().find(|row| row.class == class).cloned();
    let quiet = of(&quiet.toll);
    let episodes = rows
        .iter()
        .filter_map(|(row, times)| Some((of(&row.toll)?, *times)));
    let episodes: Vec<(ClassToll, f64)> = episodes.collect();
    let sum = |value: fn(&ClassToll) -> f64| -> f64 {
        let counted = episodes.iter().map(|(toll, times)| value(toll) * times);
        counted.sum::<f64>() + quiet.as_ref().map_or(0.0, value)
    };
    let told = episodes
        .iter()
        .filter_map(|(toll, times)| Some(toll.resolution_s? * times));
    let alone = quiet.as_ref().filter(|_| episodes.is_empty());
    let told = told.chain(alone.and_then(|toll| toll.resolution_s));
    let asked = episodes.iter().map(|(toll, _)| toll.requests).sum::<u64>();
    let asked = asked + quiet.as_ref().map_or(0, |toll| toll.requests);
    let (lost_s, failed) = (
        sum(|toll| toll.bad_second_equivalents),
        sum(|toll| toll.bad as f64),
    );
    ClassBudget {
        class,
        asked,
        lost_s: figure(lost_s),
        lost_percent: figure(scale.time_percent(lost_s)),
        resolution_s: told.reduce(|a, b| a + b).map(figure),
        failed: figure(failed),
        allowed: figure(scale.allowed(asked)),
        failed_percent: scale.failed_percent(failed, asked).map(figure),
    }
}

fn burn(drill: &Drill, name: Option<&String>, toll: &Toll, times: f64, complete: bool) -> Burn {
    let promised = toll
        .by_class
        .iter()
        .filter(|toll| drill.contract.classes.contains(&toll.class));
    let promised: Vec<_> = promised.cloned().collect();
    let worst = crate::toll::worst(&promised).filter(|toll| toll.has_lost());
    let seconds = worst.map_or(0.0, |toll| toll.bad_second_equivalents);
    let allowed_s = drill.contract.budget().as_secs_f64();
    Burn {
        episode: name.cloned(),
        class: worst.map(|toll| toll.class),
        seconds,
        per_window: times,
        percent: figure(100.0 * seconds * times / allowed_s),
        verdict: match (seconds * times > allowed_s, complete) {
            (true, _) => Verdict::Broken,
            (false, true) => Verdict::Held,
            (false, false) => Verdict::Unproven,
        },
    }
}

#[cfg(test)]
mod tests {
    use drill::Class;
    use timeline::{Event, Outcome};

    use crate::{Verdict, testing::Run};

    #[test]
    fn each_episode_burns_its_own_share() {
        let run = Run::healthy().fail(30.0..34.0, Class::Admin, Outcome::Failed);
        let budget = run.judge().budget;
        let [server, primary, quiet] = budget.burns.as_slice() else {
            panic!("{budget:?}");
        };
        assert_eq!(
            (server.class, server.seconds, server.percent),
            (None, 0.0, 0.0)
        );
        assert_eq!(primary.class, Some(Class::Admin));
        assert!((primary.percent - 100.0 * primary.seconds / 17.28).abs() < 1e-3);
        assert_eq!(primary.seconds, budget.burned_s);
        assert_eq!((&quiet.episode, quiet.verdict), (&None, Verdict::Held));
    }

    #[test]
    fn a_fault_counts_as_often_as_it_happens_in_the_window() {
        let mut run = Run::healthy().fail(30.0..34.0, Class::Admin, Outcome::Failed);
        let once = run.judge().budget;
        run.header().drill.episodes[1].per_window = 3.0;
        let thrice = run.judge().budget;
        assert!((thrice.burned_s - 3.0 * once.burned_s).abs() < 1e-5);
        assert_eq!(thrice.burns[1].seconds, once.burns[1].seconds);
        let failed = |budget: &crate::Budget| {
            let rows = budget.by_class.iter();
            let admin = rows.clone().find(|row| row.class == Class::Admin);
            admin.unwrap().failed
        };
        assert_eq!(failed(&thrice), 3.0 * failed(&once));
    }

    #[test]
    fn requests_may_fail_in_the_share_of_what_a_window_would_ask() {
        let judgement = Run::healthy().judge();
        let row = &judgement.budget.by_class[0];
        let window = row.asked as f64 * 48.0 * 3600.0 / judgement.load.seconds;
        assert!((row.allowed - window * 0.0001).abs() < 1e-3, "{row:?}");
    }

    #[test]
    fn one_episode_beyond_the_budget_is_broken_and_an_unproven_one_is_told_apart() {
        let mut run = Run::healthy().fail(30.0..60.0, Class::Ingest, Outcome::Failed);
        run = run.without(|event| {
            matches!(
                event,
                Event::EpisodeEnded { .. } | Event::FaultProven { episode: 0, .. }
            )
        });
        let verdicts = run.judge().budget.burns;
        let verdicts: Vec<_> = verdicts.iter().map(|burn| burn.verdict).collect();
        assert_eq!(
            verdicts,
            [Verdict::Unproven, Verdict::Broken, Verdict::Held]
        );
    }

    #[test]
    fn what_was_not_promised_burns_nothing() {
        let mut run = Run::healthy().fail(30.0..34.0, Class::Admin, Outcome::Failed);
        run.header().drill.contract.classes = vec![Class::Ingest];
        let budget = run.judge().budget;
        assert!(budget.burns.iter().all(|burn| burn.seconds == 0.0));
        assert_eq!(budget.burned_percent, 0.0);
    }
}
