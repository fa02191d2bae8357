//! Which readings are alarming: pure arithmetic on limits.

use wire::{Reading, Thresholds, ward_of};

/// An alert that has no number yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAlert {
    /// The reading that raised it.
    pub reading_id: uuid::Uuid,
    /// Whose reading.
    pub patient_id: u32,
    /// Where.
    pub ward: u32,
    /// What.
    pub kind: &'static str,
    /// The value that crossed the limit.
    pub value: i32,
}

/// The alerts that a reading raises; a value equal to its limit raises none.
pub fn raised(reading: &Reading, limits: &Thresholds) -> Vec<NewAlert> {
    let checks = [
        (
            "heart-rate-low",
            reading.heart_rate,
            reading.heart_rate < limits.heart_rate_low,
        ),
        (
            "heart-rate-high",
            reading.heart_rate,
            reading.heart_rate > limits.heart_rate_high,
        ),
        ("spo2-low", reading.spo2, reading.spo2 < limits.spo2_low),
        (
            "systolic-high",
            reading.systolic,
            reading.systolic > limits.systolic_high,
        ),
    ];
    let crossed = checks.into_iter().filter(|(_, _, crossed)| *crossed);
    crossed
        .map(|(kind, value, _)| NewAlert {
            reading_id: reading.reading_id,
            patient_id: reading.patient_id,
            ward: ward_of(reading.patient_id),
            kind,
            value,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(heart_rate: i32, spo2: i32, systolic: i32) -> Vec<(&'static str, i32)> {
        let reading = Reading {
            reading_id: uuid::Uuid::nil(),
            patient_id: 41,
            taken_at_ms: 1,
            heart_rate,
            spo2,
            systolic,
        };
        let alerts = raised(&reading, &Thresholds::default());
        assert!(alerts.iter().all(|alert| alert.ward == 1));
        alerts
            .iter()
            .map(|alert| (alert.kind, alert.value))
            .collect()
    }

    #[test]
    fn limits_themselves_are_fine() {
        assert!(kinds(45, 90, 180).is_empty());
        assert!(kinds(130, 100, 100).is_empty());
    }

    #[test]
    fn each_crossed_limit_raises_its_own_alert() {
        assert_eq!(kinds(44, 95, 120), [("heart-rate-low", 44)]);
        assert_eq!(
            kinds(131, 89, 181),
            [
                ("heart-rate-high", 131),
                ("spo2-low", 89),
                ("systolic-high", 181)
            ]
        );
    }
}
