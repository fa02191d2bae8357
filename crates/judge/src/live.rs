//! The outage budget while it burns, from the arrivals that have come so far: what [`crate::Budget`] tells where each fault
//! happens once in a window.

use std::time::Duration;

use drill::Contract;
use timeline::{Arrival, NEVER, Offset};

use crate::{figures::figure, order::InOrder, slots::index, tally::is_bad, timing::Timing};

/// Arrivals due or ended so much later than now are nobody's.
const BEYOND_NS: u64 = 60_000_000_000;

/// What the promised classes have lost so far. The live class is told from its requests: how long followers stayed is known
/// when they have left, and the verdict then counts by that.
#[derive(Debug)]
pub struct LiveBudget {
    allowed_s: f64,
    classes: Vec<usize>,
    order: InOrder<(usize, bool)>,
    timing: Timing,
}

impl LiveBudget {
    /// Nothing has burned yet. Users give a request up after `request_timeout`.
    pub fn new(contract: &Contract, request_timeout: Duration) -> Self {
        Self {
            allowed_s: contract.budget().as_secs_f64(),
            classes: contract.classes.iter().copied().map(index).collect(),
            order: InOrder::new(request_timeout),
            timing: Timing::default(),
        }
    }

    /// Counts an arrival that was read at `now`.
    pub fn see(&mut self, arrival: &Arrival, now: Offset) {
        let latest = now.0.saturating_add(BEYOND_NS);
        let class = index(arrival.class);
        if arrival.is_abuse() || arrival.due.0 > latest || !self.classes.contains(&class) {
            return;
        }
        let done = if arrival.done.0 > latest {
            NEVER
        } else {
            arrival.done
        };
        self.order.push(arrival.due, done, (class, is_bad(arrival)));
        while let Some((due, (class, bad))) = self.order.pop() {
            self.timing.see(class, due, 0, bad);
        }
    }

    /// Bad-second-equivalents of the worst promised class, in percent of what the contract allows.
    pub fn burned_percent(&self) -> f64 {
        let mut timing = self.timing.clone();
        // Those whose turn has not come are few, and the latest.
        for (due, (class, bad)) in self.order.clone().rest() {
            timing.see(class, due, 0, bad);
        }
        let lost = |class: &usize| figure(timing.lost_s(*class, 0));
        let worst = self.classes.iter().map(lost).fold(0.0, f64::max);
        figure(100.0 * worst / self.allowed_s)
    }
}

#[cfg(test)]
mod tests {
    use timeline::Outcome;

    use super::*;
    use crate::testing::{Run, at, drill};

    fn burned(run: &Run) -> f64 {
        let mut live = LiveBudget::new(&drill().contract, Duration::from_secs(2));
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
