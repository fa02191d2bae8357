//! A budget for repeating requests and for asking twice: both heal single failures, but when everything is slow
//! they multiply the load and keep everything slow.

use std::sync::atomic::{AtomicU32, Ordering};

/// Requests that earn one repetition, as Finagle's and linkerd's default of 20 % but stricter: the load
/// balancers on both sides of the gateway repeat, too.
const REQUESTS_PER_RETRY: u32 = 10;
/// Repetitions that may be saved up: a moved address breaks this many requests under way at once.
const MOST_SAVED: u32 = 50;

/// Shared by all requests of one kind in a process.
#[derive(Debug)]
pub struct RetryBudget {
    /// In parts of a repetition, [`REQUESTS_PER_RETRY`] of which make one.
    saved: AtomicU32,
}

impl Default for RetryBudget {
    fn default() -> Self {
        Self::new()
    }
}

impl RetryBudget {
    /// A full one.
    pub fn new() -> Self {
        Self {
            saved: AtomicU32::new(MOST_SAVED * REQUESTS_PER_RETRY),
        }
    }

    /// A first try earns its part.
    pub fn earn(&self) {
        self.change(|saved| (saved < MOST_SAVED * REQUESTS_PER_RETRY).then_some(saved + 1));
    }

    /// Whether one repetition may be made, which is then spent.
    pub fn spend(&self) -> bool {
        self.change(|saved| saved.checked_sub(REQUESTS_PER_RETRY))
    }

    /// One repetition for later, for who has to know before the first try whether there will be a second. Others do not get it
    /// meanwhile.
    pub fn reserve(&self) -> Option<Reserved<'_>> {
        self.spend().then(|| Reserved(Some(self)))
    }

    fn change(&self, by: impl FnMut(u32) -> Option<u32>) -> bool {
        let (set, read) = (Ordering::Relaxed, Ordering::Relaxed);
        self.saved.fetch_update(set, read, by).is_ok()
    }
}

/// A repetition that may be made. Dropped without [`Reserved::spend`] it is saved again.
#[derive(Debug)]
pub struct Reserved<'a>(Option<&'a RetryBudget>);

impl Reserved<'_> {
    /// It is made.
    pub fn spend(mut self) {
        self.0 = None;
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        if let Some(budget) = self.0 {
            const MOST: u32 = MOST_SAVED * REQUESTS_PER_RETRY;
            budget.change(|saved| Some(MOST.min(saved + REQUESTS_PER_RETRY)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_spent_once_and_then_a_tenth_of_the_requests_repeats() {
        let budget = RetryBudget::new();
        (0..1000).for_each(|_| budget.earn());
        let spent = (0..1000).filter(|_| budget.spend()).count();
        assert_eq!(spent as u32, MOST_SAVED);
        let repeated = (0..1000).filter(|_| {
            budget.earn();
            budget.spend()
        });
        assert_eq!(repeated.count() as u32, 1000 / REQUESTS_PER_RETRY);
    }

    #[test]
    fn a_reserved_repetition_is_nobody_elses_until_it_is_given_back() {
        let budget = RetryBudget::new();
        let mut reserved: Vec<_> = (0..MOST_SAVED).map_while(|_| budget.reserve()).collect();
        assert_eq!(reserved.len() as u32, MOST_SAVED);
        assert!(budget.reserve().is_none() && !budget.spend());
        reserved.pop().unwrap().spend();
        assert!(budget.reserve().is_none());
        drop(reserved.pop());
        assert!(budget.spend() && !budget.spend());
        budget.earn();
        reserved.clear();
        let saved = budget.saved.load(Ordering::Relaxed);
        assert_eq!(saved, (MOST_SAVED - 2) * REQUESTS_PER_RETRY + 1);
    }
}
