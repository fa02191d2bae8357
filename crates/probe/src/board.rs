//! The present state of the platform, folded from sightings.

use std::collections::BTreeMap;

use drill::Role;
use timeline::{MemberHealth, Sighting};

/// Who is healthy and who plays which role, as last seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Board {
    members: BTreeMap<String, Option<MemberHealth>>,
}

impl Board {
    /// A board on which none of `expected`, the names of all members, has been seen.
    pub fn new(expected: Vec<String>) -> Self {
        Self {
            members: expected.into_iter().map(|name| (name, None)).collect(),
        }
    }

    /// Notes a sighting. What was counted changes nothing here.
    pub fn apply(&mut self, sighting: &Sighting) {
        if let Sighting::Member(health) = sighting {
            self.note(health.clone());
        }
    }

    /// Notes a member's health.
    pub(crate) fn note(&mut self, health: MemberHealth) {
        self.members.insert(health.member.clone(), Some(health));
    }

    /// Whether every member has been seen and is healthy. An empty board is healthy.
    pub fn all_healthy(&self) -> bool {
        let mut members = self.members.values();
        members.all(|seen| seen.as_ref().is_some_and(|health| health.healthy))
    }

    /// Whether every member has been seen, well or not.
    pub fn all_seen(&self) -> bool {
        self.members.values().all(Option::is_some)
    }

    /// Name and reason of every member that is not healthy, by name; one that was never seen is among them.
    pub fn unhealthy(&self) -> Vec<(String, String)> {
        let reason = |seen: &Option<MemberHealth>| match seen {
            Some(health) if health.healthy => None,
            Some(health) => Some(health.detail.clone()),
            None => Some("not seen yet".to_owned()),
        };
        self.members
            .iter()
            .filter_map(|(name, seen)| Some((name.clone(), reason(seen)?)))
            .collect()
    }

    /// Who says that it plays which role, by name. A role that nobody plays is absent.
    pub fn roles(&self) -> BTreeMap<Role, Vec<String>> {
        let mut roles: BTreeMap<Role, Vec<String>> = BTreeMap::new();
        for health in self.members.values().flatten() {
            for &role in &health.roles {
                roles.entry(role).or_default().push(health.member.clone());
            }
        }
        roles
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drill::Component;

    fn seen(member: &str, healthy: bool, roles: &[Role]) -> Sighting {
        Sighting::Member(MemberHealth {
            member: member.into(),
            component: Component::Redis,
            healthy,
            answered: true,
            roles: roles.to_vec(),
            detail: "as it is".into(),
        })
    }

    #[test]
    fn a_member_counts_from_its_first_sighting_on() {
        let mut board = Board::new(vec!["redis-1".into(), "redis-2".into()]);
        board.apply(&seen("redis-1", true, &[Role::RedisMaster]));
        assert!(!board.all_healthy() && !board.all_seen());
        assert_eq!(
            board.unhealthy(),
            [("redis-2".into(), "not seen yet".into())]
        );
        board.apply(&seen("redis-2", true, &[]));
        assert!(board.all_healthy());
        assert!(board.unhealthy().is_empty());
    }

    #[test]
    fn the_last_sighting_decides() {
        let mut board = Board::new(vec!["redis-1".into(), "redis-2".into()]);
        board.apply(&seen("redis-1", true, &[Role::RedisMaster]));
        board.apply(&seen("redis-2", true, &[]));
        board.apply(&seen("redis-1", false, &[]));
        board.apply(&seen("redis-2", true, &[Role::RedisMaster]));
        assert!(board.all_seen());
        assert_eq!(board.unhealthy(), [("redis-1".into(), "as it is".into())]);
        let masters = &board.roles()[&Role::RedisMaster];
        assert_eq!(masters, &["redis-2"]);
    }

    #[test]
    fn two_that_claim_one_role_are_both_named() {
        let mut board = Board::new(vec![]);
        assert!(board.roles().is_empty());
        board.apply(&seen("redis-2", true, &[Role::RedisMaster]));
        board.apply(&seen("redis-1", true, &[Role::RedisMaster]));
        assert_eq!(board.roles()[&Role::RedisMaster], ["redis-1", "redis-2"]);
    }
}
