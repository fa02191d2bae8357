//! Randomness for jitter and request ids: cheap, good enough, never for secrets.

use std::hash::{BuildHasher, RandomState};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// A number that differs between processes and calls.
pub fn number() -> u64 {
    // The standard library keys its hash maps from the operating system; no further dependency is needed.
    RandomState::new().hash_one(0_u8)
}

/// A generator seeded with [`number`].
pub fn generator() -> StdRng {
    StdRng::seed_from_u64(number())
}

/// A share of one within `0.0..1.0`.
pub fn share() -> f64 {
    generator().random()
}
