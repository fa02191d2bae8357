//! A patient's thresholds as the database holds them after a run: one short row each.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use wire::Thresholds;

/// The version of a record that nobody has changed.
const UNCHANGED: i64 = 1;

/// The thresholds of one patient. In JSON a list: patient, version, heart rate low and high, oxygen saturation low, systolic
/// pressure high.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Row", into = "Row")]
pub struct StoredThresholds {
    /// Number of the patient.
    pub patient: u32,
    /// Version of the record: when it was made, in microseconds since the Unix epoch, or one more than the one before.
    pub version: i64,
    /// The limits.
    pub thresholds: Thresholds,
}

type Row = (u32, i64, i32, i32, i32, i32);

impl StoredThresholds {
    /// Whether the record is as it was before the first change of all.
    pub fn is_unchanged(&self) -> bool {
        self.version == UNCHANGED
    }

    /// When the record was made at the latest, since the Unix epoch: a version is never behind the clock of the service that made it.
    pub fn made_by(&self) -> Duration {
        Duration::from_micros(self.version.try_into().unwrap_or_default())
    }
}

impl From<Row> for StoredThresholds {
    fn from(row: Row) -> Self {
        let (patient, version, heart_rate_low, heart_rate_high, spo2_low, systolic_high) = row;
        Self {
            patient,
            version,
            thresholds: Thresholds {
                heart_rate_low,
                heart_rate_high,
                spo2_low,
                systolic_high,
            },
        }
    }
}

impl From<StoredThresholds> for Row {
    fn from(stored: StoredThresholds) -> Self {
        let limits = stored.thresholds;
        (
            stored.patient,
            stored.version,
            limits.heart_rate_low,
            limits.heart_rate_high,
            limits.spo2_low,
            limits.systolic_high,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_a_short_list_and_survives() {
        let text = "[7,1700000000000000,45,130,90,180]";
        let stored: StoredThresholds = serde_json::from_str(text).unwrap();
        assert_eq!(stored.thresholds, Thresholds::default());
        assert_eq!((stored.patient, stored.is_unchanged()), (7, false));
        assert_eq!(stored.made_by(), Duration::from_secs(1_700_000_000));
        assert_eq!(serde_json::to_string(&stored).unwrap(), text);
    }

    #[test]
    fn a_row_that_is_cut_short_is_none() {
        assert!(serde_json::from_str::<StoredThresholds>("[7,1,45,130,90]").is_err());
    }
}
