//! The gateway's configuration.

use std::time::Duration;

use service_kit::boot::{Common, Configured};
use service_kit::env::{Env, HostPort, Mistakes};
use service_kit::settings::RedisSettings;

/// A ward's monitor or a clinician's screen stays far below; a runaway client does not.
const CLIENT_RATE_PER_SECOND: u32 = 10;
/// A page load asks for several things at once.
const CLIENT_BURST: u32 = 20;
/// Users who come beside those who are known: a surge brings a hundred a second to two gateways for ten seconds.
const NEWCOMER_RATE_PER_SECOND: u32 = 40;
/// A gateway that starts anew meets everybody as a newcomer: half of 190 requests a second, less with each that it knows.
const NEWCOMER_BURST: u32 = 600;
/// One gateway alone carries the busiest hour, and a surge beside it.
const TOTAL_RATE_PER_SECOND: u32 = 400;
/// A second of it.
const TOTAL_BURST: u32 = 400;
/// Twice what waits at one of two gateways while an address moves, and 16 MiB of the largest bodies.
const MOST_IN_FLIGHT: u32 = 256;
/// Readings are a few hundred bytes.
const MAX_BODY_BYTES: u32 = 65_536;
/// The slowest request is an administrator's write with a deadline of one second, tried twice.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(2);

/// All settings.
#[derive(Debug, Clone)]
pub struct Config {
    /// Settings of every service.
    pub common: Common,
    /// Leads to the api instances (`API_UPSTREAM`).
    pub api: HostPort,
    /// Leads to the live servers (`WS_UPSTREAM`).
    pub ws: HostPort,
    /// Where gateways tell each other what passed.
    pub redis: RedisSettings,
    /// Requests a second that one client may go on sending (`CLIENT_RATE_PER_SECOND`).
    pub client_rate_per_second: u32,
    /// Requests that one client may send at once (`CLIENT_BURST`).
    pub client_burst: u32,
    /// Requests a second that all clients may go on sending that were not seen lately (`NEWCOMER_RATE_PER_SECOND`).
    pub newcomer_rate_per_second: u32,
    /// Requests that those may send at once (`NEWCOMER_BURST`).
    pub newcomer_burst: u32,
    /// Requests a second that everybody together may go on sending (`TOTAL_RATE_PER_SECOND`).
    pub total_rate_per_second: u32,
    /// Requests that everybody together may send at once (`TOTAL_BURST`).
    pub total_burst: u32,
    /// Requests under way to the api at once, at most; fewer while it is slow (`MOST_IN_FLIGHT`).
    pub most_in_flight: u32,
    /// Largest body of a request (`MAX_BODY_BYTES`).
    pub max_body_bytes: u32,
    /// Longest time that a client waits for an answer (`REQUEST_TIMEOUT`).
    pub request_timeout: Duration,
}

impl Configured for Config {
    fn read(source: &dyn Fn(&str) -> Option<String>) -> Result<Self, Mistakes> {
        let mut env = Env::new(source);
        let common = Common::read(&mut env, "gateway");
        let api = env.required("API_UPSTREAM");
        let ws = env.required("WS_UPSTREAM");
        let redis = RedisSettings::read(&mut env);
        let rate = env.or("CLIENT_RATE_PER_SECOND", CLIENT_RATE_PER_SECOND);
        let burst = env.or("CLIENT_BURST", CLIENT_BURST);
        let newcomer_rate = env.or("NEWCOMER_RATE_PER_SECOND", NEWCOMER_RATE_PER_SECOND);
        let newcomer_burst = env.or("NEWCOMER_BURST", NEWCOMER_BURST);
        let total_rate = env.or("TOTAL_RATE_PER_SECOND", TOTAL_RATE_PER_SECOND);
        let total_burst = env.or("TOTAL_BURST", TOTAL_BURST);
        let in_flight = env.or("MOST_IN_FLIGHT", MOST_IN_FLIGHT);
        let body = env.or("MAX_BODY_BYTES", MAX_BODY_BYTES);
        let timeout = env.or("REQUEST_TIMEOUT", REQUEST_TIMEOUT);
        env.finish(|| {
            Some(Self {
                common: common?,
                api: api?,
                ws: ws?,
                redis: redis?,
                client_rate_per_second: rate?,
                client_burst: burst?,
                newcomer_rate_per_second: newcomer_rate?,
                newcomer_burst: newcomer_burst?,
                total_rate_per_second: total_rate?,
                total_burst: total_burst?,
                most_in_flight: in_flight?,
                max_body_bytes: body?,
                request_timeout: timeout?,
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
    fn mistakes_are_told_together() {
        let source = |name: &str| match name {
            "API_UPSTREAM" => Some("nowhere".to_owned()),
            "CLIENT_BURST" => Some("many".to_owned()),
            _ => None,
        };
        let mistakes = Config::read(&source).unwrap_err();
        assert_eq!(mistakes.0.len(), 4, "{mistakes}");
    }
}
