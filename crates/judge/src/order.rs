//! Arrivals in the order in which they were due. A recording holds them in the order in which they ended, so what timed out
//! comes after what was asked later and answered at once.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, binary_heap::PeekMut},
    time::Duration,
};

use timeline::{NEVER, Offset};

/// Longest wait for an alert: no request of a user has more patience, unless its drill says so.
const ALERT_PATIENCE: Duration = Duration::from_secs(10);
/// A request may be sent up to a second late, and records of one moment may change places.
const SLACK: Duration = Duration::from_millis(1500);

/// Puts what comes in the order of its end into the order of its due time. Memory is bounded by the rate times the patience.
#[derive(Debug, Clone)]
pub(crate) struct InOrder<T> {
    patience: Duration,
    /// Latest end of all that came: whatever comes later ended no earlier, and was due at most its patience before.
    watermark: Offset,
    /// Due time of the last one that was handed out.
    handed_out: Offset,
    waiting: BinaryHeap<Reverse<Waiting<T>>>,
    came: u64,
}

/// One that waits for its turn; equal moments keep the order in which they came.
#[derive(Debug, Clone, Copy)]
struct Waiting<T> {
    due: Offset,
    number: u64,
    item: T,
}

impl<T: Copy> InOrder<T> {
    /// For requests that are given up after `request_timeout`.
    pub(crate) fn new(request_timeout: Duration) -> Self {
        Self {
            patience: request_timeout.max(ALERT_PATIENCE) + SLACK,
            watermark: Offset(0),
            handed_out: Offset(0),
            waiting: BinaryHeap::new(),
            came: 0,
        }
    }

    /// Takes one that was due at `due` and ended at `done`, or [`NEVER`], and says whether it came in time: one that comes
    /// after its place was handed out takes the next place.
    pub(crate) fn push(&mut self, due: Offset, done: Offset, item: T) -> bool {
        if done != NEVER {
            self.watermark = self.watermark.max(done);
        }
        self.waiting.push(Reverse(Waiting {
            due: due.max(self.handed_out),
            number: self.came,
            item,
        }));
        self.came += 1;
        due >= self.handed_out
    }

    /// The next one before which nothing can come any more, with its due time.
    pub(crate) fn pop(&mut self) -> Option<(Offset, T)> {
        let safe = self.watermark.as_duration().saturating_sub(self.patience);
        let next = self.waiting.peek_mut()?;
        if next.0.due.as_duration() >= safe {
            return None;
        }
        let Reverse(next) = PeekMut::pop(next);
        self.handed_out = next.due;
        Some((next.due, next.item))
    }

    /// All that still wait, in order.
    pub(crate) fn rest(self) -> impl Iterator<Item = (Offset, T)> {
        let rest = self.waiting.into_sorted_vec().into_iter().rev();
        rest.map(|Reverse(waiting)| (waiting.due, waiting.item))
    }
}

impl<T> Waiting<T> {
    fn key(&self) -> (Offset, u64) {
        (self.due, self.number)
    }
}

impl<T> PartialEq for Waiting<T> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl<T> Eq for Waiting<T> {}

impl<T> PartialOrd for Waiting<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Waiting<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TIMEOUT: Duration = Duration::from_secs(2);

    /// What is handed out of arrivals, given as due and done, with the most that waited and the count of late comers.
    fn sorted(arrivals: impl IntoIterator<Item = (u64, u64)>) -> (Vec<u64>, usize, u64) {
        let mut order = InOrder::new(TIMEOUT);
        let (mut out, mut most, mut disordered) = (vec![], 0, 0);
        for (due, done) in arrivals {
            disordered += u64::from(!order.push(Offset(due), Offset(done), due));
            while let Some((_, item)) = order.pop() {
                out.push(item);
            }
            most = most.max(order.waiting.len());
        }
        out.extend(order.rest().map(|(_, item)| item));
        (out, most, disordered)
    }

    #[test]
    fn what_waits_is_bounded_by_rate_and_patience() {
        let hour = (0..360_000).map(|n: u64| (n * 10_000_000, n * 10_000_000 + 5_000_000));
        let (out, most, _) = sorted(hour);
        assert_eq!(out.len(), 360_000);
        assert!(most <= 1200, "{most} waited at 100 a second");
    }

    #[test]
    fn who_comes_after_its_place_was_handed_out_is_counted_and_kept() {
        let second = |s: u64| (s * 1_000_000_000, s * 1_000_000_000);
        let (out, _, disordered) = sorted([second(1), second(2), second(30), second(0)]);
        assert_eq!(disordered, 1);
        assert_eq!(out, [1, 2, 0, 30].map(|s| s * 1_000_000_000));
    }

    #[test]
    fn what_was_never_sent_tells_nothing_of_the_time() {
        let (out, _, disordered) = sorted([(5, NEVER.0), (3, NEVER.0), (4, 9)]);
        assert_eq!((out, disordered), (vec![3, 4, 5], 0));
    }

    proptest! {
        #[test]
        fn arrivals_of_bounded_patience_come_out_sorted(
            mut all in prop::collection::vec((0_u64..300_000, 0_u64..3400), 0..400),
        ) {
            all.sort_by_key(|(due, took)| due + took);
            let ended = all.iter().map(|(due, took)| (due * 1_000_000, (due + took) * 1_000_000));
            let (out, _, disordered) = sorted(ended);
            let mut due: Vec<_> = all.iter().map(|(due, _)| due * 1_000_000).collect();
            due.sort_unstable();
            prop_assert_eq!(out, due);
            prop_assert_eq!(disordered, 0);
        }
    }
}
