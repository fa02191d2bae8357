//! How long each episode kept users out, to the resolution of the requests themselves and not of whole seconds.

use drill::Class;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use timeline::Offset;

use crate::{
    figures::figure,
    slots::{CLASSES, index},
};

/// Good answers of one class that are remembered, the last that were read. Arrivals are read in the order in
/// which they ended, so a bad request may follow good ones that were due after it: those of its patience,
/// which is 2 s of 8000 requests.
const REMEMBERED: usize = 1 << 14;

/// What one episode kept one class from, from outside.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Outage {
    /// The class.
    pub class: Class,
    /// From the due time of the first bad request to the due time of the first good one after the last bad, in
    /// seconds; none when no good one came after. The resolution is one over the class's request rate.
    pub lasted_s: Option<f64>,
}

/// The outages of all episodes, request by request.
#[derive(Debug)]
pub(crate) struct Outages {
    recent: [Recent; CLASSES],
    /// One for each episode of the drill.
    spans: Vec<[Option<Span>; CLASSES]>,
}

/// From the first bad request to the first good one after the last bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    first_bad: Offset,
    last_bad: Offset,
    good_after: Option<Offset>,
}

/// Due times of the good answers read last.
#[derive(Debug, Clone, Default)]
struct Recent {
    due: Vec<Offset>,
    next: usize,
}

impl Outages {
    /// For a drill of that many episodes.
    pub(crate) fn new(episodes: usize) -> Self {
        Self {
            recent: Default::default(),
            spans: vec![[None; CLASSES]; episodes],
        }
    }

    /// Counts a bad request that falls to an episode.
    pub(crate) fn bad(&mut self, episode: usize, class: usize, due: Offset) {
        let recent = &self.recent[class];
        match &mut self.spans[episode][class] {
            Some(span) => span.stretch(due, recent),
            none => {
                *none = Some(Span {
                    first_bad: due,
                    last_bad: due,
                    good_after: recent.first_after(due),
                });
            }
        }
    }

    /// Counts a good answer: it may end the outage of any episode before it.
    pub(crate) fn good(&mut self, class: usize, due: Offset) {
        self.recent[class].remember(due);
        for span in self.spans.iter_mut().filter_map(|by| by[class].as_mut()) {
            if due > span.last_bad && span.good_after.is_none_or(|first| due < first) {
                span.good_after = Some(due);
            }
        }
    }

    /// Class by class what an episode cost; classes without a bad request are left out.
    pub(crate) fn of(&self, episode: usize) -> Vec<Outage> {
        let outage = |class: Class| {
            let span = self.spans[episode][index(class)]?;
            let until = span.good_after;
            let lasted = until.map(|until| figure(until.since(span.first_bad).as_secs_f64()));
            Some(Outage {
                class,
                lasted_s: lasted,
            })
        };
        Class::ALL.into_iter().filter_map(outage).collect()
    }
}

impl Span {
    fn stretch(&mut self, due: Offset, recent: &Recent) {
        self.first_bad = self.first_bad.min(due);
        if due <= self.last_bad {
            return;
        }
        self.last_bad = due;
        // A good one beyond the new end is still the first; where there was none at all, there is none now.
        if self.good_after.is_some_and(|first| first <= due) {
            self.good_after = recent.first_after(due);
        }
    }
}

impl Recent {
    fn remember(&mut self, due: Offset) {
        match self.due.get_mut(self.next) {
            Some(oldest) => *oldest = due,
            None => self.due.push(due),
        }
        self.next = (self.next + 1) % REMEMBERED;
    }

    fn first_after(&self, at: Offset) -> Option<Offset> {
        self.due.iter().copied().filter(|due| *due > at).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const READ: usize = 1;

    fn lasted(requests: impl IntoIterator<Item = (u64, bool)>) -> Option<Option<f64>> {
        let mut outages = Outages::new(1);
        for (due_ms, bad) in requests {
            let due = Offset(due_ms * 1_000_000);
            match bad {
                true => outages.bad(0, READ, due),
                false => outages.good(READ, due),
            }
        }
        outages.of(0).first().map(|outage| outage.lasted_s)
    }

    #[test]
    fn it_ends_with_the_first_good_request_after_the_last_bad_one() {
        let requests = [(0, false), (10, true), (20, false), (30, true), (44, false)];
        assert_eq!(lasted(requests), Some(Some(0.034)));
    }

    #[test]
    fn without_a_bad_request_there_is_none_and_without_a_good_one_no_end() {
        assert_eq!(lasted([(0, false), (1, false)]), None);
        assert_eq!(lasted([(0, false), (1, true)]), Some(None));
    }

    /// What timed out is told of after what came later and was answered at once.
    #[test]
    fn a_bad_request_may_be_told_after_later_good_ones() {
        let requests = [
            (30, false),
            (20, false),
            (40, false),
            (10, true),
            (25, true),
        ];
        assert_eq!(lasted(requests), Some(Some(0.02)));
    }

    #[test]
    fn classes_and_episodes_have_their_own() {
        let mut outages = Outages::new(2);
        outages.bad(0, READ, Offset(1_000_000_000));
        outages.good(0, Offset(1_500_000_000));
        outages.bad(1, READ, Offset(5_000_000_000));
        outages.good(READ, Offset(6_000_000_000));
        let lasted = |episode: usize| outages.of(episode)[0].lasted_s;
        assert_eq!((lasted(0), lasted(1)), (Some(5.0), Some(1.0)));
        assert_eq!(outages.of(0).len(), 1);
    }

    #[test]
    fn memory_is_bounded_and_the_newest_answers_count() {
        let healthy = (0..3 * REMEMBERED as u64).map(|ms| (ms, false));
        let last = 3 * REMEMBERED as u64;
        let end = [(last + 5, false), (last, true)];
        assert_eq!(lasted(healthy.chain(end)), Some(Some(0.005)));
        let mut recent = Recent::default();
        (0..100_000).for_each(|ns| recent.remember(Offset(ns)));
        assert_eq!(recent.due.len(), REMEMBERED);
    }

    proptest! {
        #[test]
        fn it_agrees_with_a_sorted_list_in_any_order(
            all in prop::collection::btree_map(0_u64..500, any::<bool>(), 1..60).prop_flat_map(|all| {
                Just(all.into_iter().collect::<Vec<_>>()).prop_shuffle()
            }),
        ) {
            let bad = || all.iter().filter(|(_, bad)| *bad).map(|(due, _)| *due);
            let truth = bad().min().zip(bad().max()).map(|(first, last)| {
                let good = all.iter().filter(|(due, bad)| !bad && *due > last);
                good.map(|(due, _)| (due - first) as f64 / 1000.0).min_by(f64::total_cmp)
            });
            prop_assert_eq!(lasted(all.clone()), truth);
        }
    }
}
