//! The live server's configuration.

use service_kit::boot::{Common, Configured};
use service_kit::env::{Env, Mistakes};
use service_kit::settings::{PostgresSettings, RedisSettings};

/// All settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// Settings of every service.
    pub common: Common,
    /// Postgres, for alerts that the fan-out missed.
    pub postgres: PostgresSettings,
    /// Redis, for the fan-out.
    pub redis: RedisSettings,
}

impl Configured for Config {
    fn read(source: &dyn Fn(&str) -> Option<String>) -> Result<Self, Mistakes> {
        let mut env = Env::new(source);
        let common = Common::read(&mut env, "ws");
        let postgres = PostgresSettings::read(&mut env);
        let redis = RedisSettings::read(&mut env);
        env.finish(|| {
            Some(Self {
                common: common?,
                postgres: postgres?,
                redis: redis?,
            })
        })
    }

    fn common(&self) -> &Common {
        &self.common
    }
}
