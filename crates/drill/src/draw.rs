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

/// Draws `count` of `all`, in drawn order; all of them when `count` is larger. Nobody is drawn twice, and
/// neither the order of `all` nor a repetition in it changes the draw.
pub fn pick<T: Clone + Ord>(all: &[T], count: usize, seed: u64) -> Vec<T> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut rest = all.to_vec();
    rest.sort_unstable();
    rest.dedup();
    let mut picked = Vec::with_capacity(count.min(rest.len()));
    while picked.len() < count && !rest.is_empty() {
        picked.push(rest.swap_remove(rng.random_range(0..rest.len())));
    }
    picked
}

/// What floating point may add to a product without meaning it: 3 * (100 / 3) % is 1, not a little more.
const ROUND_OFF: f64 = 1e-9;

/// `percent` of `count`, rounded up and never more than `count`: a share of nobody would be no fault.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a percentage within (0, 100] of members that fit in memory"
)]
pub(crate) fn share(count: usize, percent: f64) -> usize {
    let exact = count as f64 * percent / 100.0;
    let rounded_up = (exact - ROUND_OFF).ceil() as usize;
    rounded_up.max(1).min(count)
}

/// The most members of a cluster of `count` that can be lost while a majority is left: 0 below 3.
pub(crate) fn minority(count: usize) -> usize {
    count.saturating_sub(1) / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn seeds_of_parts_differ() {
        assert_ne!(derive_seed(7, 0), derive_seed(7, 1));
    }

    #[test]
    fn never_more_than_there_are_and_never_twice() {
        let mut picked = pick(&[1, 2, 3], 9, 1);
        picked.sort_unstable();
        assert_eq!(picked, [1, 2, 3]);
        assert!(pick::<u8>(&[], 1, 1).is_empty());
    }

    #[test]
    fn a_share_is_rounded_up_but_not_for_round_off() {
        assert_eq!(share(3, 100.0 / 3.0), 1);
        assert_eq!(share(3, 33.4), 2);
        assert_eq!(share(1000, 0.01), 1);
        assert_eq!(share(0, 50.0), 0);
    }

    #[test]
    fn a_minority_leaves_a_majority() {
        let minorities: Vec<_> = (0..8).map(minority).collect();
        assert_eq!(minorities, [0, 0, 0, 1, 1, 2, 2, 3]);
    }

    proptest! {
        #[test]
        fn a_draw_is_distinct_repeatable_and_blind_to_order(
            names in prop::collection::hash_set("[a-z]{1,6}", 0..12),
            count in 0usize..14,
            seed: u64,
        ) {
            let names: Vec<String> = names.into_iter().collect();
            let drawn = pick(&names, count, seed);
            prop_assert_eq!(drawn.len(), count.min(names.len()));
            prop_assert!(drawn.iter().all(|name| names.contains(name)));
            let mut distinct = drawn.clone();
            distinct.sort();
            distinct.dedup();
            prop_assert_eq!(distinct.len(), drawn.len());
            let mut other = names.clone();
            other.reverse();
            other.extend(names);
            prop_assert_eq!(pick(&other, count, seed), drawn);
        }

        #[test]
        fn a_share_is_the_ceiling_of_the_exact_product(count in 0usize..10_000, percent in 1u32..=100) {
            let exact = (count * percent as usize).div_ceil(100);
            prop_assert_eq!(share(count, f64::from(percent)), exact);
        }
    }
}
