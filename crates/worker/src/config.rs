//! The worker's configuration.

use service_kit::boot::{Common, Configured};
use service_kit::env::{Env, Mistakes};
use service_kit::settings::{AmqpSettings, PostgresSettings, RedisSettings};

/// All settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// Settings of every service.
    pub common: Common,
    /// Postgres, where readings and alerts are kept.
    pub postgres: PostgresSettings,
    /// Redis, for newest vitals and the fan-out.
    pub redis: RedisSettings,
    /// RabbitMQ, where readings come from and pages go to.
    pub amqp: AmqpSettings,
    /// Where staff are notified (`PAGER_URL`).
    pub pager: PagerUrl,
}

/// An address of the form `http://host:port/path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PagerUrl {
    /// `host:port`.
    pub authority: String,
    /// Begins with a slash.
    pub path: String,
}

impl service_kit::env::Setting for PagerUrl {
    fn read(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is not http://host:port/path");
        let rest = text.strip_prefix("http://").ok_or_else(wrong)?;
        let (authority, path) = rest.split_once('/').ok_or_else(wrong)?;
        if !authority.contains(':') {
            return Err(wrong());
        }
        Ok(Self {
            authority: authority.into(),
            path: format!("/{path}"),
        })
    }
}

impl Configured for Config {
    fn read(source: &dyn Fn(&str) -> Option<String>) -> Result<Self, Mistakes> {
        let mut env = Env::new(source);
        let common = Common::read(&mut env, "worker");
        let postgres = PostgresSettings::read(&mut env);
        let redis = RedisSettings::read(&mut env);
        let amqp = AmqpSettings::read(&mut env);
        let pager = env.required("PAGER_URL");
        env.finish(|| {
            Some(Self {
                common: common?,
                postgres: postgres?,
                redis: redis?,
                amqp: amqp?,
                pager: pager?,
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
    use service_kit::env::Setting;

    #[test]
    fn a_pager_url_is_taken_apart_or_refused() {
        let url = PagerUrl::read("http://10.0.0.1:8080/page").unwrap();
        assert_eq!(
            (url.authority.as_str(), url.path.as_str()),
            ("10.0.0.1:8080", "/page")
        );
        for wrong in [
            "https://a:1/page",
            "http://a:1",
            "a:1/page",
            "http://a/page",
        ] {
            assert!(PagerUrl::read(wrong).is_err(), "{wrong}");
        }
    }
}
