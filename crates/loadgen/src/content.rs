//! What an answer must contain: known from the request alone, so that the platform can't be wrong and agree with itself.

use sha2::{Digest, Sha256};
use wire::{PATIENTS, Patient, Reading, StoredReading, WARDS, Ward, ward_of};

/// Readings in a list of vitals, at most.
pub(crate) const VITALS: usize = 20;

/// The assets of the application, with the SHA-256 of each.
const ASSETS: [(&str, &str); 3] = [
    (
        "app.js",
        "b540ab6acc3b476d5298c64a98b3faf146a5f7134abcac5f248e526741103bd4",
    ),
    (
        "style.css",
        "ced7e3cf9c9d59c3108165068749eeeb5c2478c09acedec184971c6760e1c31e",
    ),
    (
        "logo.svg",
        "2baae57139f849d63d338485d7dc58b9ebb3256474023fa697589c89a4fc3b30",
    ),
];

/// Whether these are the bytes of that asset.
pub(crate) fn is_asset(name: &str, body: &[u8]) -> bool {
    let digest = format!("{:x}", Sha256::digest(body));
    ASSETS.contains(&(name, digest.as_str()))
}

/// The record of patient `id`, if it is that.
pub(crate) fn patient(body: &[u8], id: u32) -> Option<Patient> {
    let patient: Patient = serde_json::from_slice(body).ok()?;
    let right = patient.id == id && patient.ward == ward_of(id) && is_of(&patient.latest, id);
    right.then_some(patient)
}

/// The vitals of patient `id`, newest first, if they are that.
pub(crate) fn vitals(body: &[u8], id: u32) -> Option<Vec<StoredReading>> {
    let list: Vec<StoredReading> = serde_json::from_slice(body).ok()?;
    let newest_first = list.is_sorted_by_key(|stored| -i128::from(stored.reading.taken_at_ms));
    let own = list.iter().all(|stored| stored.reading.patient_id == id);
    (list.len() <= VITALS && newest_first && own).then_some(list)
}

/// The page of ward `id`, if it is that: it names all of the ward's patients and nobody else.
pub(crate) fn ward(body: &[u8], id: u32) -> Option<Ward> {
    let page: Ward = serde_json::from_slice(body).ok()?;
    let named = page.patients.iter().map(|patient| patient.id);
    let own = page.patients.iter().all(|p| is_of(&p.latest, p.id));
    let alerts = page.alerts.iter().all(|alert| alert.ward == id);
    (page.id == id && named.eq(patients_of(id)) && own && alerts).then_some(page)
}

/// Patients of a ward, in the order of their numbers.
fn patients_of(ward: u32) -> impl Iterator<Item = u32> {
    (ward..=PATIENTS).step_by(WARDS as usize)
}

fn is_of(latest: &Option<Reading>, patient: u32) -> bool {
    latest
        .as_ref()
        .is_none_or(|reading| reading.patient_id == patient)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn reading(patient_id: u32, taken_at_ms: i64) -> Value {
        json!({ "reading_id": uuid::Uuid::nil(), "patient_id": patient_id, "taken_at_ms": taken_at_ms,
            "heart_rate": 70, "spo2": 97, "systolic": 120, "stored_at_ms": 5 })
    }

    fn bytes(value: &Value) -> Vec<u8> {
        serde_json::to_vec(value).unwrap()
    }

    fn page(ward: u32) -> Value {
        let line = |id| json!({ "id": id, "name": "", "latest": reading(id, 7) });
        let patients: Vec<_> = patients_of(ward).map(line).collect();
        json!({ "id": ward, "made_at_ms": 1, "patients": patients, "alerts": [] })
    }

    /// A copy with another value at `place`.
    fn changed(value: &Value, place: &str, to: Value) -> Vec<u8> {
        let mut value = value.clone();
        *value.pointer_mut(place).unwrap() = to;
        bytes(&value)
    }

    #[test]
    fn the_assets_are_those_of_the_application() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../api/static");
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), ASSETS.len());
        for (name, _) in ASSETS {
            let mut content = std::fs::read(format!("{folder}/{name}")).unwrap();
            assert!(is_asset(name, &content), "{name}");
            content.pop();
            assert!(!is_asset(name, &content), "{name} cut short");
        }
        assert!(!is_asset("app.js", b"x") && !is_asset("other.js", b""));
    }

    #[test]
    fn a_record_is_of_its_patient_and_ward() {
        let good = json!({ "id": 41, "name": "", "ward": 1, "version": 3, "latest": reading(41, 7),
            "thresholds": wire::Thresholds::default() });
        assert!(patient(&bytes(&good), 41).is_some());
        assert!(patient(&changed(&good, "/latest", Value::Null), 41).is_some());
        assert!(patient(&bytes(&good), 42).is_none());
        assert!(patient(&changed(&good, "/ward", json!(2)), 41).is_none());
        assert!(patient(&changed(&good, "/latest/patient_id", json!(1)), 41).is_none());
        assert!(patient(br#"{"version":1}"#, 41).is_none());
    }

    #[test]
    fn vitals_are_of_their_patient_and_newest_first() {
        let good = json!([reading(3, 9), reading(3, 9), reading(3, 8)]);
        assert!(vitals(&bytes(&good), 3).is_some() && vitals(b"[]", 3).is_some());
        assert!(vitals(&bytes(&good), 4).is_none());
        assert!(vitals(&changed(&good, "/2/taken_at_ms", json!(10)), 3).is_none());
        assert!(vitals(&changed(&good, "/2/patient_id", json!(4)), 3).is_none());
        assert!(vitals(b"{}", 3).is_none());
        let long: Vec<_> = (0..=VITALS).map(|_| reading(3, 9)).collect();
        assert!(vitals(&bytes(&json!(long)), 3).is_none());
    }

    #[test]
    fn a_ward_page_names_its_patients_and_nobody_else() {
        let good = page(2);
        assert!(ward(&bytes(&good), 2).is_some());
        assert!(ward(&bytes(&good), 3).is_none());
        assert!(ward(&changed(&good, "/patients/1/id", json!(3)), 2).is_none());
        assert!(ward(&changed(&good, "/patients", json!([])), 2).is_none());
        assert!(
            ward(
                &changed(&good, "/patients/1/latest/patient_id", json!(2)),
                2
            )
            .is_none()
        );
        assert!(ward(b"{}", 2).is_none());
    }

    proptest! {
        #[test]
        fn the_patients_of_a_ward_are_those_who_lie_in_it(id in 1..=WARDS) {
            let lie_in_it = (1..=PATIENTS).filter(|patient| ward_of(*patient) == id);
            prop_assert!(patients_of(id).eq(lie_in_it));
        }
    }
}
