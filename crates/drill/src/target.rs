//! Who suffers a fault.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! named {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum $name { $($(#[$vdoc])* #[serde(rename = $text)] $variant,)+ }

        impl $name {
            /// Every value, in the order in which reports list them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name in drill files, labels and reports.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// The value of that name.
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.name() == name)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.name())
            }
        }
    };
}

named! {
    /// A kind of member, as the label `gameday.component` names it.
    Component {
        /// HTTP handler: the scenario's server.
        Api = "api",
        /// WebSocket server.
        Ws = "ws",
        /// Rate-limiting gateway.
        Gateway = "gateway",
        /// Queue worker.
        Worker = "worker",
        /// The third party that notifies staff.
        Pager = "pager",
        /// Load balancer, with the virtual address.
        Haproxy = "haproxy",
        /// CDN.
        Varnish = "varnish",
        /// Database, primary or replica.
        Postgres = "postgres",
        /// Consensus store behind the database's failover.
        Etcd = "etcd",
        /// Cache.
        Redis = "redis",
        /// Watches the cache and elects its master.
        Sentinel = "sentinel",
        /// Queue.
        Rabbitmq = "rabbitmq",
        /// Metrics.
        Prometheus = "prometheus",
        /// Part of the testbed, not of the platform: never a target, never on the bill.
        Instrument = "instrument",
    }
}

named! {
    /// A part that one member plays at a time, resolved at the moment of the fault.
    Role {
        /// The Postgres that takes writes.
        PostgresPrimary = "postgres-primary",
        /// A Postgres that streams from the primary.
        PostgresReplica = "postgres-replica",
        /// The Redis that takes writes.
        RedisMaster = "redis-master",
        /// The broker that leads the ingest queue.
        QueueLeader = "queue-leader",
        /// The etcd member that leads.
        EtcdLeader = "etcd-leader",
        /// The load balancer that holds the virtual address.
        VipHolder = "vip-holder",
    }
}

impl Role {
    /// The component that plays the role.
    pub fn component(self) -> Component {
        match self {
            Self::PostgresPrimary | Self::PostgresReplica => Component::Postgres,
            Self::RedisMaster => Component::Redis,
            Self::QueueLeader => Component::Rabbitmq,
            Self::EtcdLeader => Component::Etcd,
            Self::VipHolder => Component::Haproxy,
        }
    }
}

/// Who suffers: in a drill file `target.container = "api-1"`, `target.role = "redis-master"`,
/// or `target.any = { component = "api", count = 1 }`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Target {
    /// One member, by its service name.
    Container(String),
    /// Whoever plays the role when the fault is due; one of them, drawn by seed, where several do.
    Role(Role),
    /// `count` members of a component, drawn by seed.
    Any {
        /// The component.
        component: Component,
        /// How many, at least 1.
        #[serde(default = "one")]
        count: usize,
    },
}

fn one() -> usize {
    1
}

impl Target {
    /// The component that the target belongs to; for a container, its service name up to the number.
    pub fn component(&self) -> Option<Component> {
        match self {
            Self::Container(name) => {
                let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
                Component::from_name(stem.trim_end_matches('-'))
            }
            Self::Role(role) => Some(role.component()),
            Self::Any { component, .. } => Some(*component),
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Container(name) => f.pad(name),
            Self::Role(role) => f.pad(role.name()),
            Self::Any {
                component,
                count: 1,
            } => f.pad(&format!("any {component}")),
            Self::Any { component, count } => f.pad(&format!("any {count} {component}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_round_trip() {
        for &component in Component::ALL {
            assert_eq!(Component::from_name(component.name()), Some(component));
        }
        assert_eq!(Component::from_name("apii"), None);
    }

    #[test]
    fn container_targets_know_their_component() {
        let target = |name: &str| Target::Container(name.into()).component();
        assert_eq!(target("rabbitmq-2"), Some(Component::Rabbitmq));
        assert_eq!(target("prometheus"), Some(Component::Prometheus));
        assert_eq!(target("nobody-1"), None);
    }
}
