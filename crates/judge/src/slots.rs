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
    pub(crate) fn of_class(&self, class: usize) -> impl Iterator<Item = (usize, Cell)> {
        self.0
            .iter()
            .enumerate()
            .map(move |(second, cells)| (second, cells[class]))
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
    /// Sum of the bad shares.
    pub(crate) equivalents: f64,
    pub(crate) down_seconds: u64,
    pub(crate) longest_outage_s: u64,
}

impl Sums {
    /// Adds up seconds in ascending order. `cell.bad` may count only some of the bad requests of a second,
    /// such as those of one episode, while `cell.due` counts all: so the parts of a run add up to the run.
    ///
    /// A second without a request says nothing: it neither ends an outage nor lengthens it at its end.
    pub(crate) fn of(cells: impl Iterator<Item = (usize, Cell)>) -> Self {
        let mut sums = Self::default();
        let mut outage_from = None;
        for (second, cell) in cells.filter(|(_, cell)| cell.due > 0) {
            let (due, bad) = (u64::from(cell.due), u64::from(cell.bad));
            sums.equivalents += bad as f64 / due as f64;
            sums.bad_seconds += u64::from(bad * 100 > due * BAD_SECOND_ABOVE_PERCENT);
            if bad * 2 > due {
                let from = *outage_from.get_or_insert(second);
                sums.down_seconds += 1;
                sums.longest_outage_s = sums.longest_outage_s.max((second - from + 1) as u64);
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

    fn sums(cells: &[(u32, u32)]) -> Sums {
        let cells = cells.iter().map(|(due, bad)| Cell {
            due: *due,
            bad: *bad,
        });
        Sums::of(cells.enumerate())
    }

    #[test]
    fn a_dead_second_is_one_and_a_third_is_a_third() {
        let sums = sums(&[(10, 10), (9, 3), (10, 0), (0, 0)]);
        assert!((sums.equivalents - 4.0 / 3.0).abs() < 1e-9);
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
    fn a_silent_second_does_not_end_an_outage() {
        assert_eq!(sums(&[(1, 1), (0, 0), (1, 1), (0, 0)]).longest_outage_s, 3);
        assert_eq!(sums(&[(1, 1), (1, 0), (1, 1)]).longest_outage_s, 1);
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
        fn the_integral_is_the_sum_of_its_parts(cells in prop::collection::vec(any_cell(), 0..60), cut in 0_usize..60) {
            let cut = cut.min(cells.len());
            let whole = sums(&cells);
            let (left, right) = (sums(&cells[..cut]), sums(&cells[cut..]));
            prop_assert!((whole.equivalents - left.equivalents - right.equivalents).abs() < 1e-9);
            prop_assert_eq!(whole.bad_seconds, left.bad_seconds + right.bad_seconds);
            prop_assert_eq!(whole.down_seconds, left.down_seconds + right.down_seconds);
            prop_assert!(whole.longest_outage_s >= left.longest_outage_s.max(right.longest_outage_s));
        }

        #[test]
        fn equivalents_lie_between_down_and_bad(cells in prop::collection::vec(any_cell(), 0..60)) {
            let sums = sums(&cells);
            prop_assert!(sums.equivalents >= sums.down_seconds as f64 / 2.0);
            let small = cells.len() as f64 * BAD_SECOND_ABOVE_PERCENT as f64 / 100.0;
            prop_assert!(sums.equivalents <= sums.bad_seconds as f64 + small);
        }

        #[test]
        fn order_of_arrival_does_not_matter(mut all in prop::collection::vec((0_usize..20, 0_usize..CLASSES, any::<bool>()), 0..200)) {
            let table = |all: &[(usize, usize, bool)]| {
                let mut slots = Slots::default();
                all.iter().for_each(|(second, class, bad)| slots.add(*second, *class, *bad));
                slots.0
            };
            let forward = table(&all);
            all.reverse();
            prop_assert_eq!(forward, table(&all));
        }
    }
}
