//! What the components counted themselves.

use std::collections::BTreeMap;

use drill::Component;

use crate::figures::{self, ComponentFigures, CounterFigures, Kind};

/// Ending of the names of levels, such as `queued_now`: their highest value is kept, not their increase.
const LEVEL_SUFFIX: &str = "_now";

/// Samples of every counter, folded as they come: component, counter, member.
#[derive(Debug, Default)]
pub(crate) struct Counters(BTreeMap<Component, BTreeMap<String, BTreeMap<String, Fold>>>);

/// One counter of one member.
#[derive(Debug, Clone, Copy)]
struct Fold {
    last: f64,
    increase: f64,
    highest: f64,
}

impl Fold {
    /// The first sample is where the increase counts from.
    fn new(value: f64) -> Self {
        Self {
            last: value,
            increase: 0.0,
            highest: value,
        }
    }

    /// A value below the last one is a process that began again at 0.
    fn add(&mut self, value: f64) {
        self.increase += if value < self.last {
            value
        } else {
            value - self.last
        };
        self.last = value;
        self.highest = self.highest.max(value);
    }
}

impl Counters {
    /// Increase of a counter over the run, all members of the component together; none where nobody told of it.
    pub(crate) fn total(&self, component: Component, counter: &str) -> Option<f64> {
        let members = self.0.get(&component)?.get(counter)?;
        Some(members.values().map(|fold| fold.increase).sum())
    }

    /// Takes one sample. What is not a finite number is no sample.
    pub(crate) fn sample(&mut self, component: Component, member: &str, counter: &str, value: f64) {
        if !value.is_finite() {
            return;
        }
        let members = self.0.entry(component).or_default();
        let members = members.entry(counter.to_owned()).or_default();
        members
            .entry(member.to_owned())
            .and_modify(|fold| fold.add(value))
            .or_insert_with(|| Fold::new(value));
    }
}

/// Every component with its counters, in the order of [`Component::ALL`].
pub(crate) fn figures(counters: &Counters) -> Vec<ComponentFigures> {
    let by_component = counters
        .0
        .iter()
        .map(|(component, counters)| ComponentFigures {
            component: *component,
            counters: counters
                .iter()
                .map(|(name, members)| figure(name, members))
                .collect(),
        });
    by_component.collect()
}

fn figure(name: &str, members: &BTreeMap<String, Fold>) -> CounterFigures {
    let kind = match name.ends_with(LEVEL_SUFFIX) {
        true => Kind::Highest,
        false => Kind::Total,
    };
    let value_of = |fold: &Fold| match kind {
        Kind::Total => fold.increase,
        Kind::Highest => fold.highest,
    };
    let by_member: BTreeMap<_, _> = members
        .iter()
        .map(|(member, fold)| (member.clone(), figures::figure(value_of(fold))))
        .collect();
    let values = by_member.values().copied();
    let value = match kind {
        Kind::Total => values.sum(),
        Kind::Highest => values.fold(f64::NEG_INFINITY, f64::max),
    };
    CounterFigures {
        counter: name.to_owned(),
        kind,
        value: figures::figure(value),
        by_member,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(name: &str, values: &[f64]) -> CounterFigures {
        let mut counters = Counters::default();
        for value in values {
            counters.sample(Component::Api, "api-1", name, *value);
        }
        figures(&counters).remove(0).counters.remove(0)
    }

    #[test]
    fn the_first_sample_is_the_baseline() {
        assert_eq!(one("requests", &[100.0]).value, 0.0);
        assert_eq!(one("requests", &[100.0, 130.0]).value, 30.0);
    }

    #[test]
    fn a_fall_is_a_restart_from_zero() {
        assert_eq!(one("requests", &[100.0, 130.0, 7.0, 9.0]).value, 39.0);
    }

    #[test]
    fn levels_keep_their_highest_value() {
        let level = one("queued_now", &[3.0, 9.0, 1.0]);
        assert_eq!((level.kind, level.value), (Kind::Highest, 9.0));
    }

    #[test]
    fn nonsense_is_no_sample() {
        assert_eq!(one("requests", &[1.0, f64::NAN, 3.0]).value, 2.0);
    }

    #[test]
    fn members_are_summed_and_kept_apart() {
        let mut counters = Counters::default();
        for (member, value) in [
            ("api-1", 1.0),
            ("api-2", 5.0),
            ("api-1", 4.0),
            ("api-2", 7.0),
        ] {
            counters.sample(Component::Api, member, "requests", value);
        }
        let figure = figures(&counters).remove(0).counters.remove(0);
        assert_eq!((figure.value, figure.by_member["api-2"]), (5.0, 2.0));
    }

    proptest! {
        #[test]
        fn restarts_never_lose_or_invent(lives in prop::collection::vec(prop::collection::vec(0_u32..100, 1..6), 1..6)) {
            // Each life of the process counts from 0; what it reached last is what it counted.
            let mut samples = vec![0.0];
            let mut truth = 0.0;
            for life in &lives {
                let mut value = 0.0;
                // A restart is visible only where the new count is below the old one.
                samples.push(0.0);
                for step in life {
                    value += f64::from(*step);
                    samples.push(value);
                }
                truth += value;
            }
            prop_assert_eq!(one("requests", &samples).value, truth);
        }
    }
}
