//! The survival matrix: what users saw of every blow to every member, over all runs that tried it.
//!
//! A trial that proves nothing counts for nothing: it never enters a median. Whether it counts does not depend on how it went,
//! and the cell says why it does not, and what it showed all the same.

mod asked;
mod excluded;
mod spread;
#[cfg(test)]
mod tests;
mod tried;

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use drill::{
    Class, Component, Role,
    survival::{Blow, Subject, Trial},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use asked::Asked;
pub use excluded::Excluded;
pub use spread::Spread;
pub use tried::{Tried, tried};

/// How a member survived a blow, in one word.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum CellState {
    /// Nobody noticed anything.
    Clean,
    /// Requests failed, but no class was down for a second.
    Felt,
    /// A class was down for at least a second, or full health did not come back in time.
    Down,
    /// It was tried, and no trial proves anything.
    Unproven,
    /// It was not tried.
    Missing,
}

/// All trials of one blow to one member in one role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cell {
    /// The blow.
    pub blow: Blow,
    /// In one word, by the worst of its trials.
    pub state: CellState,
    /// Trials that count.
    pub trials: u64,
    /// Why each of the others does not.
    pub doubts: Vec<String>,
    /// Over the trials that count; none where none does.
    pub figures: Option<CellFigures>,
    /// What the others showed; none where every trial counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub excluded: Option<Excluded>,
}

/// The figures of a cell, over its trials that count. Seconds count from the blow unless said otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CellFigures {
    /// Requests without a good answer by class; classes without one in any trial are left out.
    pub errors: BTreeMap<Class, Spread>,
    /// Requests of any class that were good only at the second attempt; of trials that tell it.
    #[serde(default)]
    pub good_again: Spread,
    /// Requests due by class, all trials together.
    pub requests: BTreeMap<Class, u64>,
    /// Bad seconds of the worst class.
    pub bad_seconds: Spread,
    /// Bad-second-equivalents of the worst class.
    pub equivalents: Spread,
    /// The class with the most bad-second-equivalents in the worst trial.
    pub worst_class: Option<Class>,
    /// Classes that were down in any trial.
    pub down: Vec<Class>,
    /// Trials in which any class was down.
    pub down_in: u64,
    /// Trials after which full health did not come back in time.
    #[serde(default)]
    pub not_back: u64,
    /// Seconds from the first bad request of a class to the good one after its last, of the class that was troubled for
    /// longest.
    pub troubled_s: Spread,
    /// To the engine's own word of the effect.
    pub effect_s: Spread,
    /// To the first sight of ill health.
    pub noticed_s: Spread,
    /// To the first sight of another member in its role.
    pub replaced_s: Spread,
    /// From the end of healing to full health.
    pub back_s: Spread,
    /// To full health.
    pub at_risk_s: Spread,
    /// Acknowledged readings that were lost or altered.
    pub lost: Spread,
    /// Readings that were stored more than once.
    pub duplicated: Spread,
}

/// A member in the roles that it played when it was hit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MatrixRow {
    /// The member; the name of the role where nobody was hit in it yet.
    pub member: String,
    /// Its component.
    pub component: Option<Component>,
    /// Roles that it played; empty where it played none, or was never hit.
    pub roles: Vec<Role>,
    /// One for each blow that was asked for, in that order.
    pub cells: Vec<Cell>,
}

/// What is still to be tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Lacking {
    /// Who.
    pub subject: Subject,
    /// What.
    pub blow: Blow,
    /// Trials that count.
    pub counted: u32,
}

/// The survival matrix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Matrix {
    /// What was asked.
    pub asked: Asked,
    /// A row for each member and role, in the order of the components and names.
    pub rows: Vec<MatrixRow>,
    /// What has fewer trials that count than were asked for.
    pub lacking: Vec<Lacking>,
    /// Roles of the hit components in which nobody was hit: who plays them is not up to the plan.
    pub roles_not_hit: Vec<Role>,
    /// Cells that were tried, by their state.
    pub states: BTreeMap<CellState, u64>,
    /// Subjects and blows of which there was no trial at all.
    pub untried: u64,
    /// Runs that the trials are from, oldest first.
    pub runs: Vec<String>,
}

