//! The api's configuration.

use std::time::Duration;

use service_kit::boot::{Common, Configured};
use service_kit::env::{Env, Mistakes};
use service_kit::settings::{AmqpSettings, PostgresSettings, RedisSettings};

/// Below the 100 ms that a client is promised, so that the last fallback still arrives in time.
const READ_DEADLINE: Duration = Duration::from_millis(90);
/// Below the 250 ms after which the load balancer asks another server.
const WRITE_DEADLINE: Duration = Duration::from_millis(230);

/// All settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// Settings of every service.
    pub common: Common,
    /// Postgres.
    pub postgres: PostgresSettings,
    /// Redis.
    pub redis: RedisSettings,
    /// RabbitMQ.
    pub amqp: AmqpSettings,
    /// For a read, all fallbacks included (`READ_DEADLINE`).
    pub read_deadline: Duration,
    /// For a change of thresholds, which takes all of the time there is with its last try (`WRITE_DEADLINE`).
    pub write_deadline: Duration,
    /// How long after its acknowledgement a reading is made durable (`WRITE_BEHIND`). Anything but zero loses
    /// acknowledged readings when an instance dies: for drills that show it.
    pub write_behind: Duration,
}

impl Configured for Config {
    fn read(source: &dyn Fn(&str) -> Option<String>) -> Result<Self, Mistakes> {
        let mut env = Env::new(source);
        let common = Common::read(&mut env, "api");
        let postgres = PostgresSettings::read(&mut env);
        let redis = RedisSettings::read(&mut env);
        let amqp = AmqpSettings::read(&mut env);
        let read_deadline = env.or("READ_DEADLINE", READ_DEADLINE);
        let write_deadline = env.or("WRITE_DEADLINE", WRITE_DEADLINE);
        let write_behind = env.or("WRITE_BEHIND", Duration::ZERO);
        env.finish(|| {
            Some(Self {
                common: common?,
                postgres: postgres?,
                redis: redis?,
                amqp: amqp?,
                read_deadline: read_deadline?,
                write_deadline: write_deadline?,
                write_behind: write_behind?,
            })
        })
    }

    fn common(&self) -> &Common {
        &self.common
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_environment_names_everything_that_is_missing() {
        let mistakes = Config::read(&|_| None).unwrap_err();
        assert_eq!(
            mistakes.0,
            [
                "POSTGRES_PRIMARY is missing",
                "POSTGRES_PASSWORD is missing",
                "REDIS_SENTINELS is missing",
                "AMQP_HOSTS is missing",
                "AMQP_PASSWORD is missing",
            ]
        );
    }
}
