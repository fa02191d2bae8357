//! Requests counted by the second in which they were due, and what those counts add up to.

use drill::Class;

/// A second is bad for a class when more than this share of its requests were bad, in percent.
pub const BAD_SECOND_ABOVE_PERCENT: u64 = 1;
/// An outage counts as one from this many seconds on. A single second can be one unlucky request of a
/// class that has hardly more than one a second.
pub const OUTAGE_FROM_S: u64 = 2;

/// Number of classes.
pub(crate) const CLASSES: usize = Class::ALL.len();

/// The position of a class in the tables.
pub(crate) fn index(class: Class) -> usize {
    Class::ALL.iter().position(|c| *c == class).unwrap_or(0)
}

/// Requests of one class that were due in one second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Cell {
    pub(crate) due: u32,
    pub(crate) bad: u32,
}

impl Cell {
    /// Whether more than half of the requests were bad.
    fn is_down(self) -> bool {
        u64::from(self.bad) * 2 > u64::from(self.due)
    }
}

/// A second in which requests were due, and the silent seconds after it for which it speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) second: usize,
    /// Length, the first second included.
    pub(crate) seconds: u64,
    pub(crate) cell: Cell,
}

/// One cell for each second and class.
#[derive(Debug, Default)]
pub(crate) struct Slots(Vec<[Cell; CLASSES]>);

impl Slots {
    /// Counts a request.
    pub(crate) fn add(&mut self, second: usize, class: usize, bad: bool) {
        if second >= self.0.len() {
            self.0.resize(second + 1, Default::default());
        }
        let cell = &mut self.0[second][class];
        cell.due = cell.due.saturating_add(1);
        cell.bad = cell.bad.saturating_add(u32::from(bad));
    }

    /// The counts of a second; zero beyond the last.
    pub(crate) fn cell(&self, second: usize, class: usize) -> Cell {
        self.0
            .get(second)
            .map_or(Cell::default(), |cells| cells[class])
    }

    /// Number of seconds up to the last request.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The cells of a class, second by second.
    pub(crate) fn of_class(&self, class: usize) -> impl Iterator<Item = Cell> {
        self.0.iter().map(move |cells| cells[class])
    }

    /// The seconds of a class in which requests were due, each with the silent ones that it speaks for.
    pub(crate) fn spans(&self, class: usize) -> impl Iterator<Item = Span> {
        let asked = self.of_class(class).enumerate();
        asked
            .filter(|(_, cell)| cell.due > 0)
            .map(move |(second, cell)| self.span(second, class, cell))
    }

    /// A span that begins with the given second. Nobody is known to have been served between two seconds that
    /// were both down, so the silent ones between them are as bad as the first; any other silence says nothing.
    ///
    /// `cell.bad` may count only some of the second's bad requests, such as those of one episode.
    pub(crate) fn span(&self, second: usize, class: usize, cell: Cell) -> Span {
        let silent = match self.cell(second, class).is_down() {
            true => self.silent_until_down(second + 1, class),
            false => 0,
        };
        Span {
            second,
            seconds: 1 + silent as u64,
            cell,
        }
    }

    /// Silent seconds from `from` to the next that is down; 0 where the next is not down, or there is none.
    fn silent_until_down(&self, from: usize, class: usize) -> usize {
        let rest = self.0.get(from..).unwrap_or_default();
        let next = rest.iter().position(|cells| cells[class].due > 0);
        next.filter(|silent| rest[*silent][class].is_down())
            .unwrap_or(0)
    }

    /// Most requests a second over `width` seconds in a row; over all seconds where there are fewer.
    pub(crate) fn peak_rate(&self, width: usize) -> f64 {
        let totals: Vec<u64> = self.0.iter().map(total).collect();
        let width = width.min(totals.len()).max(1);
        let busiest = totals
            .windows(width)
            .map(|window| window.iter().sum::<u64>())
            .max();
        busiest.unwrap_or(0) as f64 / width as f64
    }
}

fn total(cells: &[Cell; CLASSES]) -> u64 {
    cells.iter().map(|cell| u64::from(cell.due)).sum()
}

/// What the seconds of one class add up to.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Sums {
    pub(crate) bad_seconds: u64,
    pub(crate) down_seconds: u64,
    pub(crate) longest_outage_s: u64,
}

