//! What a clinician does next: a pure function of seed, user and slot. What a steady probe changes: one of seed and tick.

use std::{sync::LazyLock, time::Duration};

use wire::{PATIENTS, Thresholds, WARDS};

use crate::{Class, derive_seed};

/// Part of the seed that chooses actions.
const ACTIONS: u64 = 0xac;
/// Of a hundred actions so many set thresholds.
pub const ADMIN_PERCENT: u64 = 5;
/// Of a hundred actions so many load an asset.
pub const STATIC_PERCENT: u64 = 10;
/// Part of the seed that chooses the ward that a clinician follows.
const FOLLOWS: u64 = 0xf0;
/// Time between two ticks of a steady probe. Its ticks count from the load's begin, so that each names what it changed.
pub const PROBE_EVERY: Duration = Duration::from_millis(250);
/// Part of the seed that chooses what a steady probe changes.
const PROBES: u64 = 0x9b;
/// The assets of the application.
pub const ASSETS: [&str; 3] = ["app.js", "style.css", "logo.svg"];

/// One action of a clinician.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Looks at a ward's page, through the CDN.
    Ward(u32),
    /// Looks at a patient.
    Patient(u32),
    /// Looks at a patient's last vitals.
    PatientVitals(u32),
    /// Sets a patient's limits.
    Thresholds(u32, Thresholds),
    /// Loads an asset, through the CDN.
    Asset(&'static str),
}

impl Action {
    /// The class of traffic that it belongs to.
    pub fn class(self) -> Class {
        match self {
            Self::Ward(_) | Self::Patient(_) | Self::PatientVitals(_) => Class::Read,
            Self::Thresholds(..) => Class::Admin,
            Self::Asset(_) => Class::Static,
        }
    }
}

/// What clinician `user` does in slot `number`: 45 % a ward's page, 20 % a patient, 20 % a patient's
/// vitals, 5 % new thresholds, 10 % an asset. Patients are drawn evenly, wards as [`ward_followed`] does.
pub fn action(seed: u64, user: u32, number: u32) -> Action {
    let draw = derive_seed(of(seed, ACTIONS, user), u64::from(number));
    let patient = 1 + within(draw >> 32, PATIENTS);
    match draw % 100 {
        0..45 => Action::Ward(popular_ward(draw)),
        45..65 => Action::Patient(patient),
        65..85 => Action::PatientVitals(patient),
        85..90 => Action::Thresholds(patient, thresholds(draw >> 8)),
        _ => Action::Asset(ASSETS[(draw >> 32) as usize % ASSETS.len()]),
    }
}

/// The ward whose live stream clinician `user` follows. The weight of ward `w` is `1 / w` (Zipf), so that
/// a few wards are popular.
pub fn ward_followed(seed: u64, user: u32) -> u32 {
    popular_ward(of(seed, FOLLOWS, user))
}

/// What a steady probe of `class` asks for at its tick `number`: new thresholds of a patient, a patient, or the next asset. None
/// for a class that can't be probed.
pub fn probe_action(seed: u64, class: Class, number: u32) -> Option<Action> {
    let patient = probe_patient(seed, number.into());
    match class {
        Class::Admin => Some(Action::Thresholds(
            patient,
            probe_thresholds(seed, number.into()),
        )),
        Class::Read => Some(Action::Patient(patient)),
        Class::Static => Some(Action::Asset(ASSETS[number as usize % ASSETS.len()])),
        _ => None,
    }
}

/// The patient whose thresholds a steady probe sets at its tick `number`; drawn evenly.
pub fn probe_patient(seed: u64, number: u64) -> u32 {
    1 + within(probe_draw(seed, number) >> 32, PATIENTS)
}

/// The thresholds that a steady probe sets at its tick `number`; drawn as those that a clinician sets.
pub fn probe_thresholds(seed: u64, number: u64) -> Thresholds {
    thresholds(probe_draw(seed, number) >> 8)
}

