//! Refuses a target that a topology can't offer, so that nothing is started for a plan that can't run.

use std::collections::BTreeSet;

use super::{
    Amount, AnyOf, Candidate, Component, Label, Role, Target,
    candidate::{listed, platform},
};
use crate::draw::minority;

/// A topology that targets are checked against.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Offer<'a> {
    /// Its name, for the messages.
    pub(crate) topology: &'a str,
    /// Its members, instruments included.
    pub(crate) candidates: &'a [Candidate],
}

impl Target {
    /// This target with everything found that it leaves to the topology, once it is known to be possible.
    ///
    /// # Errors
    /// What the topology lacks, with the allowed values.
    pub(crate) fn checked(mut self, offer: Offer<'_>) -> Result<Self, String> {
        match &mut self {
            Self::Container(name) => offer.container(name),
            Self::Containers(names) => offer.containers(names),
            Self::Role(player) => offer.role(player.role),
            Self::Any(any) => offer.any(*any),
            Self::All(of) => offer.some(of.component).map(drop),
            Self::Minority(of) => offer.minority(of.component),
            Self::Zone(zone) => offer.zone(zone),
            Self::Label(label) => offer.label(label),
        }?;
        Ok(self)
    }
}

impl Offer<'_> {
    fn container(self, name: &str) -> Result<(), String> {
        let topology = self.topology;
        let found = self.candidates.iter().find(|c| c.name == name);
        match found.map(|candidate| candidate.component) {
            Some(Component::Instrument) => Err(format!(
                "container {name:?} is part of the testbed and never a target"
            )),
            Some(_) => Ok(()),
            None => Err(format!(
                "no container {name:?} in topology {topology:?}; there are: {}",
                listed(self.platform().iter().map(|c| c.name.as_str()))
            )),
        }
    }

    fn containers(self, names: &[String]) -> Result<(), String> {
        if names.is_empty() {
            return Err("containers is empty; it takes at least one name".into());
        }
        let mut seen = BTreeSet::new();
        for name in names {
            self.container(name)?;
            if !seen.insert(name) {
                return Err(format!("container {name:?} is named twice"));
            }
        }
        Ok(())
    }

    fn role(self, role: Role) -> Result<(), String> {
        let (topology, component) = (self.topology, role.component());
        let (there, least) = (self.count(component), role.least_members());
        match there {
            0 => Err(format!(
                "topology {topology:?} has no {component} to be {role}"
            )),
            _ if there < least => Err(format!(
                "topology {topology:?} has {there} of {component}, fewer than the {least} without which \
                 there is no {role}"
            )),
            _ => Ok(()),
        }
    }

    fn any(self, any: AnyOf) -> Result<(), String> {
        let AnyOf { component, amount } = any;
        let topology = self.topology;
        match (amount, self.count(component)) {
            _ if component == Component::Instrument => self.some(component).map(drop),
            (Amount::Count(count), there) if there < count => Err(format!(
                "topology {topology:?} has {there} of {component}, fewer than count {count}"
            )),
            _ => self.some(component).map(drop),
        }
    }

    fn minority(self, component: Component) -> Result<(), String> {
        let (topology, there) = (self.topology, self.some(component)?);
        match minority(there) {
            0 => Err(format!(
                "topology {topology:?} has {there} of {component}, and a minority takes at least 3"
            )),
            _ => Ok(()),
        }
    }

    fn zone(self, zone: &str) -> Result<(), String> {
        let platform = self.platform();
        let zones: Vec<_> = platform.iter().filter_map(|c| c.zone.as_deref()).collect();
        if zones.contains(&zone) {
            return Ok(());
        }
        let (topology, there) = (self.topology, listed(zones));
        Err(format!(
            "no zone {zone:?} in topology {topology:?}; there are: {there}"
        ))
    }

    /// Finds who carries the label.
    fn label(self, label: &mut Label) -> Result<(), String> {
        if !label.members.is_empty() {
            return Err(
                "members of a label are found, not given; name them with containers".into(),
            );
        }
        let (topology, Label { name, value, .. }) = (self.topology, &*label);
        let platform = self.platform();
        let labels = || platform.iter().flat_map(|c| &c.labels);
        let values: Vec<_> = labels()
            .filter(|(n, _)| *n == name)
            .map(|(_, v)| v)
            .collect();
        if values.is_empty() {
            return Err(format!(
                "nobody in topology {topology:?} has a label {name:?}; there are: {}",
                listed(labels().map(|(name, _)| name.as_str()))
            ));
        }
        if !values.contains(&value) {
            return Err(format!(
                "nobody in topology {topology:?} has a label {name:?} of {value:?}; its values are: {}",
                listed(values.into_iter().map(String::as_str))
            ));
        }
        let carries = |c: &&&Candidate| c.labels.get(name) == Some(value);
        let carriers = platform.iter().filter(carries).map(|c| c.name.clone());
        label.members = carriers.collect();
        Ok(())
    }

    /// How many there are of a component, at least one.
    fn some(self, component: Component) -> Result<usize, String> {
        if component == Component::Instrument {
            return Err("instrument is part of the testbed and never a target".into());
        }
        match self.count(component) {
            0 => Err(format!(
                "topology {:?} has 0 of {component}; there are: {}",
                self.topology,
                listed(self.platform().iter().map(|c| c.component.name()))
            )),
            there => Ok(there),
        }
    }

    fn count(self, component: Component) -> usize {
        let of = |candidate: &&&Candidate| candidate.component == component;
        self.platform().iter().filter(of).count()
    }

    fn platform(&self) -> Vec<&Candidate> {
        platform(self.candidates)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::{OfComponent, candidate::sample};

    fn check(target: Target) -> Result<Target, String> {
        target.checked(Offer {
            topology: "ha",
            candidates: &sample(),
        })
    }

    fn refused(target: Target, expected: &str) {
        let error = check(target).unwrap_err();
        assert_eq!(error, expected);
    }

    fn of(component: Component) -> OfComponent {
        OfComponent { component }
    }

    #[test]
    fn containers_must_be_there_once_and_of_the_platform() {
        let names = |names: &[&str]| {
            let names = names.iter().map(ToString::to_string);
            Target::Containers(names.collect())
        };
        assert!(check(names(&["api-1", "redis-2"])).is_ok());
        refused(
            names(&[]),
            "containers is empty; it takes at least one name",
        );
        refused(
            names(&["api-1", "api-1"]),
            "container \"api-1\" is named twice",
        );
        refused(
            names(&["api-1", "observer"]),
            "container \"observer\" is part of the testbed and never a target",
        );
        refused(
            names(&["ws-1"]),
            "no container \"ws-1\" in topology \"ha\"; there are: api-1, api-2, api-3, etcd-1, etcd-2, \
             etcd-3, postgres-1, postgres-2, redis-1, redis-2",
        );
    }

    #[test]
    fn a_component_must_be_there_in_number() {
        let any = |component, amount| Target::Any(AnyOf { component, amount });
        assert!(check(any(Component::Api, Amount::Count(3))).is_ok());
        assert!(check(any(Component::Redis, Amount::Percent(1.0))).is_ok());
        refused(
            any(Component::Api, Amount::Count(4)),
            "topology \"ha\" has 3 of api, fewer than count 4",
        );
        let lacks = "topology \"ha\" has 0 of ws; there are: api, etcd, postgres, redis";
        refused(any(Component::Ws, Amount::Percent(50.0)), lacks);
        refused(Target::All(of(Component::Ws)), lacks);
        let instrument = "instrument is part of the testbed and never a target";
        refused(any(Component::Instrument, Amount::Count(1)), instrument);
        refused(Target::All(of(Component::Instrument)), instrument);
    }

    #[test]
    fn a_minority_takes_three() {
        assert!(check(Target::Minority(of(Component::Etcd))).is_ok());
        refused(
            Target::Minority(of(Component::Postgres)),
            "topology \"ha\" has 2 of postgres, and a minority takes at least 3",
        );
        let error = check(Target::Minority(of(Component::Ws))).unwrap_err();
        assert!(error.contains("has 0 of ws"), "{error}");
    }

    #[test]
    fn a_role_needs_those_who_can_play_it() {
        let role = |role: Role| Target::Role(role.into());
        assert!(check(role(Role::PostgresSyncReplica)).is_ok());
        refused(
            role(Role::SentinelLeader),
            "topology \"ha\" has no sentinel to be sentinel-leader",
        );
        let alone = [Candidate::named("postgres-1".into())];
        let offer = Offer {
            topology: "single",
            candidates: &alone,
        };
        let error = role(Role::PostgresReplica).checked(offer).unwrap_err();
        assert_eq!(
            error,
            "topology \"single\" has 1 of postgres, fewer than the 2 without which there is no \
             postgres-replica"
        );
    }

    #[test]
    fn a_zone_must_have_somebody() {
        assert!(check(Target::Zone("b".into())).is_ok());
        refused(
            Target::Zone("d".into()),
            "no zone \"d\" in topology \"ha\"; there are: a, b, c",
        );
        refused(
            Target::Zone(String::new()),
            "no zone \"\" in topology \"ha\"; there are: a, b, c",
        );
    }

    #[test]
    fn a_label_finds_who_carries_it() {
        let label = |name: &str, value: &str| {
            Target::Label(Label {
                name: name.into(),
                value: value.into(),
                members: vec![],
            })
        };
        let Ok(Target::Label(front)) = check(label("tier", "front")) else {
            panic!("a label that is there was refused");
        };
        assert_eq!(front.members, ["api-1", "api-2", "api-3"]);
        refused(
            Target::Label(front),
            "members of a label are found, not given; name them with containers",
        );
        refused(
            label("tire", "front"),
            "nobody in topology \"ha\" has a label \"tire\"; there are: tier",
        );
        refused(
            label("tier", "middle"),
            "nobody in topology \"ha\" has a label \"tier\" of \"middle\"; its values are: back, front",
        );
    }
}
