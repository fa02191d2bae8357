//! What users suffered in some stretch of time.

use drill::Class;

use crate::{
    figures::{ClassToll, Toll, figure},
    slots::{CLASSES, Cell, Slots, Span, Sums, index},
    tally::{Share, Tally},
};

/// What one share of the run cost the given classes. The bad requests are the share's own, the requests
/// that they are held against are all of their second: so the shares of a run add up to the run.
pub(crate) fn of_share(share: &Share, slots: &Slots, classes: &[Class]) -> Toll {
    let by_class = classes.iter().map(|class| {
        let number = index(*class);
        let spans = share.bad_slots.iter().map(|(second, bad)| {
            let due = slots.cell(*second, number).due;
            let bad = bad[number];
            slots.span(*second, number, Cell { due, bad })
        });
        class_toll(
            *class,
            share.requests[number],
            share.bad[number],
            share.good_again[number],
            Sums::of(with_gaps(spans, slots, number)),
            Lost {
                seconds: share.lost_s[number],
                resolution_s: share.resolution_s[number],
            },
        )
    });
    summed(by_class.collect())
}

/// Time without a good answer.
struct Lost {
    seconds: f64,
    resolution_s: Option<f64>,
}

/// What the whole run cost one class.
pub(crate) fn of_class(class: Class, tally: &Tally) -> ClassToll {
    of_shares(class, &tally.shares, &tally.slots)
}

/// The sum of the shares, but for what is counted by seconds of the clock: two shares may have part in one second.
fn of_shares(class: Class, shares: &[Share], slots: &Slots) -> ClassToll {
    let number = index(class);
    let sum = |value: fn(&Share) -> &[u64; CLASSES]| -> u64 {
        shares.iter().map(|share| value(share)[number]).sum()
    };
    // An outage may go unseen in each of the episodes; only a run without any has nothing but its quiet time.
    let (quiet, episodes) = shares.split_at(shares.len().min(1));
    let told = if episodes.is_empty() { quiet } else { episodes };
    class_toll(
        class,
        sum(|share| &share.requests),
        sum(|share| &share.bad),
        sum(|share| &share.good_again),
        Sums::of(slots.spans(number)),
        Lost {
            seconds: shares.iter().map(|share| share.lost_s[number]).sum(),
            resolution_s: told
                .iter()
                .filter_map(|share| share.resolution_s[number])
                .reduce(|a, b| a + b),
        },
    )
}

/// Seconds without a bad request are not in the share's list, but they end an outage: between two listed
/// spans that are not neighbours, a second that had requests is put in, if there is one.
fn with_gaps(
    spans: impl Iterator<Item = Span>,
    slots: &Slots,
    class: usize,
) -> impl Iterator<Item = Span> {
    let mut expected = None;
    spans.flat_map(move |span| {
        let from = expected.replace(span.second + span.seconds as usize);
        let due = |s: usize| slots.cell(s, class).due;
        let better = (from.unwrap_or(span.second)..span.second).find(|s| due(*s) > 0);
        let better = better.map(|second| Span {
            second,
            seconds: 1,
            cell: Cell {
                due: due(second),
                bad: 0,
            },
        });
        better.into_iter().chain([span])
    })
}

fn class_toll(
    class: Class,
    requests: u64,
    bad: u64,
    good_again: u64,
    sums: Sums,
    lost: Lost,
) -> ClassToll {
    ClassToll {
        class,
        requests,
        bad,
        good_again: Some(good_again),
        bad_seconds: sums.bad_seconds,
        bad_second_equivalents: figure(lost.seconds),
        down_seconds: sums.down_seconds,
        longest_outage_s: sums.longest_outage_s,
        resolution_s: lost.resolution_s.map(figure),
    }
}

fn summed(by_class: Vec<ClassToll>) -> Toll {
    let worst = worst(&by_class).filter(|toll| toll.has_lost());
    Toll {
        requests: by_class.iter().map(|toll| toll.requests).sum(),
        bad: by_class.iter().map(|toll| toll.bad).sum(),
        bad_seconds: by_class
            .iter()
            .map(|toll| toll.bad_seconds)
            .max()
            .unwrap_or(0),
        bad_second_equivalents: worst.map_or(0.0, |toll| toll.bad_second_equivalents),
        worst_class: worst.map(|toll| toll.class),
        down: by_class
            .iter()
            .filter(|t| t.down_seconds > 0)
            .map(|t| t.class)
            .collect(),
        longest_outage_s: by_class
            .iter()
            .map(|toll| toll.longest_outage_s)
            .max()
            .unwrap_or(0),
        by_class,
    }
}

impl ClassToll {
    /// Share of requests with a good answer, in percent; none without requests.
    pub(crate) fn good_percent(&self) -> Option<f64> {
        self.percent(self.requests - self.bad)
    }

    /// Share of those with a good answer at the first attempt, in percent; none where it is not known.
    pub(crate) fn good_at_first_percent(&self) -> Option<f64> {
        self.percent((self.requests - self.bad).saturating_sub(self.good_again?))
    }

    /// Whether it lost anything: steady probes and streams show time without a good answer in which no request of a user failed.
    pub(crate) fn has_lost(&self) -> bool {
        self.bad > 0 || self.bad_second_equivalents > 0.0
    }

    fn percent(&self, good: u64) -> Option<f64> {
        (self.requests > 0).then(|| figure(100.0 * good as f64 / self.requests as f64))
    }
}

/// The class with the most bad-second-equivalents; the first of equals.
pub(crate) fn worst(tolls: &[ClassToll]) -> Option<&ClassToll> {
    tolls.iter().rev().max_by(|a, b| {
        a.bad_second_equivalents
            .total_cmp(&b.bad_second_equivalents)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A second with requests but without a bad one lies between two dead ones; a silent one between two others.
    #[test]
    fn a_good_second_that_the_share_does_not_list_ends_an_outage() {
        let mut slots = Slots::default();
        let mut share = Share::default();
        for (second, bad) in [(0, true), (1, true), (2, false), (3, true), (5, true)] {
            slots.add(second, 0, bad);
            share.requests[0] += 1;
            if bad {
                share.bad[0] += 1;
                share.bad_slots.entry(second).or_default()[0] = 1;
            }
        }
        let toll = of_share(&share, &slots, &[Class::ALL[0]]);
        assert_eq!(toll.by_class[0], of_shares(Class::ALL[0], &[share], &slots));
        assert_eq!(toll.longest_outage_s, 3);
    }

    #[test]
    fn nothing_bad_has_no_worst_class() {
        let toll = of_share(&Share::default(), &Slots::default(), &Class::ALL);
        assert_eq!((toll.worst_class, toll.bad), (None, 0));
    }
}
