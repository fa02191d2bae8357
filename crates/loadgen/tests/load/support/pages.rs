//! What the tiny platform shows: the right page for each path, with the newest readings that it took.

use std::collections::HashMap;

use wire::{PATIENTS, Patient, Reading, StoredReading, Thresholds, Ward, WardPatient, ward_of};

/// The newest reading of each patient.
pub(crate) type Newest = HashMap<u32, Reading>;

/// The page at `path`.
pub(crate) fn page(path: &str, newest: &Newest) -> Vec<u8> {
    let path = path.split('?').next().unwrap_or_default();
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match parts.as_slice() {
        ["v1", "patients", id, "vitals"] => json(&vitals(id.parse().unwrap(), newest)),
        ["v1", "patients", id, ..] => json(&patient(id.parse().unwrap(), newest)),
        ["v1", "wards", id] => json(&ward(id.parse().unwrap(), newest)),
        ["static", "app.js"] => include_bytes!("../../../../api/static/app.js").to_vec(),
        ["static", "style.css"] => include_bytes!("../../../../api/static/style.css").to_vec(),
        ["static", "logo.svg"] => include_bytes!("../../../../api/static/logo.svg").to_vec(),
        _ => panic!("nobody asks for {path}"),
    }
}

/// The page of somebody or something else.
pub(crate) fn other_page(path: &str, newest: &Newest) -> Vec<u8> {
    let path = path.split('?').next().unwrap_or_default();
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let next = |id: &str| 1 + id.parse::<u32>().unwrap() % 40;
    match parts.as_slice() {
        ["v1", "patients", id, "vitals"] => {
            json(&[vitals(next(id), newest), some(next(id))].concat())
        }
        ["v1", kind, id, ..] => page(&format!("/v1/{kind}/{}", next(id)), newest),
        _ => b"x".to_vec(),
    }
}

fn some(patient_id: u32) -> Vec<StoredReading> {
    let reading = Reading {
        reading_id: uuid::Uuid::nil(),
        patient_id,
        taken_at_ms: 0,
        heart_rate: 70,
        spo2: 97,
        systolic: 120,
    };
    vec![StoredReading {
        reading,
        stored_at_ms: 0,
    }]
}

fn vitals(id: u32, newest: &Newest) -> Vec<StoredReading> {
    let stored = |reading: &Reading| StoredReading {
        reading: reading.clone(),
        stored_at_ms: 0,
    };
    newest.get(&id).map(stored).into_iter().collect()
}

fn patient(id: u32, newest: &Newest) -> Patient {
    Patient {
        id,
        name: String::new(),
        ward: ward_of(id),
        thresholds: Thresholds::default(),
        version: 1,
        latest: newest.get(&id).cloned(),
    }
}

fn ward(id: u32, newest: &Newest) -> Ward {
    let patients = (1..=PATIENTS).filter(|patient| ward_of(*patient) == id);
    let line = |id| WardPatient {
        id,
        name: String::new(),
        latest: newest.get(&id).cloned(),
    };
    Ward {
        id,
        made_at_ms: 0,
        patients: patients.map(line).collect(),
        alerts: vec![],
    }
}

fn json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap()
}
