//! Varnish: sees every HAProxy as healthy.

use std::sync::Arc;

use drill::Component;
use serde_json::Value;
use timeline::Watched;

use crate::{
    http::Http,
    look::{Check, Look, LookError, Reading},
    site::{Site, at},
};

const HEALTH: &str = "/varnish-health";

/// Looks at one Varnish.
pub(crate) struct Varnish {
    server: Http,
    statistics: Http,
    site: Arc<Site>,
}

impl Varnish {
    pub(crate) fn new(site: Arc<Site>, member: &Watched) -> Self {
        Self {
            server: Http::new(at(member, site.ports.varnish)),
            statistics: Http::new(at(member, site.ports.varnish_statistics)),
            site,
        }
    }
}

impl Check for Varnish {
    async fn look(&mut self) -> Result<Look, LookError> {
        let answer = self.server.get(HEALTH).await?.ok(HEALTH)?;
        Ok(read_health(answer.text()?, &self.site))
    }

    async fn counters(&mut self) -> Result<Vec<Reading>, LookError> {
        let answer = self.statistics.get("/").await?.ok("/")?;
        Ok(read_counters(&answer.json()?))
    }
}

/// The answer names every backend that is healthy.
fn read_health(text: &str, site: &Site) -> Look {
    let mut look = Look::new("all backends healthy");
    for member in site.of(Component::Haproxy) {
        look.require(
            text.split_whitespace().any(|word| word == member.name),
            || format!("backend {} is sick", member.name),
        );
    }
    look
}

fn read_counters(statistics: &Value) -> Vec<Reading> {
    // Older versions have the counters at the top.
    let counters = statistics.get("counters").unwrap_or(statistics);
    [
        ("requests", "MAIN.client_req"),
        ("cache_hits", "MAIN.cache_hit"),
        ("cache_misses", "MAIN.cache_miss"),
    ]
    .into_iter()
    .filter_map(|(name, field)| Some((name.into(), counters.get(field)?.get("value")?.as_f64()?)))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::tests::site;

    #[test]
    fn every_haproxy_must_be_listed() {
        let site = site(&["haproxy-1", "haproxy-2", "varnish-1"]);
        let look = read_health("haproxy-1 haproxy-2", &site);
        assert_eq!(look.troubles, [""; 0]);
        let look = read_health("haproxy-2 haproxy-11", &site);
        assert_eq!(look.troubles, ["backend haproxy-1 is sick"]);
        assert_eq!(read_health("", &site).troubles.len(), 2);
    }

    #[test]
    fn counters_are_read_by_name() {
        let statistics: Value =
            serde_json::from_str(include_str!("../../samples/varnishstat.json")).unwrap();
        let names: Vec<_> = read_counters(&statistics)
            .into_iter()
            .map(|(name, _)| name.into_owned())
            .collect();
        assert_eq!(names, ["requests", "cache_hits", "cache_misses"]);
        assert!(read_counters(&Value::Null).is_empty());
    }
}
