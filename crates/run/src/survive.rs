//! The survival matrix, collected over as many runs as it takes.

mod plan;
mod shelf;

use std::{path::Path, time::Duration};

use clock::Clock;
use drill::survival::{Survival, Trial};
use engine::Docker;
use judge::{
    Clause, Judgement,
    survival::{Asked, Matrix, Tried, matrix, tried},
};
use tokio_util::sync::CancellationToken;

pub use shelf::Shelf;

use crate::{
    Order, Progress, RunError, Say,
    conduct::{Recorded, record},
    judge_folder,
    survive::plan::{Batch, Planner},
};

/// What is to be collected.
#[derive(Debug, Clone)]
pub struct Expedition<'a> {
    /// Whom to hit, how, and how often.
    pub asked: Asked,
    /// What all trials have in common.
    pub survival: Survival,
    /// Only what earlier runs have not collected.
    pub only_missing: bool,
    /// No run is begun that would end later than this.
    pub within: Option<Duration>,
    /// The folder that holds `compose` and `crates`.
    pub root: &'a Path,
    /// Where run folders are.
    pub home: &'a Path,
}

impl Expedition<'_> {
    /// The trials to be made, in their order, given those that were.
    pub fn pending(&self, tried: &[Tried]) -> Vec<Trial> {
        let asked = &self.asked;
        match self.only_missing {
            true => matrix(asked.clone(), tried).missing(),
            false => drill::survival::trials(&asked.subjects, &asked.blows, asked.repetitions),
        }
    }

    /// The runs that the trials take and how long they last together, as far as it is known before.
    pub fn estimate(&self, trials: &[Trial], tried: &[Tried]) -> (usize, Duration) {
        Planner::new(self.survival.clone()).estimate(trials, tried)
    }
}

/// Collects trials, run after run, and keeps those of each run on the shelf before the next one begins. Returns the matrix of
/// everything that is on the shelf.
///
/// # Errors
/// When a run fails, or is interrupted. What had ended before is kept.
pub async fn survive(
    order: &Expedition<'_>,
    shelf: &Shelf,
    docker: &Docker,
    say: Say<'_>,
    interrupted: &CancellationToken,
) -> Result<Matrix, RunError> {
    let clock = Clock::start().0;
    let mut planner = Planner::new(order.survival.clone());
    let mut known = shelf.tried()?;
    let mut pending = order.pending(&known);
    while !pending.is_empty() {
        let began = clock.now();
        let left = order
            .within
            .map(|within| within.saturating_sub(began.as_duration()));
        let Some(batch) = planner.next(&pending, &known, left) else {
            say(Progress::Line("there is no time for another run".into()));
            break;
        };
        say(Progress::Line(planner.words(&batch, &pending, &known)));
        let now = &pending[..batch.trials];
        let (run, found, outcome) = Box::pin(play(
            order,
            &batch,
            now,
            known.len(),
            docker,
            say,
            interrupted,
        ))
        .await?;
        shelf.keep(&run, &found)?;
        outcome?;
        planner.learn(batch.span, clock.now().since(began));
        let had_turn = turns(&pending, &found);
        if had_turn.is_empty() {
            say(Progress::Line("no trial had its turn: giving up".into()));
            break;
        }
        pending.retain(|trial| !had_turn.contains(trial));
        known.extend(found);
    }
    Ok(matrix(order.asked.clone(), &known))
}

/// The trials that were tried: of those to one subject in one way, as many as were found, first to last.
fn turns(pending: &[Trial], found: &[Tried]) -> Vec<Trial> {
    let mut left: Vec<_> = found.iter().map(|one| (&one.subject, one.blow)).collect();
    let mut had_turn = vec![];
    for trial in pending {
        let of = |(subject, blow): &(_, _)| *subject == &trial.subject && *blow == trial.blow;
        if let Some(position) = left.iter().position(of) {
            left.swap_remove(position);
            had_turn.push(trial.clone());
        }
    }
    had_turn
}

/// One run: its id, what it showed, and how it ended.
async fn play(
    order: &Expedition<'_>,
    batch: &Batch,
    trials: &[Trial],
    seed: usize,
    docker: &Docker,
    say: Say<'_>,
    interrupted: &CancellationToken,
) -> Result<(String, Vec<Tried>, Result<(), RunError>), RunError> {
    // Another seed for each run: repetitions under the same load would share its accidents.
    let drill = order.survival.drill(trials, batch.span, 1 + seed as u64)?;
    let text = drill.text();
    let one = Order {
        drill: &drill,
        drill_text: &text,
        root: order.root,
        home: order.home,
    };
    let Recorded {
        folder,
        drill: played,
        lowered,
    } = record(one, docker, say, interrupted).await?;
    let outcome = played.and(lowered);
    // A run that ended before its load has nothing to be judged.
    let found = match (judge_folder(&folder), &outcome) {
        (Ok(judgement), _) => {
            say_two_primaries(&judgement, say);
            tried(&drill, &judgement)
        }
        (Err(error), Ok(())) => return Err(error),
        (Err(_), Err(_)) => vec![],
    };
    Ok((folder.id().to_owned(), found, outcome))
}

/// Two primaries belong to a run and to no cell: their overlap may outlast the trial that made it.
fn say_two_primaries(judgement: &Judgement, say: Say<'_>) {
    let findings = judgement.findings.iter();
    for finding in findings.filter(|finding| finding.clause == Clause::SplitBrain) {
        say(Progress::Line(format!(
            "{} {}: {}",
            finding.title,
            finding.verdict.name(),
            finding.measured.text
        )));
    }
}

#[cfg(test)]
mod tests {
    use drill::survival::{Blow, Subject, trials};

    use super::*;
    use crate::survive::shelf::tests::one;

    #[test]
    fn who_had_no_turn_is_still_pending() {
        let subjects = ["api-1", "api-2"].map(|name| Subject::Member(name.into()));
        let pending = trials(&subjects, &[Blow::Kill], 2);
        let found = [one("r", "api-2"), one("r", "api-1"), one("r", "api-2")];
        let names: Vec<_> = turns(&pending, &found).iter().map(Trial::name).collect();
        assert_eq!(names, ["api-1-kill-1", "api-2-kill-1", "api-2-kill-2"]);
        assert!(turns(&pending, &[]).is_empty());
    }
}