/// Folds trials into a matrix. Those of subjects or blows that were not asked for are left out.
pub fn matrix(asked: Asked, tried: &[Tried]) -> Matrix {
    let wanted =
        |one: &&Tried| asked.subjects.contains(&one.subject) && asked.blows.contains(&one.blow);
    let tried: Vec<&Tried> = tried.iter().filter(wanted).collect();
    let rows = rows(&asked, &tried);
    let mut states = BTreeMap::new();
    let cells = rows.iter().flat_map(|row| &row.cells);
    for cell in cells.filter(|cell| cell.state != CellState::Missing) {
        *states.entry(cell.state).or_default() += 1;
    }
    let mut runs: Vec<String> = vec![];
    for one in &tried {
        if !runs.contains(&one.run) {
            runs.push(one.run.clone());
        }
    }
    Matrix {
        lacking: lacking(&asked, &tried),
        untried: untried(&asked, &tried),
        roles_not_hit: roles_not_hit(&asked, &tried),
        asked,
        rows,
        states,
        runs,
    }
}

impl Matrix {
    /// Whether everything was tried as often as it was asked for.
    pub fn is_complete(&self) -> bool {
        self.lacking.is_empty()
    }

    /// The trials that are still to be made, all subjects once before any of them again. The numbers go on after
    /// those that count.
    pub fn missing(&self) -> Vec<Trial> {
        let asked = &self.asked;
        let all = drill::survival::trials(&asked.subjects, &asked.blows, asked.repetitions);
        let is_missing = |trial: &Trial| {
            let of = |l: &&Lacking| l.subject == trial.subject && l.blow == trial.blow;
            let lacking = self.lacking.iter().find(of);
            lacking.is_some_and(|lacking| trial.repetition > lacking.counted)
        };
        all.into_iter().filter(is_missing).collect()
    }
}

/// What a trial will take from blow to full health, by the median of those of the same blow to the same component; none
/// before any was seen.
pub fn expected(tried: &[Tried], trial: &Trial) -> Option<Duration> {
    let alike = tried.iter().filter(|one| {
        one.blow == trial.blow && one.subject.component() == trial.subject.component()
    });
    let median_s = Spread::of(alike.map(|one| one.at_risk_s)).median?;
    Duration::try_from_secs_f64(median_s).ok()
}

fn rows(asked: &Asked, tried: &[&Tried]) -> Vec<MatrixRow> {
    let mut keys: BTreeSet<(Option<Component>, String, Vec<Role>)> = BTreeSet::new();
    for one in tried {
        keys.insert((
            Component::of_member(&one.member),
            one.member.clone(),
            one.standing(),
        ));
    }
    for subject in &asked.subjects {
        if !tried.iter().any(|one| one.subject == *subject) {
            keys.insert((subject.component(), subject.name().to_owned(), vec![]));
        }
    }
    let row = |(component, member, roles): (_, String, Vec<Role>)| {
        let cell = |blow: &Blow| {
            let here = |one: &&&Tried| {
                one.member == member && one.blow == *blow && one.standing() == roles
            };
            cell(
                *blow,
                &tried.iter().filter(here).copied().collect::<Vec<_>>(),
            )
        };
        let cells = asked.blows.iter().map(cell).collect();
        MatrixRow {
            component,
            cells,
            member,
            roles,
        }
    };
    keys.into_iter().map(row).collect()
}

fn cell(blow: Blow, tried: &[&Tried]) -> Cell {
    let counted: Vec<&Tried> = tried.iter().filter(|t| t.counts()).copied().collect();
    let figures = (!counted.is_empty()).then(|| figures(&counted));
    let state = match &figures {
        None if tried.is_empty() => CellState::Missing,
        None => CellState::Unproven,
        Some(figures) if !figures.down.is_empty() || figures.not_back > 0 => CellState::Down,
        Some(figures) if !figures.errors.is_empty() => CellState::Felt,
        Some(_) => CellState::Clean,
    };
    Cell {
        blow,
        state,
        trials: counted.len() as u64,
        excluded: Excluded::of(tried),
        doubts: excluded::doubts(tried),
        figures,
    }
}

