//! Whether a service can do its work, and what is missing if not.
//!
//! A need is met by any one of its dependencies. Who has once met all of them stays in rotation until every dependency is
//! gone: all instances share the stores, so taking them out when one can't be reached, or when its connections are all in use,
//! would turn a degradation into an outage. Who reaches nothing at all is cut off, and others are not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use prometheus::IntGauge;

use crate::metrics::Metrics;

/// One dependency, switched by the task that talks to it.
#[derive(Debug, Clone)]
pub struct Dependency {
    name: &'static str,
    up: Arc<AtomicBool>,
    gauge: Option<IntGauge>,
}

impl Dependency {
    /// Reachable or not.
    pub fn set(&self, up: bool) {
        let before = self.up.swap(up, Ordering::Relaxed);
        if let Some(gauge) = &self.gauge {
            gauge.set(i64::from(up));
        }
        if before != up {
            tracing::info!(dependency = self.name, up, "dependency changed");
        }
    }

    /// Whether it was reachable when last tried.
    pub fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }
}

/// What a service needs.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    needs: Vec<(&'static str, Vec<Dependency>)>,
    all: Vec<Dependency>,
    /// Whether all needs were met once.
    began: Arc<AtomicBool>,
}

impl Readiness {
    /// A new dependency, down at first; shown as the metric `dependency_up`.
    pub fn dependency(
        &mut self,
        metrics: &Metrics,
        name: &'static str,
    ) -> Result<Dependency, prometheus::Error> {
        let gauge = metrics.dependency_up(name)?;
        let dependency = Dependency {
            name,
            up: Arc::default(),
            gauge: Some(gauge),
        };
        self.all.push(dependency.clone());
        Ok(dependency)
    }

    /// Declares that the service can do `need` when any of `of` is up.
    pub fn need(&mut self, need: &'static str, of: &[&Dependency]) {
        self.needs
            .push((need, of.iter().map(|one| (*one).clone()).collect()));
    }

    /// Whether requests should come here.
    pub fn serves(&self) -> bool {
        if self.missing().is_empty() {
            self.began.store(true, Ordering::Relaxed);
            return true;
        }
        self.began.load(Ordering::Relaxed) && self.all.iter().any(Dependency::is_up)
    }

    /// The needs that are not met, each with the dependencies that could meet it.
    pub fn missing(&self) -> Vec<String> {
        self.needs
            .iter()
            .filter(|(_, of)| !of.iter().any(Dependency::is_up))
            .map(|(need, of)| {
                let names: Vec<_> = of.iter().map(|one| one.name).collect();
                format!("{need}: no {}", names.join(", no "))
            })
            .collect()
    }

    /// The dependencies that are down, whether that matters or not.
    pub fn down(&self) -> Vec<&'static str> {
        self.all
            .iter()
            .filter(|one| !one.is_up())
            .map(|one| one.name)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_one_dependency_meets_a_need_and_what_is_missing_is_named() {
        let metrics = Metrics::new().unwrap();
        let mut readiness = Readiness::default();
        let redis = readiness.dependency(&metrics, "redis").unwrap();
        let replica = readiness.dependency(&metrics, "replica").unwrap();
        readiness.need("reads", &[&redis, &replica]);
        assert_eq!(readiness.missing(), ["reads: no redis, no replica"]);
        replica.set(true);
        assert!(readiness.missing().is_empty());
        assert_eq!(readiness.down(), ["redis"]);
        replica.set(false);
        assert_eq!(readiness.missing().len(), 1);
    }

    #[test]
    fn who_has_begun_stays_until_nothing_can_be_reached() {
        let metrics = Metrics::new().unwrap();
        let mut readiness = Readiness::default();
        let redis = readiness.dependency(&metrics, "redis").unwrap();
        let queue = readiness.dependency(&metrics, "queue").unwrap();
        readiness.need("reads", &[&redis]);
        readiness.need("writes", &[&queue]);
        redis.set(true);
        assert!(!readiness.serves(), "it has not begun yet");
        queue.set(true);
        assert!(readiness.serves());
        queue.set(false);
        assert!(readiness.serves());
        assert_eq!(readiness.missing(), ["writes: no queue"]);
        redis.set(false);
        assert!(!readiness.serves());
    }
}
