//! The worker's configuration.

use service_kit::boot::{Common, Configured};
use service_kit::env::{Env, Mistakes, Setting};
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
    /// Where staff are notified, in the order in which they are asked (`PAGER_URL`, `PAGER_URL_2`); never empty.
    pub pagers: Vec<PagerUrl>,
}

/// An address of the form `http://host:port/path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PagerUrl {
    /// `host:port`.
    pub authority: String,
    /// Begins with a slash.
    pub path: String,
}

impl Setting for PagerUrl {
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

/// An address that a topology may do without: an empty text is none, because a file that extends another can't take a
/// variable away.
struct Perhaps(Option<PagerUrl>);

impl Setting for Perhaps {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "" => Ok(Self(None)),
            text => PagerUrl::read(text).map(Some).map(Self),
        }
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
        let second = env.or("PAGER_URL_2", Perhaps(None));
        env.finish(|| {
            Some(Self {
                common: common?,
                postgres: postgres?,
                redis: redis?,
                amqp: amqp?,
                pagers: [pager?].into_iter().chain(second?.0).collect(),
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

    fn pagers(second: Option<&str>) -> Result<Vec<String>, Mistakes> {
        let config = Config::read(&|name| match name {
            "POSTGRES_PRIMARY" | "REDIS_SENTINELS" => Some("store:1".into()),
            "AMQP_HOSTS" => Some("a:1,b:1,c:1".into()),
            "POSTGRES_PASSWORD" | "AMQP_PASSWORD" => Some("secret".into()),
            "PAGER_URL" => Some("http://a:1/page".into()),
            "PAGER_URL_2" => second.map(Into::into),
            _ => None,
        });
        let urls = config?.pagers.into_iter();
        Ok(urls.map(|url| url.authority).collect())
    }

    #[test]
    fn a_second_pager_may_be_there_or_not() {
        assert_eq!(pagers(Some("http://b:1/page")).unwrap(), ["a:1", "b:1"]);
        assert_eq!(pagers(None).unwrap(), ["a:1"]);
        assert_eq!(pagers(Some("")).unwrap(), ["a:1"]);
        let mistakes = pagers(Some("b:1")).unwrap_err();
        assert_eq!(
            mistakes.0,
            ["PAGER_URL_2: 'b:1' is not http://host:port/path"]
        );
    }
}