fn figures(counted: &[&Tried]) -> CellFigures {
    let spread =
        |value: &dyn Fn(&Tried) -> Option<f64>| Spread::of(counted.iter().map(|t| value(t)));
    let count = |value: Option<u64>| value.map(|count| count as f64);
    let mut errors = BTreeMap::new();
    let mut requests = BTreeMap::new();
    for class in Class::ALL {
        let bad = |one: &Tried| one.of(class).map(|toll| toll.bad as f64);
        requests.insert(
            class,
            counted
                .iter()
                .filter_map(|t| t.of(class))
                .map(|t| t.requests)
                .sum(),
        );
        let spread = spread(&bad);
        if spread.worst > Some(0.0) {
            errors.insert(class, spread);
        }
    }
    let cost = |one: &&&Tried| one.toll.bad_second_equivalents;
    let worst = counted.iter().max_by(|a, b| cost(a).total_cmp(&cost(b)));
    let was_down = |class: &Class| counted.iter().any(|one| one.toll.down.contains(class));
    CellFigures {
        errors,
        good_again: spread(&|one| one.good_again().map(|count| count as f64)),
        requests,
        bad_seconds: spread(&|one| Some(one.toll.bad_seconds as f64)),
        equivalents: spread(&|one| Some(one.toll.bad_second_equivalents)),
        worst_class: worst.and_then(|one| one.toll.worst_class),
        down: Class::ALL.into_iter().filter(was_down).collect(),
        down_in: counted.iter().filter(|t| !t.toll.down.is_empty()).count() as u64,
        not_back: counted.iter().filter(|t| t.is_not_back()).count() as u64,
        troubled_s: spread(&|one| one.troubled_s),
        effect_s: spread(&|one| one.effect_s),
        noticed_s: spread(&|one| one.noticed_s),
        replaced_s: spread(&|one| one.replaced_s),
        back_s: spread(&|one| one.back_s),
        at_risk_s: spread(&|one| one.at_risk_s),
        lost: spread(&|one| count(one.lost)),
        duplicated: spread(&|one| count(one.duplicated)),
    }
}

fn lacking(asked: &Asked, tried: &[&Tried]) -> Vec<Lacking> {
    let mut lacking = vec![];
    for blow in &asked.blows {
        for subject in &asked.subjects {
            let counts =
                |one: &&&Tried| one.subject == *subject && one.blow == *blow && one.counts();
            let counted = tried.iter().filter(counts).count() as u32;
            if counted < asked.repetitions {
                lacking.push(Lacking {
                    subject: subject.clone(),
                    blow: *blow,
                    counted,
                });
            }
        }
    }
    lacking
}

fn untried(asked: &Asked, tried: &[&Tried]) -> u64 {
    let pairs = asked
        .subjects
        .iter()
        .flat_map(|subject| asked.blows.iter().map(move |blow| (subject, blow)));
    let is_untried = |(subject, blow): &(&Subject, &Blow)| {
        !tried
            .iter()
            .any(|one| one.subject == **subject && one.blow == **blow)
    };
    pairs.filter(is_untried).count() as u64
}

fn roles_not_hit(asked: &Asked, tried: &[&Tried]) -> Vec<Role> {
    let is_asked = |role: &&Role| {
        let component = Some(role.component());
        asked
            .subjects
            .iter()
            .any(|subject| subject.component() == component)
    };
    let is_hit = |role: &&Role| {
        tried
            .iter()
            .any(|one| one.counts() && one.roles.contains(role))
    };
    let elected = Role::ALL.iter().filter(|role| role.has_heir());
    elected
        .filter(is_asked)
        .filter(|role| !is_hit(role))
        .copied()
        .collect()
}
