//! The survival matrix as drills: every member of a topology, hit in every way, one at a time.
//!
//! Nobody writes these drills: they follow from the topology and from a few options. A plan is a list of
//! [`Trial`]s, which may be too long for one load and is then played in several drills.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Candidate, Class, Component, Contract, Drill, Episode, Fault, Guard, Network, Pace, Role,
    Signal, Target, Traffic, TrafficError,
    target::{named::named, platform},
};

/// Load without a fault before the first trial of a drill: every client has asked once by then. A request that is the first of its
/// connection is sent by nobody again, and would be charged to the first trial alone.
pub const WARM_UP: Duration = Duration::from_secs(15);
/// Full health before and after each trial: together as long as a drill asks for.
pub const SETTLE: Duration = Duration::from_secs(1);
/// Longest wait for full health after a trial.
const RECOVER_WITHIN: Duration = Duration::from_secs(90);
/// What an alert may take: 10 s after it was due it does not come any more.
const ALERT_WITHIN: Duration = Duration::from_secs(10);
/// Load after the last trial, so that all that was due in it is known: the longest patience is that for an alert.
pub const AFTERMATH: Duration = Duration::from_secs(12);
/// Time between a monitor's readings: two cores carry it with room for a server that starts.
const MONITOR_EVERY: Duration = Duration::from_secs(10);
/// Time between a clinician's actions.
const CLINICIAN_EVERY: Duration = Duration::from_secs(12);

named! {
    /// What happens to a member.
    Blow {
        /// Its processes end at once.
        Kill = "kill",
        /// It stands still, and its connections stay open.
        Pause = "pause",
        /// It hears nobody and nobody hears it.
        Partition = "partition",
    }
}

impl Blow {
    /// The fault that does it.
    pub fn fault(self) -> Fault {
        match self {
            Self::Kill => Fault::Kill {
                signal: Signal::Kill,
            },
            Self::Pause => Fault::Pause {},
            Self::Partition => Fault::Network(Network {
                effect: lease::Effect::Partition {},
                to: vec![],
                ports: vec![],
                direction: lease::Direction::Both,
                backend: None,
            }),
        }
    }
}

/// Who is hit: a member by its name, or whoever plays a role when it is due.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// A member, by its service name.
    Member(String),
    /// A role.
    Role(Role),
}

impl Subject {
    /// The name of the member or of the role.
    pub fn name(&self) -> &str {
        match self {
            Self::Member(name) => name,
            Self::Role(role) => role.name(),
        }
    }

    /// The component of whoever is hit.
    pub fn component(&self) -> Option<Component> {
        match self {
            Self::Member(name) => Component::of_member(name),
            Self::Role(role) => Some(role.component()),
        }
    }

    fn target(&self) -> Target {
        match self {
            Self::Member(name) => Target::Container(name.clone()),
            Self::Role(role) => Target::Role((*role).into()),
        }
    }
}

/// One blow to one subject, asked for once.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
pub struct Trial {
    /// Who.
    pub subject: Subject,
    /// What.
    pub blow: Blow,
    /// Which repetition, from 1.
    pub repetition: u32,
}

impl Trial {
    /// Name of its episode, such as `api-1-kill-1`.
    pub fn name(&self) -> String {
        format!("{}-{}-{}", self.subject.name(), self.blow, self.repetition)
    }
}

/// The members of a topology that are chosen, in the order of the components and of their names. `only` names members,
/// components or roles; empty, every member is chosen. Instruments are no part of a platform.
///
/// # Errors
/// A word that names nothing, with what could be named.
pub fn subjects(candidates: &[Candidate], only: &[String]) -> Result<Vec<Subject>, String> {
    let mut members = platform(candidates);
    members.sort_by_key(|member| member.component);
    let mut chosen: Vec<Subject> = vec![];
    let everyone = only.is_empty().then_some(None);
    for word in everyone.into_iter().chain(only.iter().map(Some)) {
        for subject in meant(&members, word)? {
            if !chosen.contains(&subject) {
                chosen.push(subject);
            }
        }
    }
    Ok(chosen)
}

/// Whom one word means; without a word, everyone.
fn meant(members: &[&Candidate], word: Option<&String>) -> Result<Vec<Subject>, String> {
    let found: Vec<_> = members
        .iter()
        .filter(|member| {
            word.is_none_or(|word| member.name == *word || member.component.name() == word)
        })
        .map(|member| Subject::Member(member.name.clone()))
        .collect();
    let Some(word) = word.filter(|_| found.is_empty()) else {
        return Ok(found);
    };
    let here = |role: &Role| {
        let players = members.iter().filter(|m| m.component == role.component());
        players.count() >= role.least_members()
    };
    match Role::from_name(word).filter(here) {
        Some(role) => Ok(vec![Subject::Role(role)]),
        None => {
            let names = members.iter().map(|member| member.name.as_str());
            let mut components: Vec<_> = members.iter().map(|m| m.component.name()).collect();
            components.dedup();
            let roles = Role::ALL.iter().filter(|role| here(role)).map(|r| r.name());
            let known: Vec<_> = names.chain(components).chain(roles).collect();
            Err(format!(
                "{word:?} names no member, no component and no role of the topology; there are: {}",
                known.join(", ")
            ))
        }
    }
}