fn probe_draw(seed: u64, number: u64) -> u64 {
    derive_seed(derive_seed(seed, PROBES), number)
}

fn of(seed: u64, part: u64, user: u32) -> u64 {
    derive_seed(derive_seed(seed, part), u64::from(user))
}

fn within(word: u64, count: u32) -> u32 {
    (word % u64::from(count)) as u32
}

/// Near the defaults: ordinary vitals stay within, alarming ones beyond.
fn thresholds(word: u64) -> Thresholds {
    let usual = Thresholds::default();
    let shift = within(word, 7) as i32 - 3;
    Thresholds {
        heart_rate_low: usual.heart_rate_low + shift,
        heart_rate_high: usual.heart_rate_high + shift,
        spo2_low: usual.spo2_low + shift.signum(),
        systolic_high: usual.systolic_high + shift,
    }
}

fn popular_ward(word: u64) -> u32 {
    static UPTO: LazyLock<Vec<f64>> = LazyLock::new(|| {
        let sums = (1..=WARDS).scan(0.0, |sum, ward| {
            *sum += 1.0 / f64::from(ward);
            Some(*sum)
        });
        sums.collect()
    });
    let whole = UPTO.last().copied().unwrap_or(1.0);
    // The upper 32 bits: the lower ones have chosen the action.
    let share = (word >> 32) as f64 / f64::from(u32::MAX) * whole;
    let before = UPTO.partition_point(|upto| *upto < share) as u32;
    (before + 1).min(WARDS)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn actions_have_their_weights() {
        let mut seen = [0_u32; 5];
        for draw in 0..100_000 {
            seen[match action(3, draw % 100, draw / 100) {
                Action::Ward(_) => 0,
                Action::Patient(_) => 1,
                Action::PatientVitals(_) => 2,
                Action::Thresholds(..) => 3,
                Action::Asset(_) => 4,
            }] += 1;
        }
        for (count, percent) in seen.into_iter().zip([45, 20, 20, 5, 10]) {
            assert!(count.abs_diff(percent * 1000) < 600, "{seen:?}");
        }
    }

    #[test]
    fn a_few_wards_are_popular_and_none_is_forgotten() {
        let mut seen = [0_u32; WARDS as usize];
        (0..20_000).for_each(|user| seen[ward_followed(1, user) as usize - 1] += 1);
        // 1 / (1 + 1/2 + ... + 1/40) is 23 %.
        assert!((4400..4950).contains(&seen[0]), "{seen:?}");
        assert!(seen[0] > seen[1] && seen[1] > seen[4] && seen[39] > 0);
    }

    #[test]
    fn what_is_asked_for_exists() {
        for number in 0..10_000 {
            match action(8, 1, number) {
                Action::Ward(ward) => assert!((1..=WARDS).contains(&ward)),
                Action::Patient(id) | Action::PatientVitals(id) | Action::Thresholds(id, _) => {
                    assert!((1..=PATIENTS).contains(&id));
                }
                Action::Asset(name) => assert!(ASSETS.contains(&name)),
            }
        }
        assert_eq!(action(8, 1, 5), action(8, 1, 5));
        for number in 0..10_000 {
            assert!((1..=PATIENTS).contains(&probe_patient(8, number)));
        }
    }

    #[test]
    fn probes_change_many_patients_to_many_limits() {
        let patients: BTreeSet<_> = (0..2000).map(|n| probe_patient(8, n)).collect();
        let limits: BTreeSet<_> = (0..2000)
            .map(|n| probe_thresholds(8, n).heart_rate_low)
            .collect();
        // Drawing 2,000 times of 2,000 leaves out e^-1 of them.
        assert!((1200..1330).contains(&patients.len()), "{}", patients.len());
        assert_eq!(limits.len(), 7);
        assert_ne!(probe_thresholds(8, 1), probe_thresholds(8, 2));
    }
}
