//! A target in words, with the names that are known before anything runs.

use super::{Amount, Candidate, Target, When};

impl Target {
    /// Who is meant, for somebody who reads a plan: `any 2 of api (api-1, api-2, api-3)`,
    /// `the whole of zone b: api-2, ...`.
    pub fn words(&self, candidates: &[Candidate]) -> String {
        let among = self.among(candidates);
        let (wanted, there, names) = (self.wanted(among.len()), among.len(), among.join(", "));
        match self {
            Self::Container(_) | Self::Containers(_) => names,
            Self::Role(player) => match player.at {
                When::Now => format!("whoever is {} then ({names})", player.role),
                When::Start => format!("who was {} when the load began ({names})", player.role),
            },
            Self::Any(any) => match any.amount {
                Amount::Count(count) => format!("any {count} of {} ({names})", any.component),
                Amount::Percent(percent) => format!(
                    "{percent} % of {}: any {wanted} of {there} ({names})",
                    any.component
                ),
            },
            Self::All(of) => format!("all of {}: {names}", of.component),
            Self::Minority(of) => format!(
                "a minority of {}: any {wanted} of {there} ({names})",
                of.component
            ),
            Self::Zone(zone) => format!("the whole of zone {zone}: {names}"),
            Self::Label(label) => {
                format!("everyone labelled {}={}: {names}", label.name, label.value)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::{
        AnyOf, Component, Label, OfComponent, Player, Role, candidate::sample, check::Offer,
    };

    #[test]
    fn every_form_says_whom_it_may_hit() {
        let sample = sample();
        let offer = Offer {
            topology: "ha",
            candidates: &sample,
        };
        let check = |target: Target, expected: &str| {
            let target = target.checked(offer).unwrap();
            assert_eq!(target.words(&sample), expected);
        };
        let of = |component| OfComponent { component };
        let any = |component, amount| Target::Any(AnyOf { component, amount });
        let player = |at| {
            let role = Role::RedisMaster;
            Target::Role(Player { role, at })
        };
        check(Target::Container("api-1".into()), "api-1");
        let both = ["redis-1", "api-1"].map(String::from);
        check(Target::Containers(both.to_vec()), "api-1, redis-1");
        check(
            player(When::Now),
            "whoever is redis-master then (redis-1, redis-2)",
        );
        check(
            player(When::Start),
            "who was redis-master when the load began (redis-1, redis-2)",
        );
        check(
            any(Component::Api, Amount::Count(2)),
            "any 2 of api (api-1, api-2, api-3)",
        );
        check(
            any(Component::Api, Amount::Percent(50.0)),
            "50 % of api: any 2 of 3 (api-1, api-2, api-3)",
        );
        check(
            Target::All(of(Component::Redis)),
            "all of redis: redis-1, redis-2",
        );
        check(
            Target::Minority(of(Component::Etcd)),
            "a minority of etcd: any 1 of 3 (etcd-1, etcd-2, etcd-3)",
        );
        check(
            Target::Zone("c".into()),
            "the whole of zone c: api-3, etcd-2",
        );
        let front = Label {
            name: "tier".into(),
            value: "front".into(),
            members: vec![],
        };
        check(
            Target::Label(front),
            "everyone labelled tier=front: api-1, api-2, api-3",
        );
    }
}
