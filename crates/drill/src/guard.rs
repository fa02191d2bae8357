//! How much may be broken at once, and what ends a run before its end.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Candidate, Component, Fault, Target};

/// The guard rails of a drill; without the table there are none.
///
/// ```toml
/// [guard]
/// blast_radius           = { postgres = 1, etcd = 1 }   # most members that one episode may hit
/// stop_at_budget_percent = 200.0                        # of the contract's outage budget
/// stop_at_loss           = true                         # an acknowledged reading that is not stored
/// ```
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guard {
    /// Most members of a component that may suffer at the same time; a component that is not named has no ceiling.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub blast_radius: BTreeMap<Component, usize>,
    /// The run is healed and ended once the worst promised class has burned this share of the outage budget, in
    /// percent, above 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_at_budget_percent: Option<f64>,
    /// The run is ended after the episode that cost an acknowledged reading.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stop_at_loss: bool,
}

impl Guard {
    /// Whether it guards nothing.
    pub fn is_open(&self) -> bool {
        *self == Self::default()
    }

    /// What is wrong with its values, in words that complete "guard: ".
    pub(crate) fn mistake(&self) -> Option<String> {
        let none = self.blast_radius.iter().find(|(_, most)| **most == 0);
        if let Some((component, _)) = none {
            return Some(format!(
                "blast_radius: 0 of {component} could be hit by no episode; leave the episodes out instead"
            ));
        }
        let percent = self.stop_at_budget_percent?;
        let fits = percent.is_finite() && percent > 0.0;
        (!fits).then(|| format!("stop_at_budget_percent {percent} is not above 0"))
    }

    /// Why an episode with this target would break too much at once, whoever is drawn.
    pub(crate) fn too_wide(
        &self,
        fault: &Fault,
        target: &Target,
        candidates: &[Candidate],
    ) -> Option<String> {
        self.refuse(fault, target.reach(candidates))
    }

    /// Why a fault on members of these components would break too much at once.
    pub fn exceeded(
        &self,
        fault: &Fault,
        components: impl IntoIterator<Item = Component>,
    ) -> Option<String> {
        let mut counts = BTreeMap::new();
        for component in components {
            *counts.entry(component).or_insert(0) += 1;
        }
        self.refuse(fault, counts)
    }

    fn refuse(&self, fault: &Fault, counts: BTreeMap<Component, usize>) -> Option<String> {
        // What comes with the load breaks nobody by itself.
        if fault.pressure().is_some() {
            return None;
        }
        counts.into_iter().find_map(|(component, count)| {
            let most = *self.blast_radius.get(&component)?;
            (count > most).then(|| {
                format!(
                    "hits {count} of {component} at once, and the guard's blast_radius allows {most}"
                )
            })
        })
    }
}

impl std::fmt::Display for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let radius = self.blast_radius.iter();
        let mut parts: Vec<_> = radius
            .map(|(component, most)| format!("at most {most} of {component} at once"))
            .collect();
        let percent = self.stop_at_budget_percent;
        parts.extend(percent.map(|percent| format!("ends at {percent} % of the outage budget")));
        parts.extend(
            self.stop_at_loss
                .then(|| "ends at the first loss".to_owned()),
        );
        match parts.is_empty() {
            true => f.pad("none"),
            false => f.pad(&parts.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Fault = Fault::Pause {};

    fn guard(text: &str) -> Guard {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn nobody_is_above_a_ceiling_that_is_not_there() {
        let guard = guard("blast_radius = { etcd = 1 }");
        assert_eq!(guard.exceeded(&PAUSE, [Component::Api; 9]), None);
        assert_eq!(guard.exceeded(&PAUSE, [Component::Etcd]), None);
        let refused = guard.exceeded(&PAUSE, [Component::Etcd, Component::Api, Component::Etcd]);
        assert!(refused.unwrap().starts_with("hits 2 of etcd at once"));
    }

    #[test]
    fn what_can_guard_nothing_is_a_mistake() {
        for text in [
            "blast_radius = { api = 0 }",
            "stop_at_budget_percent = 0.0",
            "stop_at_budget_percent = nan",
        ] {
            assert!(guard(text).mistake().is_some(), "{text}");
        }
        assert_eq!(guard("stop_at_budget_percent = 0.5").mistake(), None);
        assert!(toml::from_str::<Guard>("blast_radius = { apii = 1 }").is_err());
    }

    #[test]
    fn it_says_what_it_guards() {
        assert_eq!(guard("").to_string(), "none");
        let all = guard(
            "blast_radius = { api = 2 }\nstop_at_budget_percent = 200.0\nstop_at_loss = true",
        );
        assert_eq!(
            all.to_string(),
            "at most 2 of api at once, ends at 200 % of the outage budget, ends at the first loss"
        );
    }
}
