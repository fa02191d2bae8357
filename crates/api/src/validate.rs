//! What a request must look like. Every refusal names the field, so that whoever built the client can see why.

use wire::{PATIENTS, Reading, Thresholds, WARDS};

/// Beats per minute that a living patient's monitor can show.
const HEART_RATE: std::ops::RangeInclusive<i32> = 0..=350;
/// Percent.
const SPO2: std::ops::RangeInclusive<i32> = 0..=100;
/// mmHg.
const SYSTOLIC: std::ops::RangeInclusive<i32> = 0..=400;

/// Why a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field} {error}")]
pub(crate) struct Refusal {
    /// The field of the body or path.
    pub(crate) field: &'static str,
    /// What is wrong with it.
    pub(crate) error: String,
}

fn within(
    field: &'static str,
    value: i32,
    range: &std::ops::RangeInclusive<i32>,
) -> Result<(), Refusal> {
    match range.contains(&value) {
        true => Ok(()),
        false => Err(Refusal {
            field,
            error: format!("is {value}, not within {}..={}", range.start(), range.end()),
        }),
    }
}

/// Whether a reading can be stored.
pub(crate) fn reading(reading: &Reading) -> Result<(), Refusal> {
    if !(1..=PATIENTS).contains(&reading.patient_id) {
        return Err(Refusal {
            field: "patient_id",
            error: format!("is {}, not within 1..={PATIENTS}", reading.patient_id),
        });
    }
    if reading.taken_at_ms <= 0 {
        return Err(Refusal {
            field: "taken_at_ms",
            error: format!("is {}, not a time after 1970", reading.taken_at_ms),
        });
    }
    within("heart_rate", reading.heart_rate, &HEART_RATE)?;
    within("spo2", reading.spo2, &SPO2)?;
    within("systolic", reading.systolic, &SYSTOLIC)
}

/// Whether thresholds make sense.
pub(crate) fn thresholds(thresholds: &Thresholds) -> Result<(), Refusal> {
    within("heart_rate_low", thresholds.heart_rate_low, &HEART_RATE)?;
    within("heart_rate_high", thresholds.heart_rate_high, &HEART_RATE)?;
    within("spo2_low", thresholds.spo2_low, &SPO2)?;
    within("systolic_high", thresholds.systolic_high, &SYSTOLIC)?;
    match thresholds.heart_rate_low < thresholds.heart_rate_high {
        true => Ok(()),
        false => Err(Refusal {
            field: "heart_rate_low",
            error: "is not below heart_rate_high".into(),
        }),
    }
}

/// A patient's number as written in a path, if there is such a patient.
pub(crate) fn patient_id(text: &str) -> Option<i32> {
    numbered(text, PATIENTS)
}

/// A ward's number as written in a path, if there is such a ward.
pub(crate) fn ward_id(text: &str) -> Option<i32> {
    numbered(text, WARDS)
}

fn numbered(text: &str, last: u32) -> Option<i32> {
    let number: u32 = text.parse().ok()?;
    match (1..=last).contains(&number) {
        true => i32::try_from(number).ok(),
        false => None,
    }
}

/// The `limit` of a query, within `1..=100`; 20 when absent.
pub(crate) fn limit(query: Option<&str>) -> Result<i64, Refusal> {
    let pairs = query.unwrap_or_default().split('&');
    let Some(text) = pairs.filter_map(|pair| pair.strip_prefix("limit=")).next() else {
        return Ok(20);
    };
    match text.parse() {
        Ok(limit) if (1..=100).contains(&limit) => Ok(limit),
        _ => Err(Refusal {
            field: "limit",
            error: format!("is '{text}', not a number within 1..=100"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Reading {
        Reading {
            reading_id: uuid::Uuid::nil(),
            patient_id: 2000,
            taken_at_ms: 1,
            heart_rate: 70,
            spo2: 100,
            systolic: 120,
        }
    }

    #[test]
    fn a_good_reading_passes() {
        assert_eq!(reading(&good()), Ok(()));
    }

    #[test]
    fn each_bad_field_is_named() {
        let with = |change: fn(&mut Reading)| {
            let mut bad = good();
            change(&mut bad);
            reading(&bad).unwrap_err().field
        };
        assert_eq!(with(|r| r.patient_id = 0), "patient_id");
        assert_eq!(with(|r| r.patient_id = 2001), "patient_id");
        assert_eq!(with(|r| r.taken_at_ms = 0), "taken_at_ms");
        assert_eq!(with(|r| r.heart_rate = -1), "heart_rate");
        assert_eq!(with(|r| r.spo2 = 101), "spo2");
        assert_eq!(with(|r| r.systolic = 401), "systolic");
    }

    #[test]
    fn thresholds_must_leave_room_between_low_and_high() {
        assert_eq!(thresholds(&Thresholds::default()), Ok(()));
        let crossed = Thresholds {
            heart_rate_low: 130,
            ..Thresholds::default()
        };
        assert_eq!(thresholds(&crossed).unwrap_err().field, "heart_rate_low");
    }

    #[test]
    fn numbers_in_paths_and_queries() {
        assert_eq!(patient_id("2000"), Some(2000));
        assert_eq!(patient_id("2001"), None);
        assert_eq!(ward_id("0"), None);
        assert_eq!(ward_id("x"), None);
        assert_eq!(limit(None), Ok(20));
        assert_eq!(limit(Some("a=1&limit=5")), Ok(5));
        assert!(limit(Some("limit=101")).is_err());
        assert!(limit(Some("limit=")).is_err());
    }
}