impl Sums {
    /// Adds up spans in ascending order. `cell.bad` may count only some of the bad requests of a second,
    /// such as those of one episode, while `cell.due` counts all: so the parts of a run add up to the run.
    pub(crate) fn of(spans: impl Iterator<Item = Span>) -> Self {
        let mut sums = Self::default();
        let mut outage_from = None;
        for span in spans.filter(|span| span.cell.due > 0) {
            let (due, bad) = (u64::from(span.cell.due), u64::from(span.cell.bad));
            if bad * 100 > due * BAD_SECOND_ABOVE_PERCENT {
                sums.bad_seconds += span.seconds;
            }
            if span.cell.is_down() {
                let from = *outage_from.get_or_insert(span.second);
                sums.down_seconds += span.seconds;
                let lasted_s = (span.second - from) as u64 + span.seconds;
                sums.longest_outage_s = sums.longest_outage_s.max(lasted_s);
            } else {
                outage_from = None;
            }
        }
        sums
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A table of one class, from the requests due and bad in each second.
    fn table(cells: &[(u32, u32)]) -> Slots {
        let row = |(due, bad): &(u32, u32)| {
            let mut row = [Cell::default(); CLASSES];
            row[0] = Cell {
                due: *due,
                bad: *bad,
            };
            row
        };
        Slots(cells.iter().map(row).collect())
    }

    fn sums(cells: &[(u32, u32)]) -> Sums {
        Sums::of(table(cells).spans(0))
    }

    #[test]
    fn a_dead_second_is_down_and_a_third_is_bad() {
        let sums = sums(&[(10, 10), (9, 3), (10, 0), (0, 0)]);
        assert_eq!((sums.bad_seconds, sums.down_seconds), (2, 1));
    }

    #[test]
    fn one_percent_is_not_yet_a_bad_second() {
        assert_eq!(sums(&[(100, 1)]).bad_seconds, 0);
        assert_eq!(sums(&[(99, 1)]).bad_seconds, 1);
    }

    #[test]
    fn half_is_not_yet_down() {
        assert_eq!(sums(&[(2, 1)]).down_seconds, 0);
        assert_eq!(sums(&[(3, 2)]).down_seconds, 1);
    }

    #[test]
    fn a_silent_second_within_an_outage_is_part_of_it() {
        let outage = sums(&[(1, 1), (0, 0), (0, 0), (4, 3), (0, 0)]);
        assert_eq!((outage.longest_outage_s, outage.down_seconds), (4, 4));
        assert_eq!(outage.bad_seconds, 4);
        assert_eq!(sums(&[(1, 1), (1, 0), (1, 1)]).longest_outage_s, 1);
    }

    #[test]
    fn a_silent_second_beside_a_better_one_says_nothing() {
        for other in [0, 1] {
            let before = sums(&[(2, other), (0, 0), (1, 1)]);
            let after = sums(&[(1, 1), (0, 0), (2, other)]);
            assert_eq!((before.down_seconds, after.down_seconds), (1, 1));
            assert_eq!(before.bad_seconds, after.bad_seconds);
        }
    }

    #[test]
    fn the_peak_is_an_average_over_the_window() {
        let mut slots = Slots::default();
        (0..30).for_each(|_| slots.add(1, 0, false));
        slots.add(3, 1, false);
        assert_eq!(slots.peak_rate(2), 15.0);
        assert_eq!(slots.peak_rate(10), 31.0 / 4.0);
        assert_eq!(Slots::default().peak_rate(10), 0.0);
    }

    fn any_cell() -> impl Strategy<Value = (u32, u32)> {
        (0_u32..50).prop_flat_map(|due| (Just(due), 0..=due))
    }

    proptest! {
        #[test]
        fn no_part_is_worse_than_the_whole(
            cells in prop::collection::vec(any_cell(), 0..60),
            of_left in prop::collection::vec(0.0..=1.0_f64, 60),
        ) {
            let slots = table(&cells);
            // Any part of the bad requests of each second, and the rest of them.
            let part = |left: bool| {
                let of_left = of_left.clone();
                let spans = slots.spans(0).map(move |span| {
                    let taken = (f64::from(span.cell.bad) * of_left[span.second]) as u32;
                    let bad = if left { taken } else { span.cell.bad - taken };
                    Span { cell: Cell { bad, ..span.cell }, ..span }
                });
                Sums::of(spans)
            };
            let (whole, left, right) = (Sums::of(slots.spans(0)), part(true), part(false));
            prop_assert!(whole.bad_seconds >= left.bad_seconds.max(right.bad_seconds));
            prop_assert!(whole.longest_outage_s >= left.longest_outage_s.max(right.longest_outage_s));
        }

        #[test]
        fn silence_is_never_worse_than_a_request_that_failed_in_it(cells in prop::collection::vec(any_cell(), 0..60)) {
            let asked: Vec<_> = cells.iter().map(|(due, bad)| if *due == 0 { (1, 1) } else { (*due, *bad) }).collect();
            let (silent, asked) = (sums(&cells), sums(&asked));
            prop_assert!(silent.bad_seconds <= asked.bad_seconds);
            prop_assert!(silent.longest_outage_s <= asked.longest_outage_s);
        }

        #[test]
        fn what_is_down_is_bad(cells in prop::collection::vec(any_cell(), 0..60)) {
            let sums = sums(&cells);
            prop_assert!(sums.down_seconds <= sums.bad_seconds);
        }

        #[test]
        fn order_of_arrival_does_not_matter(mut all in prop::collection::vec((0_usize..20, 0_usize..CLASSES, any::<bool>()), 0..200)) {
            let table_of = |all: &[(usize, usize, bool)]| {
                let mut slots = Slots::default();
                all.iter().for_each(|(second, class, bad)| slots.add(*second, *class, *bad));
                slots.0
            };
            let forward = table_of(&all);
            all.reverse();
            prop_assert_eq!(forward, table_of(&all));
        }
    }
}
