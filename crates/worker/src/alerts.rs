//! Which readings are alarming: pure arithmetic on limits.

use wire::{Alert, Reading, Thresholds, alert_id, ward_of};

/// The alerts that a reading raises at `at_ms`, in milliseconds since the Unix epoch; a value equal to its limit raises
/// none.
pub fn raised(reading: &Reading, limits: &Thresholds, at_ms: i64) -> Vec<Alert> {
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
        .map(|(kind, value, _)| Alert {
            id: alert_id(reading.reading_id, kind),
            reading_id: reading.reading_id,
            patient_id: reading.patient_id,
            ward: ward_of(reading.patient_id),
            kind: kind.into(),
            value,
            raised_at_ms: at_ms,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(heart_rate: i32, spo2: i32, systolic: i32) -> Reading {
        Reading {
            reading_id: uuid::Uuid::nil(),
            patient_id: 41,
            taken_at_ms: 1,
            heart_rate,
            spo2,
            systolic,
        }
    }

    fn kinds(heart_rate: i32, spo2: i32, systolic: i32) -> Vec<(String, i32)> {
        let reading = reading(heart_rate, spo2, systolic);
        let alerts = raised(&reading, &Thresholds::default(), 5);
        assert!(alerts.iter().all(|alert| alert.ward == 1));
        alerts
            .into_iter()
            .map(|alert| (alert.kind, alert.value))
            .collect()
    }

    #[test]
    fn raised_again_it_is_the_same_alert() {
        let ids = |at_ms| {
            let alerts = raised(&reading(131, 89, 181), &Thresholds::default(), at_ms);
            alerts.iter().map(|alert| alert.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(5), ids(9_000));
        assert!(
            ids(5)
                .iter()
                .collect::<std::collections::HashSet<_>>()
                .len()
                == 3
        );
    }

    #[test]
    fn limits_themselves_are_fine() {
        assert!(kinds(45, 90, 180).is_empty());
        assert!(kinds(130, 100, 100).is_empty());
    }

    #[test]
    fn each_crossed_limit_raises_its_own_alert() {
        assert_eq!(kinds(44, 95, 120), [("heart-rate-low".into(), 44)]);
        assert_eq!(
            kinds(131, 89, 181),
            [
                ("heart-rate-high".into(), 131),
                ("spo2-low".into(), 89),
                ("systolic-high".into(), 181)
            ]
        );
    }
}
