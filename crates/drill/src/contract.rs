//! What was promised: the clauses that the judge holds a run against.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A class of traffic. Each is judged on its own; the contract's figure is the worst class it names.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Vitals posted by bedside monitors.
    Ingest,
    /// Patients, vitals and wards read by clinicians.
    Read,
    /// Thresholds written by clinicians: synchronous, to the primary.
    Admin,
    /// The live stream: its opening, and each ping over it.
    Live,
    /// Static assets, served by the CDN.
    Static,
    /// An alert, from the acknowledgement of its reading to one live stream that follows the ward. It has a
    /// promise of its own, `alert_within`, and belongs to the others only where a drill names it.
    Alert,
}

impl Class {
    /// Every class, in the order in which reports list them.
    pub const ALL: [Self; 6] = [
        Self::Ingest,
        Self::Read,
        Self::Admin,
        Self::Live,
        Self::Static,
        Self::Alert,
    ];

    /// The name used in drill files and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Read => "read",
            Self::Admin => "admin",
            Self::Live => "live",
            Self::Static => "static",
            Self::Alert => "alert",
        }
    }
}

impl std::fmt::Display for Class {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// A latency percentile under a limit, measured from the due time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LatencyClause {
    /// Percentile, above 0 and below 100.
    pub percentile: f64,
    /// The most that the percentile may be.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub at_most: Duration,
}

/// Of every window of one length, the share of the users' time in which they could work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UptimeClause {
    /// Length of the window, at least a second.
    #[serde(with = "humantime_serde")]
    #[schemars(with = "String")]
    pub window: Duration,
    /// The least that the worst window may have, in percent, within 0 to 100.
    pub at_least_percent: f64,
}

/// The promises of one drill.
///
/// The outage budget of the window is `(100 - availability_percent) % of window`: 17.28 s for
/// 99.99 % of 48 h. Outages keep their real length in a drill, so they are held against it in real seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// Promised share of the window, in percent, above 0 and below 100.
    pub availability_percent: f64,
    /// The window that the promise is about.
    #[serde(with = "humantime_serde", default = "Contract::default_window")]
    #[schemars(with = "String")]
    pub window: Duration,
    /// Classes that the promise covers; all that a user asks for when absent.
    #[serde(default = "Contract::all_classes")]
    pub classes: Vec<Class>,
    /// Most requests of the promised classes together that may be without a good answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_requests: Option<u64>,
    /// Latency promises.
    #[serde(default)]
    pub latency: Vec<LatencyClause>,
    /// Promises about the worst window of the users' time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user_uptime: Vec<UptimeClause>,
    /// Longest time from a fault to the last request that it costs.
    #[serde(
        with = "humantime_serde",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    pub service_back_within: Option<Duration>,
    /// Longest time from healing to full health; at most the pace's `recover_within`.
    #[serde(
        with = "humantime_serde",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    pub redundancy_back_within: Option<Duration>,
    /// Longest time from the acknowledgement of an alarming reading to its alert at each clinician who follows
    /// the ward.
    #[serde(
        with = "humantime_serde",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    pub alert_within: Option<Duration>,
    /// Most alerts that may come again to a clinician who was shown them already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeated_alerts: Option<u64>,
    /// Most acknowledged alarming readings of which the third party that notifies staff may not have heard once
    /// everything has healed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_pages: Option<u64>,
    /// Longest time from the due time of an alarming reading to the page that the third party took of it.
    #[serde(
        with = "humantime_serde",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    pub paged_within: Option<Duration>,
    /// Whether no two members may be seen as the database's primary at the same time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_split_brain: bool,
    /// How long a read may go on showing less than somebody has seen.
    #[serde(
        with = "humantime_serde",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    pub stale_at_most: Option<Duration>,
    /// How long an acknowledged reading may stay invisible to those who read its patient.
    #[serde(
        with = "humantime_serde",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    #[schemars(with = "Option<String>")]
    pub visible_within: Option<Duration>,
    /// Most acknowledged changes of thresholds that may be missing once everything has healed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_changes: Option<u64>,
    /// Most acknowledged readings that may be missing or altered once everything has healed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_readings: Option<u64>,
    /// Most readings that may be stored more than once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duplicate_readings: Option<u64>,
    /// Most that the topology may cost a month, in US dollars.
    #[serde(default)]
    pub monthly_usd: Option<f64>,
    /// The confidence, in percent, at which the run must support the claim that a whole window keeps to the outage budget.
    /// Without it the report says what can be claimed, and the verdict does not depend on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim_at_percent: Option<f64>,
}

impl Contract {
    fn default_window() -> Duration {
        Duration::from_secs(48 * 3600)
    }

    fn all_classes() -> Vec<Class> {
        let asked_for = |class: &Class| *class != Class::Alert;
        Class::ALL.into_iter().filter(asked_for).collect()
    }

    /// Seconds of outage that the window allows.
    pub fn budget(&self) -> Duration {
        self.window
            .mul_f64((100.0 - self.availability_percent) / 100.0)
    }

    /// What is wrong with the numbers, in words that complete "contract: ".
    pub(crate) fn mistake(&self) -> Option<String> {
        if !(self.availability_percent > 0.0 && self.availability_percent < 100.0) {
            return Some(format!(
                "availability_percent {} is not above 0 and below 100",
                self.availability_percent
            ));
        }
        if self.classes.is_empty() {
            return Some("classes names no class".into());
        }
        if self.window.is_zero() {
            return Some("window is zero".into());
        }
        if let Some(bad) = self
            .latency
            .iter()
            .find(|clause| !(clause.percentile > 0.0 && clause.percentile < 100.0))
        {
            return Some(format!(
                "latency percentile {} is not above 0 and below 100",
                bad.percentile
            ));
        }
        if let Some(bad) = self.user_uptime.iter().find(|clause| {
            !(0.0..=100.0).contains(&clause.at_least_percent) || clause.window.as_secs() == 0
        }) {
            return Some(format!(
                "user_uptime of {} % in {:?} is not within 0 to 100 % in at least a second",
                bad.at_least_percent, bad.window
            ));
        }
        if let Some(bad) = self
            .claim_at_percent
            .filter(|percent| !(*percent > 0.0 && *percent < 100.0))
        {
            return Some(format!(
                "claim_at_percent {bad} is not above 0 and below 100"
            ));
        }
        self.monthly_usd
            .filter(|usd| usd.is_nan() || *usd <= 0.0)
            .map(|usd| format!("monthly_usd {usd} is not above 0"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario() -> Contract {
        toml::from_str("availability_percent = 99.99").unwrap()
    }

    #[test]
    fn budget_of_the_scenario_is_17_28_seconds() {
        assert!((scenario().budget().as_secs_f64() - 17.28).abs() < 1e-6);
        assert_eq!(scenario().mistake(), None);
    }

    #[test]
    fn numbers_out_of_range_are_mistakes() {
        for percent in [0.0, 100.0, f64::NAN] {
            let bad = Contract {
                availability_percent: percent,
                ..scenario()
            };
            assert!(bad.mistake().is_some(), "{percent}");
        }
        let bad = Contract {
            monthly_usd: Some(-1.0),
            ..scenario()
        };
        assert!(bad.mistake().is_some());
    }
}
