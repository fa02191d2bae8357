//! What a monitor measures, and the name of each measurement: pure functions of seed, user and slot.

use uuid::Uuid;
use wire::{PATIENTS, Reading, Thresholds};

use crate::derive_seed;

/// Part of the seed that names readings.
const NAMES: u64 = 0x1d;
/// Part of the seed that measures.
const VITALS: u64 = 0x51;
/// Bits of a slot's number that an id has room for.
const SLOTS: u32 = 0x3fff_ffff;
/// Readings in a thousand that cross a limit.
const ALERTS_PER_MILLE: u64 = 3;

/// The id of the reading that monitor `user` posts in slot `number`, a UUID of version 8 (RFC 9562).
///
/// Its 122 free bits are, from the left: the upper 60 bits of `derive_seed(seed, 0x1d)`, the user in 32
/// bits, the slot in 30 bits. So no two slots below 2^30 share an id, and a reader of the recording can
/// name what each arrival posted: the slot is `(due - begin) / monitor_every`, rounded down.
pub fn reading_id(seed: u64, user: u32, number: u32) -> Uuid {
    let run = u128::from(derive_seed(seed, NAMES) >> 4);
    let slot = u128::from(number & SLOTS);
    let upper = ((run >> 12) << 80) | (0x8 << 76) | ((run & 0xfff) << 64);
    Uuid::from_u128(upper | (0b10 << 62) | (u128::from(user) << 30) | slot)
}

/// The user and the slot of a reading's id; none when the id is not of a run with this seed.
pub fn slot_of(seed: u64, id: Uuid) -> Option<(u32, u32)> {
    let bits = id.as_u128();
    let (user, number) = ((bits >> 30) as u32, bits as u32 & SLOTS);
    (reading_id(seed, user, number) == id).then_some((user, number))
}

/// What monitor `user` posts in slot `number`, taken at `taken_at_ms` since the Unix epoch.
///
/// Values stay near a level of the user's own; 0.3 % of the readings cross one limit, by so much that no
/// thresholds that a clinician sets hide it. The patient is `1 + user % PATIENTS`.
pub fn reading(seed: u64, user: u32, number: u32, taken_at_ms: i64) -> Reading {
    let own = derive_seed(derive_seed(seed, VITALS), u64::from(user));
    let draw = derive_seed(own, u64::from(number));
    // Independent digits of one draw: each call takes the next eight bits.
    let within = |word: u64, byte: u32, low: i32, count: u64| {
        low + i32::try_from((word >> (8 * byte) & 0xff) % count).unwrap_or(0)
    };
    let mut reading = Reading {
        reading_id: reading_id(seed, user, number),
        patient_id: 1 + user % PATIENTS,
        taken_at_ms,
        heart_rate: within(own, 0, 62, 30) + within(draw, 0, -4, 9),
        spo2: within(own, 1, 96, 2) + within(draw, 1, -1, 3),
        systolic: within(own, 2, 108, 30) + within(draw, 2, -5, 11),
    };
    if (draw >> 32) % 1000 < ALERTS_PER_MILLE {
        match within(draw, 3, 0, 4) {
            0 => reading.heart_rate = within(draw, 0, 30, 8),
            1 => reading.heart_rate = within(draw, 0, 142, 20),
            2 => reading.spo2 = within(draw, 1, 80, 6),
            _ => reading.systolic = within(draw, 2, 190, 20),
        }
    }
    reading
}

/// Whether a reading crosses one of the limits, and so raises an alert.
pub fn alarms(reading: &Reading, limits: &Thresholds) -> bool {
    reading.heart_rate < limits.heart_rate_low
        || reading.heart_rate > limits.heart_rate_high
        || reading.spo2 < limits.spo2_low
        || reading.systolic > limits.systolic_high
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_formula_is_fixed() {
        let id = reading_id(7, 3, 2);
        assert_eq!(id.get_version_num(), 8);
        assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
        assert_eq!(id.as_u128() & 0x3fff_ffff, 2);
        assert_eq!((id.as_u128() >> 30) & 0xffff_ffff, 3);
        let run = derive_seed(7, 0x1d);
        assert_eq!((id.as_u128() >> 80) as u64, run >> 16);
        assert_eq!((id.as_u128() >> 64) as u64 & 0xfff, run >> 4 & 0xfff);
    }

    #[test]
    fn three_readings_in_a_thousand_alarm() {
        let limits = Thresholds::default();
        let all = (0..200).flat_map(|user| (0..1000).map(move |n| reading(1, user, n, 0)));
        let alarming = all.filter(|reading| alarms(reading, &limits)).count();
        assert!((500..700).contains(&alarming), "{alarming} of 200,000");
    }

    proptest! {
        #[test]
        fn no_two_slots_share_an_id(
            one in (any::<u32>(), 0_u32..1 << 30), other in (any::<u32>(), 0_u32..1 << 30), seed: u64,
        ) {
            let (a, b) = (reading_id(seed, one.0, one.1), reading_id(seed, other.0, other.1));
            prop_assert_eq!(a == b, one == other);
            prop_assert_ne!(a, reading_id(seed.wrapping_add(1), one.0, one.1));
        }

        #[test]
        fn an_id_tells_its_slot_to_its_own_run_alone(user: u32, number in 0_u32..1 << 30, seed: u64) {
            let id = reading_id(seed, user, number);
            prop_assert_eq!(slot_of(seed, id), Some((user, number)));
            prop_assert_eq!(slot_of(seed.wrapping_add(1), id), None);
        }

        #[test]
        fn vitals_are_those_of_the_living(seed: u64, user: u32, number: u32) {
            let reading = reading(seed, user, number, 0);
            prop_assert!((1..=PATIENTS).contains(&reading.patient_id));
            prop_assert!((30..=161).contains(&reading.heart_rate));
            prop_assert!((80..=100).contains(&reading.spo2));
            prop_assert!((103..=209).contains(&reading.systolic));
        }

        #[test]
        fn thresholds_that_clinicians_set_change_no_alarm(user in 0_u32..300, number: u32, by in -3_i32..=3) {
            let usual = Thresholds::default();
            let shifted = Thresholds {
                heart_rate_low: usual.heart_rate_low + by,
                heart_rate_high: usual.heart_rate_high + by,
                spo2_low: usual.spo2_low + by.signum(),
                systolic_high: usual.systolic_high + by,
            };
            let reading = reading(9, user, number, 0);
            prop_assert_eq!(alarms(&reading, &usual), alarms(&reading, &shifted));
        }
    }
}
