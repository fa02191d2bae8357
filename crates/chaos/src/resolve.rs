//! From a target to members, at the moment at which the fault is due.

use drill::{Candidate, Component, Parts, Target, Unresolved};
use engine::Member;

/// The members that a target means now, sorted by name. Where several would do, `seed` decides, and the
/// same members, parts and seed always give the same choice.
///
/// # Errors
/// When the target means nobody, or fewer members than it asks for, or an instrument; each names who is
/// there instead.
pub fn resolve(
    target: &Target,
    seed: u64,
    members: &[Member],
    parts: &Parts,
) -> Result<Vec<Member>, Unresolved> {
    let candidates: Vec<_> = members.iter().map(candidate).collect();
    let names = target.members(seed, &candidates, parts)?;
    let mut chosen: Vec<Member> = members
        .iter()
        .filter(|member| names.contains(&member.service))
        .cloned()
        .collect();
    chosen.sort_by(|a, b| a.service.cmp(&b.service));
    Ok(chosen)
}

/// Whether a member is part of the testbed.
pub(crate) fn is_instrument(member: &Member) -> bool {
    member.component == Component::Instrument.name()
}

/// Whoever carries no component's label is no part of the platform. Labels beyond the component and the
/// zone were looked up in the topology when the drill was parsed.
fn candidate(member: &Member) -> Candidate {
    let component = Component::from_name(&member.component);
    Candidate {
        name: member.service.clone(),
        component: component.unwrap_or(Component::Instrument),
        zone: member.zone.clone(),
        labels: [].into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::member;
    use drill::{Amount, AnyOf, Label, OfComponent, Player, Role, When};

    fn platform() -> Vec<Member> {
        let zones = [
            ("api-3", Some("c")),
            ("redis-1", Some("a")),
            ("api-1", Some("a")),
            ("api-2", Some("b")),
            ("redis-2", Some("b")),
            ("observer", None),
        ];
        zones
            .map(|(name, zone)| Member {
                zone: zone.map(Into::into),
                ..member(name)
            })
            .into()
    }

    fn services(target: &Target, seed: u64) -> Result<Vec<String>, String> {
        let plays = |role, by: &str| (role, vec![by.to_owned()]);
        let parts = Parts {
            at_start: [plays(Role::RedisMaster, "redis-1")].into(),
            now: [plays(Role::RedisMaster, "redis-2")].into(),
        };
        match resolve(target, seed, &platform(), &parts) {
            Ok(members) => Ok(members.into_iter().map(|member| member.service).collect()),
            Err(error) => Err(error.to_string()),
        }
    }

    fn any_api(amount: Amount) -> Target {
        let component = Component::Api;
        Target::Any(AnyOf { component, amount })
    }

    #[test]
    fn every_form_leads_to_its_members() {
        let check = |target: Target, expected: &[&str]| {
            assert_eq!(services(&target, 0).unwrap(), expected);
        };
        check(Target::Container("api-2".into()), &["api-2"]);
        let both = ["redis-1", "api-1"].map(String::from);
        check(Target::Containers(both.to_vec()), &["api-1", "redis-1"]);
        check(Target::Role(Role::RedisMaster.into()), &["redis-2"]);
        let pinned = Player {
            role: Role::RedisMaster,
            at: When::Start,
        };
        check(Target::Role(pinned), &["redis-1"]);
        check(Target::Zone("b".into()), &["api-2", "redis-2"]);
        let component = Component::Api;
        check(
            Target::All(OfComponent { component }),
            &["api-1", "api-2", "api-3"],
        );
        let label = Label {
            name: "gameday.zone".into(),
            value: "a".into(),
            members: vec!["redis-1".into(), "api-1".into()],
        };
        check(Target::Label(label), &["api-1", "redis-1"]);
    }

    #[test]
    fn the_seed_decides_and_the_order_of_the_members_does_not() {
        let mut reversed = platform();
        reversed.reverse();
        let two = any_api(Amount::Count(2));
        for seed in 0..20 {
            let there = resolve(&two, seed, &platform(), &Parts::default()).unwrap();
            let back = resolve(&two, seed, &reversed, &Parts::default()).unwrap();
            assert_eq!(there, back);
            assert_ne!(there[0], there[1]);
        }
        let half = services(&any_api(Amount::Percent(50.0)), 0).unwrap();
        assert_eq!(half.len(), 2);
    }

    #[test]
    fn what_is_not_there_is_named_with_what_is() {
        let check = |target: Target, expected: &str| {
            let error = services(&target, 0).unwrap_err();
            assert!(error.contains(expected), "{error:?} lacks {expected:?}");
        };
        check(
            Target::Container("api-9".into()),
            "no member api-9; there are api-1, api-2, api-3, redis-1",
        );
        check(
            Target::Role(Role::PostgresPrimary.into()),
            "no member plays postgres-primary now; seen are redis-master by redis-2",
        );
        check(
            Target::Role(Role::SentinelLeader.into()),
            "no Sentinel leads: none was elected",
        );
        check(
            any_api(Amount::Count(4)),
            "any 4 api asks for 4; there are: api-1, api-2, api-3",
        );
        let component = Component::Redis;
        check(
            Target::Minority(OfComponent { component }),
            "a minority of redis asks for 0",
        );
    }

    #[test]
    fn instruments_are_never_targets() {
        let error = services(&Target::Container("observer".into()), 0).unwrap_err();
        assert!(error.contains("instrument"), "{error}");
        let component = Component::Instrument;
        assert!(services(&Target::All(OfComponent { component }), 0).is_err());
        let unlabelled = Member {
            component: String::new(),
            ..member("api-7")
        };
        let by_name = Target::Container("api-7".into());
        assert!(resolve(&by_name, 0, &[unlabelled], &Parts::default()).is_err());
    }
}
