//! The settings of the stores and the broker, as several services read them.

use std::time::Duration;

use crate::env::{Env, HostPort, Secret};
use crate::publisher::HEDGE_AFTER;

/// Where Postgres is (`POSTGRES_*`).
#[derive(Debug, Clone)]
pub struct PostgresSettings {
    /// Each leads to the primary (`POSTGRES_PRIMARY`).
    pub primary: Vec<HostPort>,
    /// Each leads to any replica, through the same as the primary's address in its place (`POSTGRES_REPLICA`); the primary's
    /// addresses when absent.
    pub replica: Vec<HostPort>,
    /// `POSTGRES_USER`.
    pub user: String,
    /// `POSTGRES_PASSWORD`.
    pub password: Secret,
    /// `POSTGRES_DATABASE`.
    pub database: String,
}

impl PostgresSettings {
    /// Reads them. `None` means that `env` noted a mistake.
    pub fn read(env: &mut Env<'_>) -> Option<Self> {
        let primary = env.required::<Vec<HostPort>>("POSTGRES_PRIMARY");
        let replica = match &primary {
            Some(primary) => env.or("POSTGRES_REPLICA", primary.clone()),
            None => None,
        };
        let user = env.or("POSTGRES_USER", "gameday".to_owned());
        if let (Some(primary), Some(replica)) = (&primary, &replica)
            && primary.len() != replica.len()
        {
            env.mistake(format!(
                "POSTGRES_REPLICA: {} addresses, but {} of POSTGRES_PRIMARY",
                replica.len(),
                primary.len()
            ));
        }
        let password = env.required("POSTGRES_PASSWORD");
        let database = env.or("POSTGRES_DATABASE", "gameday".to_owned());
        Some(Self {
            primary: primary?,
            replica: replica?,
            user: user?,
            password: password?,
            database: database?,
        })
    }
}

/// Where the Sentinels are (`REDIS_SENTINELS`).
#[derive(Debug, Clone)]
pub struct RedisSettings {
    /// Asked in turn for the master's address.
    pub sentinels: Vec<HostPort>,
}

impl RedisSettings {
    /// Reads them. `None` means that `env` noted a mistake.
    pub fn read(env: &mut Env<'_>) -> Option<Self> {
        let sentinels = env.required("REDIS_SENTINELS");
        Some(Self {
            sentinels: sentinels?,
        })
    }
}

/// Where RabbitMQ is (`AMQP_*`, `QUEUE_GROUP_SIZE`).
#[derive(Debug, Clone)]
pub struct AmqpSettings {
    /// One connection is kept to each (`AMQP_HOSTS`).
    pub hosts: Vec<HostPort>,
    /// `AMQP_USER`.
    pub user: String,
    /// `AMQP_PASSWORD`.
    pub password: Secret,
    /// Members of each quorum queue (`QUEUE_GROUP_SIZE`).
    pub group_size: u32,
    /// A message that no broker has confirmed by then goes out to another queue and broker as well (`PUBLISH_HEDGE_AFTER`,
    /// 30 ms); what is longer than the message's deadline switches that off, for drills that show what it is worth.
    pub hedge_after: Duration,
}

impl AmqpSettings {
    /// Reads them. `None` means that `env` noted a mistake.
    pub fn read(env: &mut Env<'_>) -> Option<Self> {
        let hosts = env.required::<Vec<HostPort>>("AMQP_HOSTS");
        let user = env.or("AMQP_USER", "gameday".to_owned());
        let password = env.required("AMQP_PASSWORD");
        let group_size = env.or("QUEUE_GROUP_SIZE", 3_u32);
        let hedge_after = env.or("PUBLISH_HEDGE_AFTER", HEDGE_AFTER);
        if let (Some(hosts), Some(size)) = (&hosts, group_size)
            && hosts.len() < size as usize
        {
            env.mistake(format!(
                "QUEUE_GROUP_SIZE: {size} members do not fit on {} brokers of AMQP_HOSTS",
                hosts.len()
            ));
        }
        Some(Self {
            hosts: hosts?,
            user: user?,
            password: password?,
            group_size: group_size?,
            hedge_after: hedge_after?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_queue_members_than_brokers_are_refused() {
        let source = |name: &str| match name {
            "AMQP_HOSTS" => Some("a:5672,b:5672".to_owned()),
            "AMQP_PASSWORD" => Some("secret".to_owned()),
            _ => None,
        };
        let mut env = Env::new(&source);
        let settings = AmqpSettings::read(&mut env);
        let mistakes = env.finish(|| settings).unwrap_err();
        assert_eq!(mistakes.0.len(), 1);
        assert!(mistakes.0[0].contains("3 members do not fit on 2 brokers"));
        assert!(!mistakes.to_string().contains("secret"));
    }

    #[test]
    fn the_replica_defaults_to_the_primary() {
        let source = |name: &str| match name {
            "POSTGRES_PRIMARY" => Some("db:5432".to_owned()),
            "POSTGRES_PASSWORD" => Some("secret".to_owned()),
            _ => None,
        };
        let mut env = Env::new(&source);
        let settings = PostgresSettings::read(&mut env).unwrap();
        assert_eq!(settings.replica, settings.primary);
        assert!(!format!("{settings:?}").contains("secret\""));
    }

    #[test]
    fn each_way_leads_to_the_primary_and_to_a_replica() {
        let source = |name: &str| match name {
            "POSTGRES_PRIMARY" => Some("a:5432,b:5432".to_owned()),
            "POSTGRES_REPLICA" => Some("a:5433".to_owned()),
            "POSTGRES_PASSWORD" => Some("secret".to_owned()),
            _ => None,
        };
        let mut env = Env::new(&source);
        let settings = PostgresSettings::read(&mut env);
        assert_eq!(
            env.finish(|| settings).unwrap_err().0,
            ["POSTGRES_REPLICA: 1 addresses, but 2 of POSTGRES_PRIMARY"]
        );
    }
}
