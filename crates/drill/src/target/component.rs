//! What a member is an instance of.

use super::named::named;

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

impl Component {
    /// The component of a member by its name up to the number: `api-1` is an `api`.
    pub fn of_member(name: &str) -> Option<Self> {
        let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
        Self::from_name(stem.trim_end_matches('-'))
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
    fn a_members_name_tells_its_component() {
        assert_eq!(
            Component::of_member("rabbitmq-2"),
            Some(Component::Rabbitmq)
        );
        assert_eq!(
            Component::of_member("prometheus"),
            Some(Component::Prometheus)
        );
        assert_eq!(Component::of_member("nobody-1"), None);
        assert_eq!(Component::of_member(""), None);
    }
}
