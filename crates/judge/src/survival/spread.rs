//! One figure over several trials.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::figures::figure;

/// A figure over the trials that count. Not every trial has every figure: a role that nobody took over has no
/// successor's time.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Spread {
    /// Half of the trials that have it are at most this; none where none has it.
    pub median: Option<f64>,
    /// The highest.
    pub worst: Option<f64>,
    /// Trials that have it.
    pub seen: u64,
}

impl Spread {
    /// Over one value for each trial.
    pub(super) fn of(values: impl Iterator<Item = Option<f64>>) -> Self {
        let mut values: Vec<f64> = values.flatten().collect();
        values.sort_by(f64::total_cmp);
        let count = values.len();
        let median = match (count, count % 2) {
            (0, _) => None,
            (_, 1) => Some(values[count / 2]),
            _ => Some(figure(values[count / 2 - 1].midpoint(values[count / 2]))),
        };
        Self {
            median,
            worst: values.last().copied(),
            seen: count as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_median_is_the_one_in_the_middle_or_between_two() {
        let of = |values: &[f64]| Spread::of(values.iter().copied().map(Some)).median;
        assert_eq!(of(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(of(&[3.0, 1.0]), Some(2.0));
    }

    #[test]
    fn what_no_trial_has_is_not_zero() {
        let nothing = Spread::of([None, None].into_iter());
        assert_eq!(
            (nothing.median, nothing.worst, nothing.seen),
            (None, None, 0)
        );
    }

    proptest! {
        #[test]
        fn a_median_lies_within_what_was_seen(values in prop::collection::vec(prop::option::of(0.0..1e6_f64), 0..20)) {
            let spread = Spread::of(values.iter().copied());
            let seen: Vec<f64> = values.into_iter().flatten().collect();
            prop_assert_eq!(spread.seen as usize, seen.len());
            let (Some(median), Some(worst)) = (spread.median, spread.worst) else {
                return Ok(());
            };
            prop_assert!(median <= worst + 1e-6 && seen.iter().any(|value| *value <= median + 1e-6));
            prop_assert!(seen.iter().all(|value| *value <= worst));
        }
    }
}
