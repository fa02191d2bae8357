//! Who is chosen, and that nothing but the seed chooses.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::target::{Amount, AnyOf, Label, OfComponent, candidate::sample};

fn parts() -> Parts {
    let plays = |role, by: &[&str]| (role, by.iter().map(ToString::to_string).collect());
    Parts {
        at_start: [plays(Role::PostgresPrimary, &["postgres-1"])].into(),
        now: [
            plays(Role::PostgresPrimary, &["postgres-2"]),
            plays(Role::EtcdLeader, &["etcd-3", "etcd-1"]),
            plays(Role::RedisMaster, &["gone-1"]),
            plays(Role::VipHolder, &[]),
        ]
        .into(),
    }
}

fn chosen(target: &Target, seed: u64) -> Result<Vec<String>, String> {
    let members = target.members(seed, &sample(), &parts());
    members.map_err(|error| error.to_string())
}

fn any(component: Component, amount: Amount) -> Target {
    Target::Any(AnyOf { component, amount })
}

fn role(role: Role, at: When) -> Target {
    Target::Role(Player { role, at })
}

#[test]
fn whole_groups_are_chosen_without_instruments() {
    let check = |target: Target, expected: &[&str]| {
        assert_eq!(chosen(&target, 0).unwrap(), expected);
    };
    check(Target::Container("api-2".into()), &["api-2"]);
    let both = ["redis-2", "api-1"].map(String::from);
    check(Target::Containers(both.to_vec()), &["api-1", "redis-2"]);
    let component = Component::Redis;
    check(
        Target::All(OfComponent { component }),
        &["redis-1", "redis-2"],
    );
    let zone_b = ["api-2", "etcd-1", "postgres-2", "redis-2"];
    check(Target::Zone("b".into()), &zone_b);
    let label = Label {
        name: "tier".into(),
        value: "front".into(),
        members: vec!["api-3".into(), "api-1".into()],
    };
    check(Target::Label(label), &["api-1", "api-3"]);
}

#[test]
fn a_role_follows_or_is_pinned() {
    let follows = role(Role::PostgresPrimary, When::Now);
    assert_eq!(chosen(&follows, 0).unwrap(), ["postgres-2"]);
    let pinned = role(Role::PostgresPrimary, When::Start);
    assert_eq!(chosen(&pinned, 0).unwrap(), ["postgres-1"]);
    let leaders = role(Role::EtcdLeader, When::Now);
    let drawn: BTreeSet<_> = (0..20)
        .map(|seed| chosen(&leaders, seed).unwrap())
        .collect();
    assert_eq!(drawn.len(), 2, "one of the two that claim it");
}

#[test]
fn a_role_that_nobody_plays_is_never_invented() {
    let check = |role: Target, expected: &str| assert_eq!(chosen(&role, 0).unwrap_err(), expected);
    let seen =
        "etcd-leader by etcd-3 and etcd-1, postgres-primary by postgres-2, redis-master by gone-1";
    check(
        role(Role::VipHolder, When::Now),
        &format!("no member plays vip-holder now; seen are {seen}"),
    );
    check(
        role(Role::EtcdLeader, When::Start),
        "no member played etcd-leader when the load began; seen were postgres-primary by postgres-1",
    );
    check(
        role(Role::SentinelLeader, When::Now),
        "no Sentinel leads: none was elected while the platform was watched",
    );
    let gone = chosen(&role(Role::RedisMaster, When::Now), 0).unwrap_err();
    assert!(
        gone.starts_with("no member gone-1; there are api-1, "),
        "{gone}"
    );
}

#[test]
fn what_is_not_there_is_named_with_what_is() {
    let check = |target: Target, expected: &str| {
        let error = chosen(&target, 0).unwrap_err();
        assert!(error.contains(expected), "{error:?} lacks {expected:?}");
    };
    check(
        Target::Container("api-9".into()),
        "no member api-9; there are api-1, api-2, api-3, etcd-1",
    );
    check(
        Target::Container("observer".into()),
        "observer is an instrument",
    );
    let with = ["api-1", "observer"].map(String::from);
    check(
        Target::Containers(with.to_vec()),
        "observer is an instrument",
    );
    check(Target::Containers(vec![]), "asks for 1; there are: none");
    check(
        any(Component::Api, Amount::Count(4)),
        "any 4 api asks for 4; there are: api-1, api-2, api-3",
    );
    check(
        any(Component::Api, Amount::Count(0)),
        "asks for 0; there are: api-1",
    );
    check(
        any(Component::Instrument, Amount::Count(1)),
        "asks for 1; there are: none",
    );
    check(
        any(Component::Ws, Amount::Percent(50.0)),
        "asks for 0; there are: none",
    );
    let component = Component::Redis;
    check(
        Target::Minority(OfComponent { component }),
        "a minority of redis asks for 0; there are: redis-1, redis-2",
    );
    check(
        Target::Zone("d".into()),
        "zone d asks for 1; there are: none",
    );
}

#[test]
fn every_member_is_drawn_by_some_seed() {
    let one = any(Component::Api, Amount::Count(1));
    let drawn: BTreeSet<_> = (0..20).map(|seed| chosen(&one, seed).unwrap()).collect();
    assert_eq!(drawn.len(), 3);
    let component = Component::Etcd;
    let minority = Target::Minority(OfComponent { component });
    let drawn: BTreeSet<_> = (0..20)
        .map(|seed| chosen(&minority, seed).unwrap())
        .collect();
    assert_eq!(drawn.len(), 3);
    assert!(drawn.iter().all(|members| members.len() == 1));
}

proptest! {
    #[test]
    fn a_share_of_a_component_is_its_ceiling_whatever_the_order(
        members in 1usize..40,
        percent in 1u32..=100,
        seed: u64,
        turn in 0usize..40,
    ) {
        let mut there: Vec<_> = (0..members).map(|n| Candidate::named(format!("api-{n}"))).collect();
        there.push(Candidate::named("redis-1".into()));
        let target = any(Component::Api, Amount::Percent(percent.into()));
        let drawn = target.members(seed, &there, &Parts::default()).unwrap();
        prop_assert_eq!(drawn.len(), (members * percent as usize).div_ceil(100));
        let distinct: BTreeSet<_> = drawn.iter().collect();
        prop_assert_eq!(distinct.len(), drawn.len());
        prop_assert!(drawn.iter().all(|name| name.starts_with("api-")));
        there.rotate_left(turn % (members + 1));
        prop_assert_eq!(target.members(seed, &there, &Parts::default()).unwrap(), drawn);
    }
}

#[test]
fn the_reach_is_the_most_that_any_draw_hits_of_a_component() {
    let there = crate::target::candidate::sample();
    let reach = |target: Target| target.reach(&there).into_iter().collect::<Vec<_>>();
    let two = any(Component::Api, Amount::Count(2));
    assert_eq!(reach(two), [(Component::Api, 2)]);
    let component = Component::Etcd;
    let minority = Target::Minority(OfComponent { component });
    assert_eq!(reach(minority), [(Component::Etcd, 1)]);
    assert_eq!(
        reach(Target::Role(Role::RedisMaster.into())),
        [(Component::Redis, 1)]
    );
    assert_eq!(
        reach(Target::Zone("b".into())),
        [
            (Component::Api, 1),
            (Component::Postgres, 1),
            (Component::Etcd, 1),
            (Component::Redis, 1)
        ]
    );
}
