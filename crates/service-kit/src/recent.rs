//! Remembers the newest of what passed, to tell a repetition: whatever is delivered at least once comes again.

use std::collections::{HashSet, VecDeque};
use std::hash::Hash;

/// The newest values, up to a fixed number.
#[derive(Debug)]
pub struct Recent<T> {
    order: VecDeque<T>,
    known: HashSet<T>,
    capacity: usize,
}

impl<T: Copy + Eq + Hash> Recent<T> {
    /// Remembers the last `capacity` values; memory is taken as they come.
    pub fn new(capacity: usize) -> Self {
        Self {
            order: VecDeque::new(),
            known: HashSet::new(),
            capacity,
        }
    }

    /// Whether `value` is new; it is known from then on.
    pub fn insert(&mut self, value: T) -> bool {
        if !self.known.insert(value) {
            return false;
        }
        if self.order.len() == self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.order.push_back(value);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_new_once() {
        let mut recent = Recent::new(3);
        assert!(recent.insert(1));
        assert!(!recent.insert(1));
        assert!(recent.insert(2));
    }

    #[test]
    fn the_oldest_is_forgotten_and_memory_stays_bounded() {
        let mut recent = Recent::new(3);
        for value in 1..=100 {
            assert!(recent.insert(value));
        }
        assert_eq!(recent.known.len(), 3);
        assert!(!recent.insert(98));
        assert!(recent.insert(97), "long forgotten");
    }
}
