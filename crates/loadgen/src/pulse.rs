//! Whether a stream is still alive that has nothing to say.
//!
//! When an address moves to another server, whoever only listens is told nothing: the old server is gone or unreachable, and the
//! new one has nothing to send on a connection that it does not know. A client that must hear of an alert within seconds
//! has to ask by itself (RFC 6455, 5.5.2).

use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// Time between two pings. With the virtual address's move and the wait before a stream is opened again, an alert then comes
/// within 5 s through the loss of whoever held the address.
const EVERY: Duration = Duration::from_secs(2);
/// Silence after which a stream is given up: a ping whose answer is 2 s late, as patience is everywhere.
const SILENCE: Duration = Duration::from_secs(4);

/// The pulse of one stream.
#[derive(Debug)]
pub(crate) struct Pulse {
    beats: Interval,
    heard: Instant,
}

impl Pulse {
    /// Of a stream that was heard just now.
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        let mut beats = interval_at(now + EVERY, EVERY);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { beats, heard: now }
    }

    /// Something came, whatever it was.
    pub(crate) fn heard(&mut self) {
        self.heard = Instant::now();
    }

    /// Waits until a ping is due; says whether the stream is worth it. Safe to give up and to ask again.
    pub(crate) async fn beat(&mut self) -> bool {
        let now = self.beats.tick().await;
        now.duration_since(self.heard) < SILENCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{advance, sleep};

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_answers_is_asked_every_two_seconds() {
        let (mut pulse, begin) = (Pulse::new(), Instant::now());
        for _ in 0..5 {
            assert!(pulse.beat().await);
            sleep(Duration::from_millis(30)).await;
            pulse.heard();
        }
        assert_eq!(begin.elapsed(), 5 * EVERY + Duration::from_millis(30));
    }

    #[tokio::test(start_paused = true)]
    async fn silence_of_four_seconds_is_the_end() {
        let (mut pulse, begin) = (Pulse::new(), Instant::now());
        assert!(pulse.beat().await);
        assert!(!pulse.beat().await);
        assert_eq!(begin.elapsed(), SILENCE);
    }

    /// A machine that stood still for a while must not cut everybody off at once: what came meanwhile is heard first.
    #[tokio::test(start_paused = true)]
    async fn what_was_heard_late_counts_from_when_it_was_heard() {
        let mut pulse = Pulse::new();
        advance(Duration::from_secs(9)).await;
        pulse.heard();
        assert!(pulse.beat().await);
        assert!(pulse.beat().await);
        assert!(!pulse.beat().await);
    }
}
