//! The load: how many users there are at each moment, and how each of them behaves.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What is wrong with a traffic table.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("traffic: {0}")]
pub struct TrafficError(String);

/// A daily curve of users, walked `speed` times faster than the day, by users who keep a real pace.
///
/// Users at scenario time `t` of a day of length `D`:
/// `baseline + (peak - baseline) * ((1 - cos(2 pi (t/D - 1/8))) / 2)^2`, so the quiet hour is at 3 h and
/// the busy window lies around 15 h. The square makes the window narrower than the night.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "TrafficFile", into = "TrafficFile")]
pub struct Traffic {
    file: TrafficFile,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TrafficFile {
    baseline_users: u32,
    peak_users: u32,
    #[serde(with = "humantime_serde")]
    span: Duration,
    speed: f64,
    #[serde(default = "defaults::monitors_percent")]
    monitors_percent: u32,
    #[serde(with = "humantime_serde", default = "defaults::monitor_every")]
    monitor_every: Duration,
    #[serde(with = "humantime_serde", default = "defaults::clinician_every")]
    clinician_every: Duration,
    #[serde(with = "humantime_serde", default = "defaults::request_timeout")]
    request_timeout: Duration,
}

mod defaults {
    use std::time::Duration;

    pub(super) fn monitors_percent() -> u32 {
        60
    }
    pub(super) fn monitor_every() -> Duration {
        Duration::from_secs(5)
    }
    pub(super) fn clinician_every() -> Duration {
        Duration::from_secs(6)
    }
    pub(super) fn request_timeout() -> Duration {
        Duration::from_secs(2)
    }
}

/// Longest curve: a year. What is longer is a slip of the pen, and times of it would not fit into nanoseconds.
const LONGEST_SPAN: Duration = Duration::from_secs(366 * 24 * 3600);
/// Longest pause between two requests of a user, and longest patience.
const LONGEST_PACE: Duration = Duration::from_secs(24 * 3600);
/// One day of the curve.
const DAY: Duration = Duration::from_secs(24 * 3600);

impl TryFrom<TrafficFile> for Traffic {
    type Error = TrafficError;

    fn try_from(file: TrafficFile) -> Result<Self, TrafficError> {
        let refuse = |text: String| Err(TrafficError(text));
        if file.baseline_users == 0 || file.peak_users < file.baseline_users {
            return refuse(format!(
                "peak_users {} is not at least baseline_users {}, or that is 0",
                file.peak_users, file.baseline_users
            ));
        }
        if file.peak_users > 20_000 {
            return refuse(format!("peak_users {} is above 20000", file.peak_users));
        }
        if !(file.speed >= 1.0 && file.speed <= 100_000.0) {
            return refuse(format!("speed {} is not within 1 to 100000", file.speed));
        }
        if file.span.is_zero() || file.span > LONGEST_SPAN {
            return refuse(format!(
                "span {:?} is not above 0 and at most 366 days",
                file.span
            ));
        }
        if file.monitors_percent > 100 {
            return refuse(format!(
                "monitors_percent {} is above 100",
                file.monitors_percent
            ));
        }
        // One request per user at a time: an answer that is still awaited when the next is due
        // would turn the open loop into a closed one.
        for (name, every) in [
            ("monitor_every", file.monitor_every),
            ("clinician_every", file.clinician_every),
        ] {
            if every > LONGEST_PACE {
                return refuse(format!("{name} {every:?} is above a day"));
            }
            if every <= file.request_timeout {
                return refuse(format!(
                    "{name} {every:?} is not longer than request_timeout {:?}",
                    file.request_timeout
                ));
            }
        }
        if file.request_timeout < Duration::from_millis(100) {
            return refuse(format!(
                "request_timeout {:?} is below 100ms",
                file.request_timeout
            ));
        }
        Ok(Self { file })
    }
}

impl From<Traffic> for TrafficFile {
    fn from(traffic: Traffic) -> Self {
        traffic.file
    }
}

impl Traffic {
    /// Parses a traffic table on its own.
    ///
    /// # Errors
    /// When the text is not a valid table.
    pub fn from_toml(text: &str) -> Result<Self, TrafficError> {
        toml::from_str(text).map_err(|error: toml::de::Error| TrafficError(error.message().into()))
    }

    /// As many users at every moment, for `lasting` in real time. Monitors and clinicians keep the given pace.
    ///
    /// # Errors
    /// When there are no users or more than 20,000, or `lasting` is zero.
    pub fn constant(
        users: u32,
        lasting: Duration,
        monitor_every: Duration,
        clinician_every: Duration,
    ) -> Result<Self, TrafficError> {
        let file = TrafficFile {
            baseline_users: users,
            peak_users: users,
            span: lasting,
            speed: 1.0,
            monitors_percent: defaults::monitors_percent(),
            monitor_every,
            clinician_every,
            request_timeout: defaults::request_timeout(),
        };
        file.try_into()
    }

    /// The same traffic walked at another speed.
    ///
    /// # Errors
    /// When `speed` is not within 1 to 100,000.
    pub fn at_speed(&self, speed: f64) -> Result<Self, TrafficError> {
        let mut file = self.file.clone();
        file.speed = speed;
        file.try_into()
    }

    /// How many times faster than the day the curve is walked.
    pub fn speed(&self) -> f64 {
        self.file.speed
    }

