//! What a clinician does next: a pure function of seed, user and slot.

use std::sync::LazyLock;

use drill::{Class, derive_seed};
use wire::{PATIENTS, Thresholds, WARDS};

use crate::content::asset_name;

/// Part of the seed that chooses actions.
const ACTIONS: u64 = 0xac;
/// Part of the seed that chooses what probes ask for.
const PROBED: u64 = 0x9b;
/// Of a hundred actions so many set thresholds.
pub(crate) const ADMIN_PERCENT: u64 = 5;
/// Of a hundred actions so many load an asset.
pub(crate) const STATIC_PERCENT: u64 = 10;
/// Part of the seed that chooses the ward that a clinician follows.
const FOLLOWS: u64 = 0xf0;

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
        _ => Action::Asset(asset_name((draw >> 32) as usize)),
    }
}

/// What a probe of `class` asks for at tick number `tick`: new thresholds of a patient, a patient, or the next asset. None for
/// a class that can't be probed.
pub fn probe_action(seed: u64, class: Class, tick: u32) -> Option<Action> {
    let draw = derive_seed(derive_seed(seed, PROBED), u64::from(tick));
    let patient = 1 + within(draw >> 32, PATIENTS);
    match class {
        Class::Admin => Some(Action::Thresholds(patient, thresholds(draw >> 8))),
        Class::Read => Some(Action::Patient(patient)),
        Class::Static => Some(Action::Asset(asset_name(tick as usize))),
        _ => None,
    }
}

/// The ward whose live stream clinician `user` follows. The weight of ward `w` is `1 / w` (Zipf), so that
/// a few wards are popular.
pub fn ward_followed(seed: u64, user: u32) -> u32 {
    popular_ward(of(seed, FOLLOWS, user))
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
        let told = [ADMIN_PERCENT, STATIC_PERCENT].map(|percent| percent * 1000);
        let counted = [seen[3], seen[4]].map(u64::from);
        assert!(
            (0..2).all(|i| told[i].abs_diff(counted[i]) < 600),
            "{seen:?}"
        );
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
                Action::Asset(name) => assert!((0..3).any(|n| asset_name(n) == name)),
            }
        }
        assert_eq!(action(8, 1, 5), action(8, 1, 5));
    }
}
