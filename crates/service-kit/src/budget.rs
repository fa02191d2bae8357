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

    /// Whether there is one to spend.
    pub fn is_left(&self) -> bool {
        self.saved.load(Ordering::Relaxed) >= REQUESTS_PER_RETRY
    }

    /// Whether one repetition may be made, which is then spent.
    pub fn spend(&self) -> bool {
        self.change(|saved| saved.checked_sub(REQUESTS_PER_RETRY))
    }

    fn change(&self, by: impl FnMut(u32) -> Option<u32>) -> bool {
        let (set, read) = (Ordering::Relaxed, Ordering::Relaxed);
        self.saved.fetch_update(set, read, by).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_saved_is_spent_once_and_then_a_tenth_of_the_requests_repeats() {
        let budget = RetryBudget::new();
        (0..1000).for_each(|_| budget.earn());
        assert!(budget.is_left());
        let spent = (0..1000).filter(|_| budget.spend()).count();
        assert_eq!(spent as u32, MOST_SAVED);
        assert!(!budget.is_left());
        let repeated = (0..1000).filter(|_| {
            budget.earn();
            budget.spend()
        });
        assert_eq!(repeated.count() as u32, 1000 / REQUESTS_PER_RETRY);
    }
}
