//! Packets that are held, in the order of their release.

use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};

/// Times are since the fault began.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    heap: BinaryHeap<Reverse<(Duration, u64, u32)>>,
    taken: u64,
}

impl Waiting {
    /// Holds a packet until its time.
    pub(super) fn hold(&mut self, until: Duration, id: u32) {
        self.heap.push(Reverse((until, self.taken, id)));
        self.taken += 1;
    }

    /// When the next packet is due.
    pub(super) fn next(&self) -> Option<Duration> {
        self.heap.peek().map(|Reverse((until, ..))| *until)
    }

    /// Takes a packet that is due at `now`, with the time at which it was due.
    pub(super) fn due(&mut self, now: Duration) -> Option<(Duration, u32)> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((until, _, id))| (until, id))
    }

    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn released_by_time_and_then_by_arrival(times in proptest::collection::vec(0_u64..20, 0..50)) {
            let mut waiting = Waiting::default();
            for (id, time) in (0..).zip(&times) {
                waiting.hold(Duration::from_millis(*time), id);
            }
            let mut expected: Vec<_> = (0_u32..).zip(&times).map(|(id, time)| (*time, id)).collect();
            expected.sort_unstable();
            let released = std::iter::from_fn(|| waiting.due(Duration::from_millis(20)));
            let released: Vec<_> = released.map(|(until, id)| (until.as_millis(), id)).collect();
            let expected: Vec<_> = expected.into_iter().map(|(time, id)| (u128::from(time), id)).collect();
            prop_assert_eq!(released, expected);
        }
    }

    #[test]
    fn nothing_is_early() {
        let mut waiting = Waiting::default();
        waiting.hold(Duration::from_millis(5), 1);
        assert_eq!(waiting.due(Duration::from_millis(4)), None);
        assert_eq!(
            waiting.due(Duration::from_millis(5)),
            Some((Duration::from_millis(5), 1))
        );
        assert_eq!((waiting.next(), waiting.len()), (None, 0));
    }
}
