//! From the looks to the listener: each sighting carries the moment of its look, however long it waits for its turn.

use clock::Clock;
use timeline::{Sighted, Sighting};
use tokio::sync::mpsc;

/// Nobody listens any more.
#[derive(Debug)]
pub(crate) struct Unheard;

/// Where every look reports. Copies report to the same listener.
#[derive(Debug, Clone)]
pub(crate) struct Reporter {
    clock: Clock,
    sightings: mpsc::Sender<Sighted>,
}

impl Reporter {
    /// Reports on a clock whose zero is that wall time, in nanoseconds since the Unix epoch.
    pub(crate) fn new(zero_unix_ns: u64, sightings: mpsc::Sender<Sighted>) -> Self {
        Self {
            clock: Clock::anchored(zero_unix_ns),
            sightings,
        }
    }

    /// Reports what was seen just now; waits while the listener is slow.
    ///
    /// # Errors
    /// When nobody listens any more.
    pub(crate) async fn send(&self, sighting: Sighting) -> Result<(), Unheard> {
        let at = self.clock.now();
        let sighted = Sighted { at, sighting };
        self.sightings.send(sighted).await.map_err(|_| Unheard)
    }

    /// Whether nobody listens any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.sightings.is_closed()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use timeline::Processors;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_sighting_that_waits_keeps_the_moment_at_which_it_was_seen() {
        let (sender, mut sightings) = mpsc::channel(1);
        let reporter = Reporter::new(clock::unix_ns(), sender);
        let send = || reporter.send(Sighting::Processors(Processors::default()));
        send().await.unwrap();
        let listening = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            sightings.recv().await.unwrap();
            sightings.recv().await.unwrap()
        };
        let (sent, second) = tokio::join!(send(), listening);
        sent.unwrap();
        let late = second.at.as_duration();
        assert!(late < Duration::from_secs(1), "{late:?}");
        drop(sightings);
        assert!(send().await.is_err() && reporter.is_closed());
    }
}
