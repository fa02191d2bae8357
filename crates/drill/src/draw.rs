//! Every random choice of a drill, drawn from its seed.

use rand::{RngExt, SeedableRng, rngs::StdRng};

/// An independent seed for one part of a drill: the same `seed` and `part` always give the same number.
///
/// The mixing function is splitmix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
pub fn derive_seed(seed: u64, part: u64) -> u64 {
    let mut z = seed.wrapping_add(part.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Draws `count` of `all` without repetition, in drawn order; all of them when `count` is larger.
pub fn pick<T: Clone>(all: &[T], count: usize, seed: u64) -> Vec<T> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut rest = all.to_vec();
    let mut picked = Vec::with_capacity(count.min(rest.len()));
    while picked.len() < count && !rest.is_empty() {
        picked.push(rest.swap_remove(rng.random_range(0..rest.len())));
    }
    picked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_seed_same_choice() {
        let all = ["a", "b", "c", "d"];
        assert_eq!(pick(&all, 2, 7), pick(&all, 2, 7));
        assert_ne!(derive_seed(7, 0), derive_seed(7, 1));
    }

    #[test]
    fn never_more_than_there_are_and_never_twice() {
        let mut picked = pick(&[1, 2, 3], 9, 1);
        picked.sort_unstable();
        assert_eq!(picked, [1, 2, 3]);
        assert!(pick::<u8>(&[], 1, 1).is_empty());
    }
}
