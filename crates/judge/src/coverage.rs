//! Whether the bounds hold as often as they say: schedules are drawn whose costs are known, and the next one is held against
//! the bound that the ones before it give.

use drill::derive_seed;

use crate::confidence::{bound, units_needed};

/// Costs of one kind of fault: most cost nothing, and what the others cost has a heavy tail.
#[derive(Clone, Copy)]
struct Cost {
    /// Chance that one costs anything, 0 to 1.
    chance: f64,
    /// Least that it then costs.
    least: f64,
    /// Exponent of the tail: the smaller, the heavier; from 1 down it has no mean.
    tail: f64,
}

const RARE: Cost = Cost {
    chance: 0.05,
    least: 1.0,
    tail: 1.1,
};
const HEAVY: Cost = Cost {
    chance: 0.5,
    least: 0.3,
    tail: 0.8,
};
const STEADY: Cost = Cost {
    chance: 1.0,
    least: 2.0,
    tail: 8.0,
};
const WORLDS: [(&str, &[Cost]); 4] = [
    ("rare outages", &[RARE]),
    ("heavy tails", &[HEAVY]),
    ("outages every time", &[STEADY]),
    ("several kinds", &[RARE, HEAVY, STEADY, RARE, RARE]),
];

/// For each of several kinds of clustered outages: its name, the confidence that the bound claims, and the share of `runs`
/// drawn runs in which the next schedule stayed within it, both in percent. The last row shares its error between faults and
/// quiet time, as the claim for a whole window does. The same seed gives the same figures; without runs there are none.
pub fn coverage(seed: u64, runs: u64) -> Vec<(&'static str, f64, f64)> {
    if runs == 0 {
        return vec![];
    }
    let share = |covered: u64| 100.0 * covered as f64 / runs as f64;
    let rows = WORLDS.iter().zip(0_u64..).map(|((name, kinds), world)| {
        let mut dice = Dice::new(derive_seed(seed, world));
        let covered = (0..runs).filter(|_| {
            let (at_most, next) = dice.stretch(kinds, 95.0);
            next <= at_most
        });
        (*name, 95.0, share(covered.count() as u64))
    });
    let mut rows: Vec<_> = rows.collect();
    let mut dice = Dice::new(derive_seed(seed, WORLDS.len() as u64));
    let covered = (0..runs).filter(|_| {
        let (faults, next_faults) = dice.stretch(&[RARE, HEAVY], 97.5);
        let (quiet, next_quiet) = dice.stretch(&[RARE], 97.5);
        next_faults + next_quiet <= faults + quiet
    });
    rows.push(("faults and quiet time", 95.0, share(covered.count() as u64)));
    rows
}

/// Numbers drawn one after the other.
struct Dice {
    seed: u64,
    drawn: u64,
}

impl Dice {
    fn new(seed: u64) -> Self {
        Self { seed, drawn: 0 }
    }

    /// Above 0, and at most 1.
    fn draw(&mut self) -> f64 {
        self.drawn += 1;
        let bits = derive_seed(self.seed, self.drawn) >> 11;
        (bits + 1) as f64 / (1_u64 << 53) as f64
    }

    fn cost(&mut self, cost: Cost) -> f64 {
        let costs = self.draw() <= cost.chance;
        let size = self.draw().powf(-1.0 / cost.tail);
        if costs { cost.least * size } else { 0.0 }
    }

    /// The bound that as few schedules as possible give, and what the next one costs.
    fn stretch(&mut self, kinds: &[Cost], confidence_percent: f64) -> (f64, f64) {
        let needed = units_needed(confidence_percent);
        let mut schedule = || kinds.iter().map(|kind| self.cost(*kind)).sum::<f64>();
        let seen = (0..needed).map(|_| schedule()).collect();
        let next = schedule();
        (
            bound(seen, confidence_percent).unwrap_or(f64::INFINITY),
            next,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_hold_as_often_as_they_claim() {
        for (name, claimed, covered) in coverage(7, 4000) {
            assert_eq!(claimed, 95.0);
            assert!(covered >= 94.0, "{name}: {covered} %");
        }
    }

    /// Where every schedule costs something else, the bound is not wider than it must be.
    #[test]
    fn a_bound_over_costs_that_all_differ_is_no_wider_than_claimed() {
        let rows = coverage(7, 4000);
        let row = rows.iter().find(|row| row.0 == "outages every time");
        assert!(row.unwrap().2 < 96.0, "{row:?}");
    }

    #[test]
    fn the_same_seed_covers_alike_and_no_run_covers_nothing() {
        assert_eq!(coverage(3, 50), coverage(3, 50));
        assert!(coverage(3, 0).is_empty());
    }
}
