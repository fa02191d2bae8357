//! From a target to the members that it means.

use std::collections::BTreeMap;

use thiserror::Error;

use super::{
    Candidate, Component, Player, Players, Role, Target, When,
    candidate::{listed, platform},
};
use crate::draw::{minority, pick};

/// Who plays which role, at both moments that a target may ask about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    /// When the load began.
    pub at_start: Players,
    /// When the fault is due.
    pub now: Players,
}

/// Why a target means nobody, or fewer than it asks for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Unresolved {
    /// A name that nobody has.
    #[error("no member {name}; there are {there}")]
    NoSuchMember {
        /// The name.
        name: String,
        /// Names of the members that are there.
        there: String,
    },
    /// A part of the testbed.
    #[error("{0} is an instrument of the testbed and never a target")]
    Instrument(String),
    /// Nobody plays the role now.
    #[error("no member plays {role} now; seen are {seen}")]
    NobodyPlays {
        /// The role.
        role: Role,
        /// The roles that are played, each with its members.
        seen: String,
    },
    /// Nobody played the role when the load began.
    #[error("no member played {role} when the load began; seen were {seen}")]
    NobodyPlayed {
        /// The role.
        role: Role,
        /// The roles that were played, each with its members.
        seen: String,
    },
    /// Sentinels have a leader only from their first election on.
    #[error("no Sentinel leads: none was elected while the platform was watched")]
    NoElection,
    /// Fewer members than the target asks for.
    #[error("{target} asks for {wanted}; there are: {there}")]
    TooFew {
        /// The target in words.
        target: String,
        /// How many it asks for.
        wanted: usize,
        /// Names of the members that would do.
        there: String,
    },
}

impl Target {
    /// Names of the members that the target means, in order. Where several would do, `seed` decides, and
    /// neither the order of `candidates` nor of the players does.
    ///
    /// # Errors
    /// When the target means nobody, fewer members than it asks for, or an instrument; each names who is
    /// there instead.
    pub fn members(
        &self,
        seed: u64,
        candidates: &[Candidate],
        parts: &Parts,
    ) -> Result<Vec<String>, Unresolved> {
        let (among, wanted) = match self {
            Self::Role(player) => (players(*player, parts)?, 1),
            _ => {
                let among = self.among(candidates);
                let wanted = self.wanted(among.len());
                (among, wanted)
            }
        };
        if wanted == 0 || wanted > among.len() {
            return Err(Unresolved::TooFew {
                target: self.to_string(),
                wanted,
                there: listed(among.iter().map(String::as_str)),
            });
        }
        let mut drawn = pick(&among, wanted, seed);
        drawn.sort_unstable();
        for name in &drawn {
            known(name, candidates)?;
        }
        Ok(drawn)
    }

    /// Names of those among whom the target chooses, in order and each once; for a role, everyone who
    /// could play it.
    pub(crate) fn among(&self, candidates: &[Candidate]) -> Vec<String> {
        let those = |is: &dyn Fn(&Candidate) -> bool| {
            let platform = platform(candidates).into_iter();
            let chosen = platform.filter(|candidate| is(candidate));
            chosen.map(|candidate| candidate.name.clone()).collect()
        };
        let of = |component: Component| those(&|candidate| candidate.component == component);
        let mut names = match self {
            Self::Container(name) => vec![name.clone()],
            Self::Containers(names) => names.clone(),
            Self::Role(player) => of(player.role.component()),
            Self::Any(any) => of(any.component),
            Self::All(all) | Self::Minority(all) => of(all.component),
            Self::Zone(zone) => those(&|candidate| candidate.zone.as_ref() == Some(zone)),
            Self::Label(label) => label.members.clone(),
        };
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The most members of each component that the target may hit at once, whoever is drawn.
    pub(crate) fn reach(&self, candidates: &[Candidate]) -> BTreeMap<Component, usize> {
        let among = self.among(candidates);
        let wanted = self.wanted(among.len());
        let mut reach = BTreeMap::new();
        let hit = |candidate: &&Candidate| among.contains(&candidate.name);
        for candidate in platform(candidates).into_iter().filter(hit) {
            *reach.entry(candidate.component).or_insert(0) += 1;
        }
        reach
            .values_mut()
            .for_each(|count| *count = wanted.min(*count));
        reach
    }

    /// How many the target asks for, of so many that there are. A target that means everyone asks for at
    /// least one.
    pub(super) fn wanted(&self, there: usize) -> usize {
        match self {
            Self::Role(_) => 1,
            Self::Any(any) => any.amount.of(there),
            Self::Minority(_) => minority(there),
            Self::Container(_)
            | Self::Containers(_)
            | Self::All(_)
            | Self::Zone(_)
            | Self::Label(_) => there.max(1),
        }
    }
}

/// Who plays, or played, the role.
fn players(player: Player, parts: &Parts) -> Result<Vec<String>, Unresolved> {
    let role = player.role;
    let roles = match player.at {
        When::Now => &parts.now,
        When::Start => &parts.at_start,
    };
    let those = roles.get(&role).filter(|those| !those.is_empty());
    if let Some(those) = those {
        let mut those = those.clone();
        those.sort_unstable();
        those.dedup();
        return Ok(those);
    }
    let played = roles.iter().filter(|(_, those)| !those.is_empty());
    let seen: Vec<_> = played
        .map(|(role, those)| format!("{role} by {}", those.join(" and ")))
        .collect();
    let seen = listed(seen.iter().map(String::as_str));
    Err(match (player.at, role) {
        (When::Now, Role::SentinelLeader) => Unresolved::NoElection,
        (When::Now, _) => Unresolved::NobodyPlays { role, seen },
        (When::Start, _) => Unresolved::NobodyPlayed { role, seen },
    })
}

/// Whether a fault may hit whoever has that name.
fn known(name: &str, candidates: &[Candidate]) -> Result<(), Unresolved> {
    match candidates.iter().find(|candidate| candidate.name == name) {
        Some(candidate) if candidate.component == Component::Instrument => {
            Err(Unresolved::Instrument(name.to_owned()))
        }
        Some(_) => Ok(()),
        None => Err(Unresolved::NoSuchMember {
            name: name.to_owned(),
            there: listed(platform(candidates).iter().map(|c| c.name.as_str())),
        }),
    }
}

#[cfg(test)]
mod tests;
