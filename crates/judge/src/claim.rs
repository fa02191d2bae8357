//! What the run allows to claim for a whole window with such faults, and what a claim would take.

use std::collections::BTreeMap;

use drill::{Class, Drill};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    budget::Scale,
    confidence::{bound, share_at_most, units_needed},
    figures::{EpisodeFigures, EpisodeState, QuietFigures, Toll, figure},
};

/// Confidence at which claims are told where the contract names none, in percent.
const USUAL_PERCENT: f64 = 95.0;

/// What may be said about a window that was not run. It takes for granted that the next faults and hours are like those that
/// were run; nothing is assumed about how their costs are spread.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Claim {
    /// The confidence of each bound, in percent.
    pub confidence_percent: f64,
    /// Episodes that came to their end or never recovered.
    pub episodes: u64,
    /// Of those, how many recovered and cost users of promised classes nothing.
    pub clean: u64,
    /// Upper bound on the chance that such an episode costs users anything, in percent; none without an episode.
    pub costly_at_most_percent: Option<f64>,
    /// Each kind of fault.
    pub faults: Vec<FaultRepetitions>,
    /// Whole schedules of a window's faults that the repetitions make.
    pub schedules: u64,
    /// Schedules that a bound on the faults alone takes.
    pub schedules_needed: u64,
    /// Schedules that a bound on the whole window takes.
    pub schedules_needed_for_window: u64,
    /// What the next schedule of faults does not exceed, in percent of the budget; none where it can't be claimed.
    pub faults_at_most_percent: Option<f64>,
    /// Quiet time that was run, in hours.
    pub quiet_h: f64,
    /// Quiet time that a bound on the quiet time alone takes, in hours.
    pub quiet_h_needed: f64,
    /// Quiet time that a bound on the whole window takes, in hours.
    pub quiet_h_needed_for_window: f64,
    /// What the next window's quiet time does not exceed, in percent of the budget; none where it can't be claimed.
    pub quiet_at_most_percent: Option<f64>,
    /// What the next window does not exceed, faults and quiet time together, in percent of the budget, of time or of requests,
    /// whichever is worse; none where it can't be claimed.
    pub window_at_most_percent: Option<f64>,
}

/// One kind of fault, and how often it was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FaultRepetitions {
    /// The episode, or the one that the others repeat.
    pub name: String,
    /// Repetitions that came to their end or never recovered.
    pub repetitions: u64,
    /// Repetitions that one window takes.
    pub per_window: u64,
    /// Repetitions that a claim for the faults takes.
    pub needed: u64,
}

/// What may be claimed.
pub(crate) fn claim(
    drill: &Drill,
    episodes: &[EpisodeFigures],
    quiet: &QuietFigures,
    asked: &BTreeMap<Class, u64>,
    load_s: f64,
) -> Claim {
    let percent = drill.contract.claim_at_percent.unwrap_or(USUAL_PERCENT);
    let price = Price {
        scale: Scale::new(drill, load_s),
        classes: &drill.contract.classes,
        asked,
    };
    let kinds = kinds(drill, episodes);
    let schedules = price.schedules(&kinds);
    let half = 50.0 + percent / 2.0;
    // A drill without faults leaves all of the error to its quiet time.
    let shared = if kinds.is_empty() { percent } else { half };
    let window_h = drill.contract.window.as_secs_f64() / 3600.0;
    let windows = (quiet.seconds / 3600.0 / window_h) as usize;
    // Where in the quiet time its loss fell is not looked at: each window may have had all of it.
    let all_quiet = price.cost([&quiet.toll]);
    let quiet_at = |percent| bound(vec![all_quiet; windows], percent);
    let faults_at = |percent| match kinds.is_empty() {
        true => Some(0.0),
        false => bound(schedules.clone(), percent),
    };
    let whole = faults_at(shared).zip(quiet_at(shared));
    let counted: Vec<_> = kinds.iter().flat_map(|kind| &kind.rows).collect();
    let (count, clean) = (
        counted.len() as u64,
        counted.iter().filter(|row| price.is_clean(row)).count() as u64,
    );
    let costly = share_at_most(count - clean, count, percent);
    let needed = units_needed(percent);
    Claim {
        confidence_percent: percent,
        episodes: count,
        clean,
        costly_at_most_percent: (count > 0).then(|| figure(100.0 * costly)),
        faults: kinds.iter().map(|kind| kind.told(needed)).collect(),
        schedules: schedules.len() as u64,
        schedules_needed: needed,
        schedules_needed_for_window: units_needed(shared),
        faults_at_most_percent: faults_at(percent).filter(|_| count > 0).map(figure),
        quiet_h: figure(quiet.seconds / 3600.0),
        quiet_h_needed: figure(needed as f64 * window_h),
        quiet_h_needed_for_window: figure(units_needed(shared) as f64 * window_h),
        quiet_at_most_percent: quiet_at(percent).map(figure),
        window_at_most_percent: whole.map(|(faults, quiet)| figure(faults + quiet)),
    }
}

