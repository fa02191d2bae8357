//! The outage budget: how much of it each episode burned.

use drill::{Class, Contract};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Verdict,
    figures::{ClassFigures, ClassToll, EpisodeFigures, EpisodeState, QuietFigures, Toll, figure},
    toll,
};

/// The outage budget of the contract's window, and what burned it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Budget {
    /// What the contract allows, in seconds.
    pub allowed_s: f64,
    /// Bad-second-equivalents of the worst promised class over the whole run, in seconds.
    pub burned_s: f64,
    /// The same as a share of what is allowed, in percent; above 100 the promise is broken.
    pub burned_percent: f64,
    /// One for each episode, in the drill's order, and the last for the time outside all of them.
    pub burns: Vec<Burn>,
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
    /// The same as a share of the whole budget, in percent.
    pub percent: f64,
    /// Broken where this stretch alone is beyond the budget; else unproven where the episode did not go
    /// from full health through a proven fault back to full health; else held.
    pub verdict: Verdict,
}

/// What was allowed, and what burned it.
pub(crate) fn budget(
    contract: &Contract,
    episodes: &[EpisodeFigures],
    quiet: &QuietFigures,
    classes: &[ClassFigures],
) -> Budget {
    let allowed_s = figure(contract.budget().as_secs_f64());
    let share = |seconds: f64| figure(100.0 * seconds / allowed_s);
    let burn = |episode: Option<String>, toll: &Toll, complete: bool| {
        let worst = worst(contract, toll.by_class.iter());
        let (class, seconds) = worst.unzip();
        let seconds = seconds.unwrap_or(0.0);
        Burn {
            episode,
            class,
            seconds,
            percent: share(seconds),
            verdict: match (seconds > allowed_s, complete) {
                (true, _) => Verdict::Broken,
                (false, true) => Verdict::Held,
                (false, false) => Verdict::Unproven,
            },
        }
    };
    let rows = episodes.iter().map(|row| {
        let complete = row.state == EpisodeState::Complete;
        burn(Some(row.name.clone()), &row.toll, complete)
    });
    let all = worst(contract, classes.iter().map(|class| &class.toll));
    let burned_s = all.map_or(0.0, |(_, seconds)| seconds);
    Budget {
        allowed_s,
        burned_s,
        burned_percent: share(burned_s),
        burns: rows.chain([burn(None, &quiet.toll, true)]).collect(),
    }
}

/// The promised class that lost most, and its bad-second-equivalents, if any lost anything.
fn worst<'a>(
    contract: &Contract,
    tolls: impl Iterator<Item = &'a ClassToll>,
) -> Option<(Class, f64)> {
    let promised = tolls.filter(|toll| contract.classes.contains(&toll.class));
    let promised: Vec<_> = promised.cloned().collect();
    let worst = toll::worst(&promised).filter(|toll| toll.has_lost())?;
    Some((worst.class, worst.bad_second_equivalents))
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
