//! Remembers which alerts were delivered: each comes by the fan-out and again by the sweep.

use std::collections::{HashSet, VecDeque};

/// The newest ids, up to a fixed number.
#[derive(Debug)]
pub(crate) struct DedupRing {
    order: VecDeque<i64>,
    known: HashSet<i64>,
    capacity: usize,
}

impl DedupRing {
    /// Remembers the last `capacity` ids.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            order: VecDeque::with_capacity(capacity),
            known: HashSet::with_capacity(capacity),
            capacity,
        }
    }

    /// Whether `id` is new; it is known from then on.
    pub(crate) fn insert(&mut self, id: i64) -> bool {
        if !self.known.insert(id) {
            return false;
        }
        if self.order.len() == self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.order.push_back(id);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_new_once() {
        let mut ring = DedupRing::new(3);
        assert!(ring.insert(1));
        assert!(!ring.insert(1));
        assert!(ring.insert(2));
    }

    #[test]
    fn the_oldest_is_forgotten_and_memory_stays_bounded() {
        let mut ring = DedupRing::new(3);
        for id in 1..=100 {
            assert!(ring.insert(id));
        }
        assert_eq!(ring.known.len(), 3);
        assert!(!ring.insert(98));
        assert!(ring.insert(97), "long forgotten");
    }
}
