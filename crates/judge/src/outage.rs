//! How long each episode kept users out, to the resolution of the requests themselves and not of whole seconds.

use drill::Class;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use timeline::Offset;

use crate::{
    figures::figure,
    slots::{CLASSES, index},
};

/// What one episode kept one class from, from outside.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Outage {
    /// The class.
    pub class: Class,
    /// From the due time of the first bad request to the due time of the first good one after the last bad, in
    /// seconds; none when no good one came after. The resolution is one over the class's request rate.
    pub lasted_s: Option<f64>,
}

/// The outages of all episodes, request by request in the order in which they were due.
#[derive(Debug)]
pub(crate) struct Outages {
    /// One for each episode of the drill.
    spans: Vec<[Option<Span>; CLASSES]>,
    /// Episodes whose outage has no end yet, by class.
    open: [Vec<usize>; CLASSES],
}

/// From the first bad request to the first good one after the last bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    first_bad: Offset,
    last_bad: Offset,
    good_after: Option<Offset>,
}

impl Outages {
    /// For a drill of that many episodes.
    pub(crate) fn new(episodes: usize) -> Self {
        Self {
            spans: vec![[None; CLASSES]; episodes],
            open: Default::default(),
        }
    }

    /// Counts a bad request that falls to an episode.
    pub(crate) fn bad(&mut self, episode: usize, class: usize, due: Offset) {
        let begins = Span {
            first_bad: due,
            last_bad: due,
            good_after: None,
        };
        let span = self.spans[episode][class].get_or_insert(begins);
        (span.last_bad, span.good_after) = (due, None);
        if !self.open[class].contains(&episode) {
            self.open[class].push(episode);
        }
    }

    /// Counts a good answer: it ends the outage of any episode before it, until the next bad request.
    pub(crate) fn good(&mut self, class: usize, due: Offset) {
        let spans = &mut self.spans;
        self.open[class].retain(|episode| match &mut spans[*episode][class] {
            // Good and bad at one moment: the outage is not over.
            Some(span) if span.last_bad < due => {
                span.good_after = Some(due);
                false
            }
            _ => true,
        });
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

    #[test]
    fn a_good_request_at_the_moment_of_a_bad_one_does_not_end_it() {
        let requests = [
            (10, true),
            (10, false),
            (20, false),
            (30, true),
            (40, false),
        ];
        assert_eq!(lasted(requests), Some(Some(0.03)));
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

    proptest! {
        #[test]
        fn it_agrees_with_the_first_and_the_last_bad_one(
            all in prop::collection::btree_map(0_u64..500, any::<bool>(), 1..60),
        ) {
            let bad = || all.iter().filter(|(_, bad)| **bad).map(|(due, _)| *due);
            let truth = bad().min().zip(bad().max()).map(|(first, last)| {
                let good = all.iter().filter(|(due, bad)| !**bad && **due > last);
                good.map(|(due, _)| (due - first) as f64 / 1000.0).min_by(f64::total_cmp)
            });
            prop_assert_eq!(lasted(all.clone()), truth);
        }
    }
}
