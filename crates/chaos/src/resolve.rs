//! From a target to members, at the moment at which the fault is due.

use std::collections::BTreeMap;

use drill::{Component, Role, Target, pick};
use engine::Member;

use crate::ChaosError;

/// The members that a target means now, sorted by name. Where several would do, `seed` decides, and the
/// same members, roles and seed always give the same choice.
///
/// `roles` says who plays which role, by service name.
///
/// # Errors
/// When the target means nobody, or fewer members than it asks for, or an instrument; each names who is
/// there instead.
pub fn resolve(
    target: &Target,
    seed: u64,
    members: &[Member],
    roles: &BTreeMap<Role, Vec<String>>,
) -> Result<Vec<Member>, ChaosError> {
    let mut sorted: Vec<&Member> = members.iter().collect();
    sorted.sort_by(|a, b| a.service.cmp(&b.service));
    let mut chosen = match target {
        Target::Container(name) => vec![named(name, &sorted)?],
        Target::Role(role) => vec![player(*role, seed, &sorted, roles)?],
        Target::Any { component, count } => any(target, *component, *count, seed, &sorted)?,
    };
    if let Some(member) = chosen.iter().find(|member| is_instrument(member)) {
        return Err(ChaosError::Instrument {
            member: member.service.clone(),
        });
    }
    chosen.sort_by(|a, b| a.service.cmp(&b.service));
    Ok(chosen.into_iter().cloned().collect())
}

/// Whether a member is part of the testbed.
pub(crate) fn is_instrument(member: &Member) -> bool {
    member.component == Component::Instrument.name()
}

fn named<'a>(name: &str, members: &[&'a Member]) -> Result<&'a Member, ChaosError> {
    let found = members.iter().find(|member| member.service == name);
    found.copied().ok_or_else(|| ChaosError::NoSuchMember {
        name: name.to_owned(),
        there: names(members),
    })
}

fn player<'a>(
    role: Role,
    seed: u64,
    members: &[&'a Member],
    roles: &BTreeMap<Role, Vec<String>>,
) -> Result<&'a Member, ChaosError> {
    let nobody = || ChaosError::NobodyPlays {
        role,
        seen: roles
            .iter()
            .filter(|(_, players)| !players.is_empty())
            .map(|(role, players)| format!("{role} by {}", players.join(" and ")))
            .collect(),
    };
    let mut players = roles.get(&role).cloned().unwrap_or_default();
    players.sort();
    players.dedup();
    let player = pick(&players, 1, seed).pop().ok_or_else(nobody)?;
    named(&player, members)
}

fn any<'a>(
    target: &Target,
    component: Component,
    count: usize,
    seed: u64,
    members: &[&'a Member],
) -> Result<Vec<&'a Member>, ChaosError> {
    let of_component = |member: &&&Member| member.component == component.name();
    let there: Vec<&Member> = members.iter().filter(of_component).copied().collect();
    if count == 0 || there.len() < count {
        return Err(ChaosError::TooFew {
            target: target.clone(),
            there: names(&there),
        });
    }
    Ok(pick(&there, count, seed))
}

fn names(members: &[&Member]) -> Vec<String> {
    members
        .iter()
        .map(|member| member.service.clone())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::member;

    fn platform() -> Vec<Member> {
        ["api-3", "redis-1", "api-1", "api-2", "redis-2", "observer"]
            .map(member)
            .into()
    }

    fn services(target: &Target, seed: u64) -> Result<Vec<String>, String> {
        let roles = BTreeMap::from([
            (Role::RedisMaster, vec!["redis-2".to_owned()]),
            (Role::PostgresReplica, vec!["gone-1".to_owned()]),
        ]);
        match resolve(target, seed, &platform(), &roles) {
            Ok(members) => Ok(members.into_iter().map(|member| member.service).collect()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn any_api(count: usize) -> Target {
        Target::Any {
            component: Component::Api,
            count,
        }
    }

    #[test]
    fn names_and_roles_lead_to_their_member() {
        let by_name = Target::Container("api-2".into());
        assert_eq!(services(&by_name, 0).unwrap(), ["api-2"]);
        assert_eq!(
            services(&Target::Role(Role::RedisMaster), 0).unwrap(),
            ["redis-2"]
        );
    }

    #[test]
    fn the_seed_decides_and_the_order_of_the_members_does_not() {
        let mut reversed = platform();
        reversed.reverse();
        for seed in 0..20 {
            let there = resolve(&any_api(2), seed, &platform(), &BTreeMap::new()).unwrap();
            let back = resolve(&any_api(2), seed, &reversed, &BTreeMap::new()).unwrap();
            assert_eq!(there, back);
            assert_ne!(there[0], there[1]);
        }
        let drawn: std::collections::BTreeSet<_> =
            (0..20).map(|seed| services(&any_api(1), seed)).collect();
        assert_eq!(drawn.len(), 3, "every api is drawn by some seed");
    }

    #[test]
    fn what_is_not_there_is_named_with_what_is() {
        let error = services(&Target::Container("api-9".into()), 0).unwrap_err();
        assert!(
            error.contains("api-9") && error.contains("redis-1"),
            "{error}"
        );
        let error = services(&Target::Role(Role::PostgresPrimary), 0).unwrap_err();
        assert_eq!(
            error,
            "no member plays postgres-primary now; seen are postgres-replica by gone-1, redis-master by redis-2"
        );
        let error = services(&Target::Role(Role::PostgresReplica), 0).unwrap_err();
        assert!(error.starts_with("no member gone-1"), "{error}");
        let error = services(&any_api(4), 0).unwrap_err();
        assert_eq!(
            error,
            "any 4 api is more than there is: api-1, api-2, api-3"
        );
        assert!(services(&any_api(0), 0).is_err());
    }

    #[test]
    fn instruments_are_never_targets() {
        let error = services(&Target::Container("observer".into()), 0).unwrap_err();
        assert!(error.contains("instrument"), "{error}");
        let any = Target::Any {
            component: Component::Instrument,
            count: 1,
        };
        assert!(services(&any, 0).is_err());
    }
}