    /// Length of the curve in scenario time.
    pub fn span(&self) -> Duration {
        self.file.span
    }

    /// Length of the load in real time: `span / speed`.
    pub fn real_span(&self) -> Duration {
        self.file.span.div_f64(self.file.speed)
    }

    /// Scenario time at real time `real`.
    pub fn scenario_time(&self, real: Duration) -> Duration {
        real.mul_f64(self.file.speed)
    }

    /// Users that are active at real time `real` since the load's start.
    pub fn users_at(&self, real: Duration) -> u32 {
        let day_share = self.scenario_time(real).as_secs_f64() / DAY.as_secs_f64();
        let wave = (1.0 - (std::f64::consts::TAU * (day_share - 0.125)).cos()) / 2.0;
        let extra = f64::from(self.file.peak_users - self.file.baseline_users);
        self.file.baseline_users + (extra * wave * wave).round() as u32
    }

    /// Most users that the curve reaches, if the span holds a busy window.
    pub fn peak_users(&self) -> u32 {
        self.file.peak_users
    }

    /// Users in the quiet hour.
    pub fn baseline_users(&self) -> u32 {
        self.file.baseline_users
    }

    /// Whether user number `user` is a bedside monitor; otherwise it is a clinician. Both kinds are
    /// spread evenly over the numbers, so that any number of active users has the same mix.
    pub fn is_monitor(&self, user: u32) -> bool {
        let percent = u64::from(self.file.monitors_percent);
        let upto = |n: u64| n * percent / 100;
        upto(u64::from(user) + 1) > upto(u64::from(user))
    }

    /// Real time between two requests of a monitor.
    pub fn monitor_every(&self) -> Duration {
        self.file.monitor_every
    }

    /// Real time between two actions of a clinician, and between two pings of a live stream.
    pub fn clinician_every(&self) -> Duration {
        self.file.clinician_every
    }

    /// Requests a second that so many users make, pings of live streams left out.
    pub fn requests_per_s(&self, users: u32) -> f64 {
        let monitors = f64::from(self.file.monitors_percent) / 100.0;
        let of_one = monitors / self.file.monitor_every.as_secs_f64()
            + (1.0 - monitors) / self.file.clinician_every.as_secs_f64();
        f64::from(users) * of_one
    }

    /// Share of those requests that no CDN answers, at least: those of the monitors.
    pub fn share_of_monitors(&self) -> f64 {
        let monitors =
            f64::from(self.file.monitors_percent) / 100.0 / self.file.monitor_every.as_secs_f64();
        monitors / self.requests_per_s(1)
    }

    /// How long a user waits for an answer.
    pub fn request_timeout(&self) -> Duration {
        self.file.request_timeout
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file() -> TrafficFile {
        TrafficFile {
            baseline_users: 500,
            peak_users: 1450,
            span: DAY * 2,
            speed: 288.0,
            monitors_percent: 60,
            monitor_every: defaults::monitor_every(),
            clinician_every: defaults::clinician_every(),
            request_timeout: defaults::request_timeout(),
        }
    }

    fn traffic() -> Traffic {
        Traffic::try_from(file()).unwrap()
    }

    #[test]
    fn two_days_at_speed_288_last_ten_minutes() {
        assert_eq!(traffic().real_span(), Duration::from_secs(600));
    }

    #[test]
    fn the_quiet_hour_has_the_baseline_and_the_busy_one_the_peak() {
        let at_hour = |hour: u32| {
            let real = Duration::from_secs(u64::from(hour) * 3600).div_f64(288.0);
            traffic().users_at(real)
        };
        assert_eq!(at_hour(3), 500);
        assert_eq!(at_hour(15), 1450);
        assert_eq!(at_hour(39), 1450);
    }

    #[test]
    fn users_have_a_pace() {
        // 40 % act every 6 s and 60 % every 5 s.
        let pace = traffic().requests_per_s(1000);
        assert!((pace - 186.67).abs() < 0.01, "{pace}");
        assert!((traffic().share_of_monitors() - 120.0 / 186.67).abs() < 0.001);
    }

    #[test]
    fn nonsense_is_refused() {
        let cases: [fn(&mut TrafficFile); 8] = [
            |f| f.baseline_users = 0,
            |f| f.peak_users = 499,
            |f| f.speed = 0.5,
            |f| f.speed = f64::NAN,
            |f| f.monitor_every = Duration::from_secs(1),
            |f| f.span = Duration::ZERO,
            |f| f.span = Duration::from_secs(u64::MAX),
            |f| f.clinician_every = Duration::from_secs(u64::MAX),
        ];
        for spoil in cases {
            let mut bad = file();
            spoil(&mut bad);
            assert!(Traffic::try_from(bad).is_err());
        }
    }

    proptest! {
        #[test]
        fn users_stay_within_baseline_and_peak(ms in 0_u64..600_000) {
            let users = traffic().users_at(Duration::from_millis(ms));
            prop_assert!((500..=1450).contains(&users));
        }

        #[test]
        fn any_number_of_users_has_the_same_mix(users in 1_u32..3000) {
            let monitors = (0..users).filter(|u| traffic().is_monitor(*u)).count() as f64;
            prop_assert!((monitors - f64::from(users) * 0.6).abs() < 1.0);
        }
    }
}