/// Every trial: all subjects once before any of them twice, and one kind of blow after another.
pub fn trials(subjects: &[Subject], blows: &[Blow], repetitions: u32) -> Vec<Trial> {
    let mut trials = Vec::with_capacity(subjects.len() * blows.len() * repetitions as usize);
    for repetition in 1..=repetitions {
        for blow in blows {
            trials.extend(subjects.iter().map(|subject| Trial {
                subject: subject.clone(),
                blow: *blow,
                repetition,
            }));
        }
    }
    trials
}

/// What all trials of a matrix have in common.
#[derive(Debug, Clone, PartialEq)]
pub struct Survival {
    /// Name of the topology.
    pub topology: String,
    /// Users at every moment.
    pub users: u32,
    /// Time between a blow and its healing.
    pub hold: Duration,
}

impl Survival {
    /// The drill that plays the trials in turn under a load that lasts for `span`.
    ///
    /// # Errors
    /// When the users are 0 or too many.
    pub fn drill(
        &self,
        trials: &[Trial],
        span: Duration,
        seed: u64,
    ) -> Result<Drill, TrafficError> {
        let episode = |trial: &Trial| Episode {
            name: trial.name(),
            target: trial.subject.target(),
            fault: trial.blow.fault(),
            hold: self.hold,
            stagger: Duration::ZERO,
            then: None,
            per_window: 1.0,
            repetition_of: None,
        };
        Ok(Drill {
            name: "survive".into(),
            about: "Hit one member after another, and let the platform recover from each blow."
                .into(),
            lesson: "What users notice depends on who is hit, in which role, and how.".into(),
            topology: self.topology.clone(),
            seed,
            traffic: Traffic::constant(self.users, span, MONITOR_EVERY, CLINICIAN_EVERY)?,
            pace: Pace {
                warm_up: WARM_UP,
                settle: SETTLE,
                recover_within: RECOVER_WITHIN,
            },
            episodes: trials.iter().map(episode).collect(),
            contract: contract(),
            guard: Guard::default(),
        })
    }

    /// How long a load must last for trials that are expected to take so long from blow to full health.
    pub fn span(&self, expected: impl IntoIterator<Item = Duration>) -> Duration {
        let each = expected.into_iter().map(|exposed| exposed + BETWEEN);
        // Whole seconds: the span is written into the drill's file.
        let seconds = (WARM_UP + AFTERMATH + each.sum::<Duration>().mul_f64(MARGIN)).as_secs_f64();
        Duration::from_secs(seconds.ceil() as u64)
    }

    /// What a trial is expected to take from blow to full health, before any was seen. In the mean of 89 kills it was the hold and
    /// 2.6 s.
    pub fn guess(&self) -> Duration {
        self.hold + Duration::from_secs(3)
    }
}

/// From full health after one trial to the next blow: the settle time of both, and the preparation of the fault.
const BETWEEN: Duration = Duration::from_millis(2500);
/// Trials that take longer than expected push the last ones off the load's end, and those are tried again; what is too
/// generous is load without a fault.
const MARGIN: f64 = 1.05;

/// How many of the trials, from the first on, a load of at most `at_most` has room for.
pub fn fitting(survival: &Survival, expected: &[Duration], at_most: Duration) -> usize {
    let fits = |count: &usize| survival.span(expected[..*count].iter().copied()) <= at_most;
    (0..=expected.len()).rev().find(fits).unwrap_or(0)
}

/// What is looked at; nothing of it decides over a matrix.
fn contract() -> Contract {
    Contract {
        availability_percent: 99.99,
        window: Duration::from_secs(48 * 3600),
        classes: Class::ALL
            .into_iter()
            .filter(|class| *class != Class::Alert)
            .collect(),
        failed_requests: None,
        latency: vec![],
        user_uptime: vec![],
        service_back_within: None,
        redundancy_back_within: None,
        alert_within: Some(ALERT_WITHIN),
        repeated_alerts: None,
        lost_pages: None,
        no_split_brain: true,
        stale_at_most: None,
        lost_readings: Some(0),
        duplicate_readings: Some(0),
        paged_within: None,
        visible_within: None,
        lost_changes: None,
        claim_at_percent: None,
        monthly_usd: None,
    }
}

#[cfg(test)]
mod tests;