/// One kind of fault with its repetitions.
struct Kind<'a> {
    name: String,
    fault: (&'a str, &'a str),
    per_window: f64,
    rows: Vec<&'a EpisodeFigures>,
}

impl Kind<'_> {
    /// Repetitions that one window takes: a part of one counts as a whole.
    fn in_window(&self) -> usize {
        ((self.per_window - 1e-9).ceil() as usize).max(1)
    }

    fn told(&self, schedules: u64) -> FaultRepetitions {
        let per_window = self.in_window() as u64;
        FaultRepetitions {
            name: self.name.clone(),
            repetitions: self.rows.len() as u64,
            per_window,
            needed: per_window * schedules,
        }
    }
}

/// The episodes by what they repeat, or else by their target and fault. One whose fault was not proven repeats nothing.
fn kinds<'a>(drill: &Drill, episodes: &'a [EpisodeFigures]) -> Vec<Kind<'a>> {
    let mut kinds: Vec<Kind<'a>> = vec![];
    for (episode, row) in drill.episodes.iter().zip(episodes) {
        let fault = (row.target.as_str(), row.fault.as_str());
        let name = episode.repetition_of.as_ref().unwrap_or(&row.name);
        let same = |kind: &Kind| match &episode.repetition_of {
            Some(name) => kind.name == *name,
            None => kind.fault == fault,
        };
        let place = kinds.iter().position(same).unwrap_or(kinds.len());
        if place == kinds.len() {
            kinds.push(Kind {
                name: name.clone(),
                fault,
                per_window: 0.0,
                rows: vec![],
            });
        }
        kinds[place].per_window += episode.per_window;
        if matches!(
            row.state,
            EpisodeState::Complete | EpisodeState::NotRecovered
        ) {
            kinds[place].rows.push(row);
        }
    }
    kinds
}

/// What tolls cost, in percent of the budget.
struct Price<'a> {
    scale: Scale,
    classes: &'a [Class],
    /// Requests of the whole run.
    asked: &'a BTreeMap<Class, u64>,
}

impl Price<'_> {
    /// The cost of each schedule that the repetitions make.
    fn schedules(&self, kinds: &[Kind]) -> Vec<f64> {
        let whole = kinds.iter().map(|kind| kind.rows.len() / kind.in_window());
        let schedule = |number: usize| {
            let rows = kinds.iter().flat_map(|kind| {
                let each = kind.in_window();
                &kind.rows[number * each..(number + 1) * each]
            });
            let rows: Vec<_> = rows.collect();
            match rows.iter().all(|row| row.state == EpisodeState::Complete) {
                true => self.cost(rows.iter().map(|row| &row.toll)),
                false => f64::INFINITY,
            }
        };
        (0..whole.min().unwrap_or(0)).map(schedule).collect()
    }

    /// Of the class that lost most, by time or by requests. An outage that the class's requests are too far apart to show
    /// counts as one.
    fn cost<'t>(&self, tolls: impl IntoIterator<Item = &'t Toll>) -> f64 {
        let rows = tolls.into_iter().flat_map(|toll| &toll.by_class);
        let rows: Vec<_> = rows.collect();
        let of = |class: &Class| {
            let rows = rows.iter().filter(|row| row.class == *class);
            let lost_s = rows
                .clone()
                .map(|row| row.bad_second_equivalents + row.resolution_s.unwrap_or(0.0));
            let failed = rows.map(|row| row.bad).sum::<u64>() as f64;
            let asked = self.asked.get(class).copied().unwrap_or(0);
            let time = self.scale.time_percent(lost_s.sum());
            time.max(self.scale.failed_percent(failed, asked).unwrap_or(0.0))
        };
        self.classes.iter().map(of).fold(0.0, f64::max)
    }

    fn is_clean(&self, row: &EpisodeFigures) -> bool {
        let lost = row.toll.by_class.iter().filter(|toll| toll.has_lost());
        row.state == EpisodeState::Complete
            && lost
                .filter(|toll| self.classes.contains(&toll.class))
                .count()
                == 0
    }
}

#[cfg(test)]
mod tests;
