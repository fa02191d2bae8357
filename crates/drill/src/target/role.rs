//! Parts that members play, and whether a target follows the part or pins its player.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{
        MapAccess, Visitor,
        value::{MapAccessDeserializer, StrDeserializer},
    },
};

use super::{Component, named::named};

named! {
    /// A part that a member plays, by its own word or by those who elected it.
    Role {
        /// The Postgres that takes writes.
        PostgresPrimary = "postgres-primary",
        /// A Postgres that streams from the primary.
        PostgresReplica = "postgres-replica",
        /// A replica that a commit may wait for. Under a quorum that is each of its candidates.
        PostgresSyncReplica = "postgres-sync-replica",
        /// The replica that has replayed least of what the primary wrote; each of them while they are level.
        PostgresFurthestReplica = "postgres-furthest-replica",
        /// The Redis that takes writes.
        RedisMaster = "redis-master",
        /// The Sentinel that was elected to carry out the last failover. There is none before the first.
        SentinelLeader = "sentinel-leader",
        /// The broker that leads the ingest queue.
        QueueLeader = "queue-leader",
        /// The etcd member that leads.
        EtcdLeader = "etcd-leader",
        /// The load balancer that holds the virtual address.
        VipHolder = "vip-holder",
    }
}

/// Who plays which role, by service name.
pub type Players = BTreeMap<Role, Vec<String>>;

impl Role {
    /// The component that plays the role.
    pub fn component(self) -> Component {
        match self {
            Self::PostgresPrimary
            | Self::PostgresReplica
            | Self::PostgresSyncReplica
            | Self::PostgresFurthestReplica => Component::Postgres,
            Self::RedisMaster => Component::Redis,
            Self::SentinelLeader => Component::Sentinel,
            Self::QueueLeader => Component::Rabbitmq,
            Self::EtcdLeader => Component::Etcd,
            Self::VipHolder => Component::Haproxy,
        }
    }

    /// Members of its component without which nobody can play it.
    pub fn least_members(self) -> usize {
        match self {
            Self::PostgresReplica | Self::PostgresSyncReplica | Self::PostgresFurthestReplica => 2,
            Self::PostgresPrimary
            | Self::RedisMaster
            | Self::SentinelLeader
            | Self::QueueLeader
            | Self::EtcdLeader
            | Self::VipHolder => 1,
        }
    }

    /// Whether somebody takes over when its player is gone. No replica takes over from another: each of
    /// them had its part before.
    pub fn has_heir(self) -> bool {
        !matches!(
            self,
            Self::PostgresReplica | Self::PostgresSyncReplica | Self::PostgresFurthestReplica
        )
    }

    /// The role among the members of its component, in one or two words.
    pub fn word(self) -> &'static str {
        match self {
            Self::PostgresPrimary => "primary",
            Self::PostgresReplica => "replica",
            Self::PostgresSyncReplica => "synchronous replica",
            Self::PostgresFurthestReplica => "furthest replica",
            Self::RedisMaster => "master",
            Self::SentinelLeader | Self::EtcdLeader => "leader",
            Self::QueueLeader => "queue leader",
            Self::VipHolder => "address holder",
        }
    }
}

/// At which moment a role is looked up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// When the fault is due: the target follows the role.
    #[default]
    Now,
    /// When the load began: the target stays with who played it then.
    Start,
}

/// The player of a role: `"redis-master"` follows, `{ name = "redis-master", at = "start" }` pins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Player {
    /// The role.
    pub role: Role,
    /// When it is looked up.
    pub at: When,
}

impl From<Role> for Player {
    fn from(role: Role) -> Self {
        let at = When::Now;
        Self { role, at }
    }
}

impl fmt::Display for Player {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at {
            When::Now => f.pad(self.role.name()),
            When::Start => f.pad(&format!("{} at the start", self.role)),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LongForm {
    name: Role,
    #[serde(default)]
    at: When,
}

impl Serialize for Player {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { role: name, at } = *self;
        match at {
            When::Now => name.serialize(serializer),
            When::Start => LongForm { name, at }.serialize(serializer),
        }
    }
}

/// By hand: an untagged enum would answer a typo with neither the place nor the allowed names.
impl<'de> Deserialize<'de> for Player {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Forms;

        impl<'de> Visitor<'de> for Forms {
            type Value = Player;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a role, or { name = <role>, at = \"now\" or \"start\" }")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Player, E> {
                Role::deserialize(StrDeserializer::new(name)).map(Player::from)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Player, A::Error> {
                let form = LongForm::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Player {
                    role: form.name,
                    at: form.at,
                })
            }
        }

        deserializer.deserialize_any(Forms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Line {
        role: Player,
    }

    fn read(text: &str) -> Result<Player, String> {
        let line: Result<Line, _> = toml::from_str(text);
        line.map(|line| line.role)
            .map_err(|error| error.message().to_owned())
    }

    #[test]
    fn both_forms_round_trip() {
        for &role in Role::ALL {
            assert_eq!(Role::from_name(role.name()), Some(role));
            for at in [When::Now, When::Start] {
                let player = Player { role, at };
                let text = toml::to_string(&Line { role: player }).unwrap();
                assert_eq!(read(&text), Ok(player));
            }
        }
        let now = read(r#"role = { name = "redis-master", at = "now" }"#);
        assert_eq!(now, Ok(Player::from(Role::RedisMaster)));
    }

    #[test]
    fn what_is_neither_is_refused_with_the_allowed_values() {
        let check = |text: &str, expected: &str| {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{error:?} lacks {expected:?}");
        };
        check("role = \"master\"", "expected one of `postgres-primary`");
        check(
            r#"role = { name = "redis-master", at = "end" }"#,
            "expected `now` or `start`",
        );
        check(
            r#"role = { name = "redis-master", when = "start" }"#,
            "expected `name` or `at`",
        );
        check("role = { at = \"start\" }", "missing field `name`");
        check("role = 5", "expected a role, or { name");
    }

    #[test]
    fn only_what_is_elected_has_an_heir() {
        assert!(Role::EtcdLeader.has_heir());
        assert!(!Role::PostgresSyncReplica.has_heir());
    }
}
