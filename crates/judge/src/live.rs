//! The outage budget while it burns: the figure of [`crate::Budget`], from the arrivals that have come so far.

use drill::Contract;
use timeline::{Arrival, NEVER, Offset, Outcome};

use crate::{
    figures::figure,
    slots::{Slots, Sums, index},
};

/// Arrivals due so much later than now are nobody's, and could claim any amount of memory.
const BEYOND_NS: u64 = 60_000_000_000;

/// What the promised classes have lost so far.
#[derive(Debug)]
pub struct LiveBudget {
    allowed_s: f64,
    classes: Vec<usize>,
    slots: Slots,
}

impl LiveBudget {
    /// Nothing has burned yet.
    pub fn new(contract: &Contract) -> Self {
        Self {
            allowed_s: contract.budget().as_secs_f64(),
            classes: contract.classes.iter().copied().map(index).collect(),
            slots: Slots::default(),
        }
    }

    /// Counts an arrival that was read at `now`.
    pub fn see(&mut self, arrival: &Arrival, now: Offset) {
        if arrival.is_abuse() || arrival.due.0 > now.0.saturating_add(BEYOND_NS) {
            return;
        }
        let bad = arrival.outcome != Outcome::Ok || arrival.done == NEVER;
        let second = (arrival.due.0 / 1_000_000_000) as usize;
        self.slots.add(second, index(arrival.class), bad);
    }

    /// Bad-second-equivalents of the worst promised class, in percent of what the contract allows.
    pub fn burned_percent(&self) -> f64 {
        let equivalents = |class: &usize| Sums::of(self.slots.spans(*class)).equivalents;
        let worst = self.classes.iter().map(equivalents).fold(0.0, f64::max);
        figure(100.0 * worst / self.allowed_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Run, at, drill};

    fn burned(run: &Run) -> f64 {
        let mut live = LiveBudget::new(&drill().contract);
        run.arrivals.iter().for_each(|a| live.see(a, at(60.0)));
        live.burned_percent()
    }

    #[test]
    fn it_is_what_the_verdict_will_say() {
        let run = Run::healthy().each(|arrival| {
            if (at(12.0)..at(15.5)).contains(&arrival.due) && arrival.user % 3 != 0 {
                arrival.outcome = Outcome::TimedOut;
            }
        });
        let live = burned(&run);
        assert!(live > 0.0);
        assert_eq!(live, run.judge().budget.burned_percent);
    }

    #[test]
    fn a_healthy_run_burns_nothing_and_an_arrival_from_nowhere_neither() {
        let mut run = Run::healthy();
        assert_eq!(burned(&run), 0.0);
        let mut stray = run.arrivals[0];
        stray.due = Offset(u64::MAX - 1);
        stray.outcome = Outcome::Failed;
        run.arrivals.push(stray);
        assert_eq!(burned(&run), 0.0);
    }
}
