//! What a matrix is to show.

use std::collections::{BTreeMap, BTreeSet};

use drill::survival::{Blow, Subject};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Tried;

/// What was asked of a matrix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Asked {
    /// Name of the topology.
    pub topology: String,
    /// Hash of what the platform is made of: trials of another one are not this one's.
    pub platform: String,
    /// Settings by which the platform differs from its files, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, String>,
    /// Users at every moment.
    pub users: u32,
    /// Time between a blow and its healing, in seconds.
    pub hold_s: f64,
    /// Who is hit.
    pub subjects: Vec<Subject>,
    /// In which ways.
    pub blows: Vec<Blow>,
    /// How often, each.
    pub repetitions: u32,
}

impl Asked {
    /// The same, widened to everything that was tried: whoever asks for a part of a matrix again must not lose the rest
    /// of it. Where it is wider than what was asked for, nothing has to be tried more often than the least tried was.
    pub fn covering(mut self, tried: &[Tried]) -> Self {
        let mut counted: BTreeMap<(&Subject, Blow), u32> = BTreeMap::new();
        for one in tried {
            *counted.entry((&one.subject, one.blow)).or_default() += u32::from(one.counts());
        }
        let is_asked = |(subject, blow): &(&Subject, Blow)| {
            self.subjects.contains(subject) && self.blows.contains(blow)
        };
        if counted.keys().all(is_asked) {
            return self;
        }
        let fewest = counted.values().min().copied().unwrap_or_default();
        let subjects = self.subjects.into_iter();
        let subjects = subjects.chain(tried.iter().map(|one| one.subject.clone()));
        let blows = self.blows.into_iter();
        let blows = blows.chain(tried.iter().map(|one| one.blow));
        self.subjects = subjects.collect::<BTreeSet<_>>().into_iter().collect();
        self.blows = blows.collect::<BTreeSet<_>>().into_iter().collect();
        self.repetitions = self.repetitions.min(fewest);
        self
    }
}
