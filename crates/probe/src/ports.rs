//! Where each component answers.

/// The TCP port of each interface that the observer asks. The default is the platform's own layout; tests
/// put their stand-ins elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ports {
    /// Admin port of our own services: `/readyz` and `/metrics`.
    pub admin: u16,
    /// Patroni's REST interface.
    pub patroni: u16,
    /// Postgres.
    pub postgres: u16,
    /// etcd's client port.
    pub etcd: u16,
    /// Redis.
    pub redis: u16,
    /// Sentinel.
    pub sentinel: u16,
    /// RabbitMQ's management interface.
    pub management: u16,
    /// RabbitMQ's own metrics, in Prometheus' text format.
    pub broker_metrics: u16,
    /// HAProxy's statistics and `/whoami`.
    pub haproxy: u16,
    /// Varnish.
    pub varnish: u16,
    /// Varnish's counters.
    pub varnish_statistics: u16,
    /// Prometheus.
    pub prometheus: u16,
}

impl Default for Ports {
    fn default() -> Self {
        Self {
            admin: 9100,
            patroni: 8008,
            postgres: 5432,
            etcd: 2379,
            redis: 6379,
            sentinel: 26379,
            management: 15672,
            broker_metrics: 15692,
            haproxy: 8404,
            varnish: 80,
            varnish_statistics: 9131,
            prometheus: 9090,
        }
    }
}
