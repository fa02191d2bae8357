//! What a monitor measures, and the name of each measurement: pure functions of seed, user and slot.

use drill::derive_seed;
use uuid::Uuid;
use wire::{PATIENTS, Reading};

/// Part of the seed that names readings.
const NAMES: u64 = 0x1d;
/// Part of the seed that measures.
const VITALS: u64 = 0x51;
/// Readings in a thousand that cross a limit.
const ALERTS_PER_MILLE: u64 = 3;

/// The id of the reading that monitor `user` posts in slot `number`, a UUID of version 8 (RFC 9562).
///
/// Its 122 free bits are, from the left: the upper 60 bits of `derive_seed(seed, 0x1d)`, the user in 32
/// bits, the slot in 30 bits. So no two slots below 2^30 share an id, and a reader of the recording can
/// name what each arrival posted: the slot is `(due - begin) / monitor_every`, rounded down.
pub fn reading_id(seed: u64, user: u32, number: u32) -> Uuid {
    let run = u128::from(derive_seed(seed, NAMES) >> 4);
    let slot = u128::from(number & 0x3fff_ffff);
    let upper = ((run >> 12) << 80) | (0x8 << 76) | ((run & 0xfff) << 64);
    Uuid::from_u128(upper | (0b10 << 62) | (u128::from(user) << 30) | slot)
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
