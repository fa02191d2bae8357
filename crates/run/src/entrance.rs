//! What the load balancers count at the entrance, over the last while.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use drill::Component;
use timeline::Sighting;
use tokio::time::Instant;

/// The counter of a load balancer: requests of clients.
const COUNTER: &str = "requests";
/// What is older is forgotten.
const KEPT: Duration = Duration::from_secs(60);
/// A rate is not read off less time than this.
const SHORTEST: Duration = Duration::from_millis(900);

/// Requests at the entrance, by load balancer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Entrance(BTreeMap<String, Counted>);

/// What one load balancer has counted.
#[derive(Debug, Clone, Default)]
struct Counted {
    last: f64,
    total: f64,
    samples: VecDeque<(Instant, f64)>,
}

impl Entrance {
    /// Takes a sighting, if it is such a count; says whether it was.
    pub(crate) fn take(&mut self, sighting: &Sighting, now: Instant) -> bool {
        let Sighting::Counter {
            member,
            component: Component::Haproxy,
            counter,
            value,
        } = sighting
        else {
            return false;
        };
        if counter != COUNTER || !value.is_finite() {
            return false;
        }
        let counted = self.0.entry(member.clone()).or_insert_with(|| Counted {
            last: *value,
            ..Counted::default()
        });
        counted.take(*value, now);
        true
    }

    /// Requests a second from `from` on, of all load balancers that were seen often enough; none where none was.
    pub(crate) fn rate_since(&self, from: Instant) -> Option<f64> {
        let rates = self
            .0
            .values()
            .filter_map(|counted| counted.rate_since(from));
        rates.reduce(|sum, rate| sum + rate)
    }
}

impl Counted {
    /// What falls is a process that began again at 0.
    fn take(&mut self, value: f64, now: Instant) {
        let before = std::mem::replace(&mut self.last, value);
        self.total += if value < before {
            value
        } else {
            value - before
        };
        self.samples.push_back((now, self.total));
        while self.samples.front().is_some_and(|(at, _)| *at + KEPT < now) {
            self.samples.pop_front();
        }
    }

    /// Between the first sample at or after `from` and the last; none where they are too close.
    fn rate_since(&self, from: Instant) -> Option<f64> {
        let (begin, first) = self.samples.iter().find(|(at, _)| *at >= from)?;
        let (end, last) = self.samples.back()?;
        let took = end.duration_since(*begin);
        (took >= SHORTEST).then(|| (last - first) / took.as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(member: &str, counter: &str, value: f64) -> Sighting {
        Sighting::Counter {
            member: member.into(),
            component: Component::Haproxy,
            counter: counter.into(),
            value,
        }
    }

    #[test]
    fn rates_are_those_of_all_load_balancers_together() {
        let begin = Instant::now();
        let mut entrance = Entrance::default();
        for second in 0..10_u32 {
            let now = begin + Duration::from_secs(second.into());
            let (one, other) = (f64::from(second) * 100.0, 7.0 + f64::from(second));
            assert!(entrance.take(&count("haproxy-1", "requests", one), now));
            let later = now + Duration::from_millis(300);
            assert!(entrance.take(&count("haproxy-2", "requests", other), later));
            assert!(!entrance.take(&count("haproxy-1", "requests_to_api-1", 9.0), now));
        }
        assert_eq!(
            entrance.rate_since(begin + Duration::from_secs(4)),
            Some(101.0)
        );
        assert_eq!(entrance.rate_since(begin + Duration::from_secs(9)), None);
    }

    #[test]
    fn a_restart_is_no_loss() {
        let begin = Instant::now();
        let mut entrance = Entrance::default();
        for (second, value) in [(0, 500.0), (1, 600.0), (2, 50.0)] {
            entrance.take(
                &count("haproxy-1", "requests", value),
                begin + Duration::from_secs(second),
            );
        }
        assert_eq!(entrance.rate_since(begin), Some(75.0));
    }
}
