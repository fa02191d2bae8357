//! What users of each class had in this run: a statement about the run, and about nothing else.

use drill::Class;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::figures::{ClassFigures, figure};

/// What one promised class had in this run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InRun {
    /// The class.
    pub class: Class,
    /// Requests due.
    pub asked: u64,
    /// Of those, without a good answer at the first attempt; none where it is not known.
    pub failed_at_first: Option<u64>,
    /// Of those, without a good answer in the end.
    pub failed: u64,
    /// Share of requests with a good answer in the end, in percent; none without requests.
    pub good_percent: Option<f64>,
    /// Time without service, in seconds.
    pub lost_s: f64,
    /// Share of the load's time with service, in percent; none without load.
    pub up_percent: Option<f64>,
    /// Longest time on end in which more than half of its requests failed, in seconds.
    pub longest_outage_s: u64,
}

/// A row for each promised class.
pub(crate) fn in_run(classes: &[ClassFigures], load_s: f64) -> Vec<InRun> {
    let promised = classes.iter().filter(|row| row.promised);
    let row = |row: &ClassFigures| {
        let toll = &row.toll;
        let lost_s = toll.bad_second_equivalents;
        InRun {
            class: row.class,
            asked: toll.requests,
            failed_at_first: toll.good_again.map(|again| toll.bad + again),
            failed: toll.bad,
            good_percent: toll.good_percent(),
            lost_s,
            up_percent: (load_s > 0.0).then(|| figure(100.0 * (1.0 - lost_s / load_s).max(0.0))),
            longest_outage_s: toll.longest_outage_s,
        }
    };
    promised.map(row).collect()
}

#[cfg(test)]
mod tests {
    use drill::Class;
    use timeline::Outcome;

    use crate::testing::Run;

    #[test]
    fn the_share_is_of_the_load_that_was_run_and_not_of_the_window() {
        let run = Run::healthy().fail(30.0..36.0, Class::Ingest, Outcome::Failed);
        let judgement = run.judge();
        let row = judgement
            .in_run
            .iter()
            .find(|row| row.class == Class::Ingest);
        let row = row.unwrap();
        assert!(row.failed > 0 && row.failed_at_first == Some(row.failed));
        let share = 100.0 * (1.0 - row.lost_s / judgement.load.seconds);
        assert!((row.up_percent.unwrap() - share).abs() < 1e-3, "{row:?}");
        assert!(row.up_percent < Some(91.0));
    }

    #[test]
    fn a_class_that_is_not_promised_has_no_row() {
        let mut run = Run::healthy();
        run.header().drill.contract.classes = vec![Class::Read];
        let classes: Vec<_> = run.judge().in_run.iter().map(|row| row.class).collect();
        assert_eq!(classes, [Class::Read]);
    }
}
