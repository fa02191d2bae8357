//! Whether a stream is still alive that has nothing to say.
//!
//! When an address moves to another server, whoever only listens is told nothing: the old server is gone or unreachable, and the
//! new one has nothing to send on a connection that it does not know. A client that must hear of an alert within seconds
//! has to ask by itself (RFC 6455, 5.5.2). A ward's vital signs come every two seconds, so it asks only who has become silent: with
//! hundreds of streams, a ping that every hop passes on and back costs as much as all that the streams are for.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

/// Silence after which, and how often from then on, the stream is pinged. With the virtual address's move and the wait before
/// a stream is opened again, an alert then comes within 5 s through the loss of whoever held the address.
const EVERY: Duration = Duration::from_millis(2500);
/// Silence after which a stream is given up: nobody answered a ping until the next one.
const SILENCE: Duration = Duration::from_secs(5);

/// The pulse of one stream.
#[derive(Debug)]
pub(crate) struct Pulse {
    heard: Instant,
    asked: Instant,
}

impl Pulse {
    /// Of a stream that was heard just now.
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self {
            heard: now,
            asked: now,
        }
    }

    /// Something came, whatever it was.
    pub(crate) fn heard(&mut self) {
        self.heard = Instant::now();
    }

    /// Waits until a ping is due; says whether the stream is worth it. Safe to give up and to ask again.
    pub(crate) async fn beat(&mut self) -> bool {
        sleep_until(self.heard.max(self.asked) + EVERY).await;
        self.asked = Instant::now();
        self.asked.duration_since(self.heard) < SILENCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{advance, sleep, timeout};

    #[tokio::test(start_paused = true)]
    async fn a_silent_stream_that_answers_is_asked_again_and_again() {
        let (mut pulse, begin) = (Pulse::new(), Instant::now());
        for _ in 0..5 {
            assert!(pulse.beat().await);
            sleep(Duration::from_millis(30)).await;
            pulse.heard();
        }
        assert_eq!(begin.elapsed(), 5 * (EVERY + Duration::from_millis(30)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_with_something_to_say_is_not_asked() {
        let mut pulse = Pulse::new();
        for _ in 0..5 {
            let asked = timeout(Duration::from_secs(1), pulse.beat()).await;
            assert!(asked.is_err());
            pulse.heard();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn silence_of_five_seconds_is_the_end() {
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
        assert!(!pulse.beat().await);
    }
}
