//! The public requests and responses of the platform: the only vocabulary that the platform and the
//! testbed share.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Patients that exist, numbered from 1.
pub const PATIENTS: u32 = 2000;
/// Wards that exist, numbered from 1.
pub const WARDS: u32 = 40;

/// How far before the moment that it names a stream resumes, in milliseconds. An alert may become known this late: it is
/// raised while the database has no primary, and read from there after the next one was elected. Who comes back names
/// the alerts of this time that it was shown, so that none is sent again.
pub const RESUME_OVERLAP_MS: i64 = 60_000;

/// The header that tells the third party which page this is: the alert's id, so that one that is sent again is not taken
/// twice.
pub const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Alerts of one reading and one kind are one alert. Known before anything is stored, so that everybody on its way
/// tells a repetition.
pub fn alert_id(reading_id: Uuid, kind: &str) -> Uuid {
    Uuid::new_v5(&reading_id, kind.as_bytes())
}

/// The ward that a patient lies in, within `1..=WARDS`.
pub fn ward_of(patient_id: u32) -> u32 {
    1 + patient_id.saturating_sub(1) % WARDS
}

/// One measurement of a bedside monitor. The monitor makes the id, so that sending it again is harmless.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// Made by the monitor; unique for ever.
    pub reading_id: Uuid,
    /// Whose vitals, within `1..=PATIENTS`.
    pub patient_id: u32,
    /// When they were taken, in milliseconds since the Unix epoch.
    pub taken_at_ms: i64,
    /// Beats per minute.
    pub heart_rate: i32,
    /// Oxygen saturation in percent.
    pub spo2: i32,
    /// Systolic blood pressure in mmHg.
    pub systolic: i32,
}

/// The answer to an accepted reading: it is durable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The reading's own id.
    pub reading_id: Uuid,
}

/// Limits beyond which a reading raises an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thresholds {
    /// Alert below this many beats per minute.
    pub heart_rate_low: i32,
    /// Alert above this many beats per minute.
    pub heart_rate_high: i32,
    /// Alert below this oxygen saturation in percent.
    pub spo2_low: i32,
    /// Alert above this systolic pressure in mmHg.
    pub systolic_high: i32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            heart_rate_low: 45,
            heart_rate_high: 130,
            spo2_low: 90,
            systolic_high: 180,
        }
    }
}

/// A reading as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredReading {
    /// The reading.
    #[serde(flatten)]
    pub reading: Reading,
    /// When it was stored, in milliseconds since the Unix epoch.
    pub stored_at_ms: i64,
}

/// A patient, with the newest vitals known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patient {
    /// Number within `1..=PATIENTS`.
    pub id: u32,
    /// Name.
    pub name: String,
    /// Ward within `1..=WARDS`.
    pub ward: u32,
    /// Limits.
    pub thresholds: Thresholds,
    /// Grows with each change of the thresholds: the newest one stays. Microseconds since the Unix epoch, or one
    /// more than the version that it replaces.
    pub version: i64,
    /// Newest vitals, if any were stored.
    pub latest: Option<Reading>,
}

/// A ward's page: its patients and what is wrong with them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ward {
    /// Number within `1..=WARDS`.
    pub id: u32,
    /// When the page was made, in milliseconds since the Unix epoch.
    pub made_at_ms: i64,
    /// Its patients with their newest vitals.
    pub patients: Vec<WardPatient>,
    /// Newest alerts first, at most 20.
    pub alerts: Vec<Alert>,
}

/// One line of a ward's page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WardPatient {
    /// Number within `1..=PATIENTS`.
    pub id: u32,
    /// Name.
    pub name: String,
    /// Newest vitals, if any were stored.
    pub latest: Option<Reading>,
}

/// Something that staff must know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alert {
    /// [`alert_id`]: whoever raises it, and however often, it is the same.
    pub id: Uuid,
    /// The reading that raised it.
    pub reading_id: Uuid,
    /// Whose reading.
    pub patient_id: u32,
    /// Where.
    pub ward: u32,
    /// What: `heart-rate-low`, `heart-rate-high`, `spo2-low` or `systolic-high`.
    pub kind: String,
    /// The value that crossed the limit.
    pub value: i32,
    /// When it was raised, in milliseconds since the Unix epoch.
    pub raised_at_ms: i64,
}

/// What the server sends over a live stream, as one JSON text frame each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum LiveEvent {
    /// First frame: the stream is open.
    Hello {
        /// The ward.
        ward: u32,
        /// Now, in milliseconds since the Unix epoch. Who comes back asks for alerts since the newest moment that it
        /// was told, here or by an alert.
        at_ms: i64,
    },
    /// Newest vitals of the ward's patients, at most one frame a second.
    Vitals {
        /// Readings since the last frame, newest per patient.
        readings: Vec<Reading>,
    },
    /// An alert.
    Alert {
        /// The alert.
        alert: Alert,
    },
    /// The answer to a ping.
    Pong {
        /// As in the ping.
        nonce: u64,
    },
}

/// What a client may send over a live stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub enum LiveRequest {
    /// Asks for a pong with the same nonce.
    Ping {
        /// Any number.
        nonce: u64,
    },
}

/// A page that the third party took, as its own book has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paged {
    /// The alert.
    pub alert_id: Uuid,
    /// The reading that raised it.
    pub reading_id: Uuid,
    /// Milliseconds since the Unix epoch.
    pub taken_at_ms: i64,
}

/// What the worker hands to the third party that notifies staff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page {
    /// The alert.
    pub alert: Alert,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn live_frames_are_tagged_in_kebab_case() {
        let text = serde_json::to_string(&LiveEvent::Pong { nonce: 3 }).unwrap();
        assert_eq!(text, r#"{"type":"pong","nonce":3}"#);
        assert!(serde_json::from_str::<LiveRequest>(r#"{"type":"shout"}"#).is_err());
    }

    #[test]
    fn an_alert_is_known_by_its_reading_and_kind() {
        let reading = Uuid::from_u128(7);
        assert_eq!(alert_id(reading, "spo2-low"), alert_id(reading, "spo2-low"));
        assert_ne!(
            alert_id(reading, "spo2-low"),
            alert_id(reading, "systolic-high")
        );
        assert_ne!(
            alert_id(reading, "spo2-low"),
            alert_id(Uuid::from_u128(8), "spo2-low")
        );
    }

    #[test]
    fn patients_are_spread_over_all_wards() {
        assert_eq!(ward_of(1), 1);
        assert_eq!(ward_of(40), 40);
        assert_eq!(ward_of(41), 1);
    }
}
