//! The run over time, for charts: bounded in length however long the run was.

use std::{collections::BTreeMap, time::Duration};

use drill::Class;
use hdrhistogram::Histogram;
use timeline::Offset;

use crate::{
    figures::{Series, figure},
    latency::{self, at_rank, rank},
    slots::{Cell, Slots, index},
    story::Story,
    tally::Tally,
};

/// Most steps of the request counts: a chart has no more pixels than that.
const MOST_STEPS: u64 = 1800;
/// Most steps of the latency, each of which costs a histogram during the pass.
const MOST_LATENCY_STEPS: u64 = 720;
/// Shortest step of the latency: at a few hundred requests a second, 5 s hold enough for a p99.
const LATENCY_STEP_S: u64 = 5;
/// Largest latency told apart in the chart, a minute.
const MOST_US: u64 = 60_000_000;

/// Latencies of the good answers of the promised classes, step by step.
#[derive(Debug)]
pub(crate) struct AnsweredOverTime {
    zero: Offset,
    step_s: u64,
    promised: Vec<Class>,
    steps: Vec<Option<Histogram<u32>>>,
}

impl AnsweredOverTime {
    /// For the load of the run that the story tells.
    pub(crate) fn new(story: &Story) -> Self {
        let load_s = story.load_end().since(story.zero()).as_secs();
        Self {
            zero: story.zero(),
            step_s: load_s.div_ceil(MOST_LATENCY_STEPS).max(LATENCY_STEP_S),
            promised: story.header.drill.contract.classes.clone(),
            steps: vec![],
        }
    }

    /// Counts a good answer.
    pub(crate) fn add(&mut self, class: Class, due: Offset, latency: Duration) {
        if !self.promised.contains(&class) {
            return;
        }
        let step = (due.since(self.zero).as_secs() / self.step_s) as usize;
        if step >= self.steps.len() {
            self.steps.resize(step + 1, None);
        }
        let histogram = &mut self.steps[step];
        if histogram.is_none() {
            *histogram = Histogram::new_with_bounds(1, MOST_US, 2).ok();
        }
        if let Some(histogram) = histogram {
            histogram.saturating_record(latency::micros(latency));
        }
    }

    fn p99_ms(&self) -> Vec<Option<f64>> {
        let p99 = |answered: &Histogram<u32>| {
            at_rank(answered, rank(99.0, answered.len())).map(latency::ms)
        };
        self.steps
            .iter()
            .map(|step| step.as_ref().and_then(p99))
            .collect()
    }
}

/// The series of a run.
pub(crate) fn series(story: &Story, tally: &Tally) -> Series {
    let slots = &tally.slots;
    let begin = story.zero().as_duration().as_secs() as usize;
    let step_s = (slots.len().saturating_sub(begin) as u64)
        .div_ceil(MOST_STEPS)
        .max(1);
    let seen = |class: &Class| {
        tally
            .shares
            .iter()
            .any(|share| share.requests[index(*class)] > 0)
    };
    let classes = || Class::ALL.into_iter().filter(seen);
    let sums = |class: Class, value: fn(Cell) -> u32| {
        (
            class,
            steps(slots, begin, step_s as usize, index(class), value),
        )
    };
    let requests: BTreeMap<_, _> = classes()
        .map(|class| sums(class, |cell| cell.due))
        .collect();
    let bad: BTreeMap<_, _> = classes()
        .map(|class| sums(class, |cell| cell.bad))
        .collect();
    Series {
        begin_s: figure(begin as f64 - story.zero().as_secs_f64()),
        step_s,
        requests_all: over_classes(&requests),
        bad_all: over_classes(&bad),
        requests,
        bad,
        latency_step_s: tally.answered.step_s,
        answered_p99_ms: tally.answered.p99_ms(),
        users_step_s: tally.users.period().as_secs_f64(),
        users: tally.users.seen(),
    }
}

/// Step by step the sum over all classes.
fn over_classes(by_class: &BTreeMap<Class, Vec<u64>>) -> Vec<u64> {
    let steps = by_class.values().map(Vec::len).max().unwrap_or(0);
    let sum = |step: usize| {
        by_class
            .values()
            .filter_map(|values| values.get(step))
            .sum()
    };
    (0..steps).map(sum).collect()
}

fn steps(
    slots: &Slots,
    begin: usize,
    step: usize,
    class: usize,
    value: fn(Cell) -> u32,
) -> Vec<u64> {
    let sum = |from: usize| {
        (from..from + step)
            .map(|s| u64::from(value(slots.cell(s, class))))
            .sum()
    };
    (begin..slots.len()).step_by(step).map(sum).collect()
}
