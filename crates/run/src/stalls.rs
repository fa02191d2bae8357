//! The controller watches itself: while it stands still, it applies, times and records nothing.

use std::time::Duration;

use clock::Clock;
use timeline::{Event, Offset};
use tokio_util::task::AbortOnDropHandle;

use crate::recorder::Recorder;

/// Time between two ticks.
const EVERY: Duration = Duration::from_millis(10);
/// A tick that comes later than that is a stall: half of the scenario's tightest latency limit.
const WORTH_TELLING: Duration = Duration::from_millis(50);

/// Records each stall of the controller's runtime until the returned handle is dropped.
pub(crate) fn watch(recorder: &Recorder) -> AbortOnDropHandle<()> {
    let recorder = recorder.clone();
    AbortOnDropHandle::new(tokio::spawn(async move {
        let clock: Clock = recorder.clock();
        let mut last = clock.now();
        loop {
            tokio::time::sleep(EVERY).await;
            let now = clock.now();
            if let Some(lasted) = stall(last, now) {
                recorder.record_at(now, Event::Stalled { lasted }).await;
            }
            // Counted anew: waiting for the recorder is no stall.
            last = clock.now();
        }
    }))
}

/// How long the controller stood still between two ticks, where that is worth telling.
fn stall(last: Offset, now: Offset) -> Option<Duration> {
    let passed = now.since(last);
    (passed > EVERY + WORTH_TELLING).then_some(passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_late_tick_is_a_stall() {
        let at = |ms| Offset::from(Duration::from_millis(ms));
        assert_eq!(stall(at(100), at(110)), None);
        assert_eq!(stall(at(100), at(160)), None);
        assert_eq!(stall(at(100), at(180)), Some(Duration::from_millis(80)));
        assert_eq!(stall(at(100), at(90)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stall_of_the_runtime_is_recorded_with_its_length() {
        let path = std::env::temp_dir().join(format!("gameday-stalls-{}", std::process::id()));
        let (recorder, writer) = Recorder::start(Clock::start().0, &path).unwrap();
        let watching = watch(&recorder);
        // Lets the watch begin, and then takes 80 ms from it at once.
        tokio::task::yield_now().await;
        tokio::time::advance(Duration::from_millis(80)).await;
        tokio::task::yield_now().await;
        drop(watching);
        recorder.close();
        writer.await.unwrap().unwrap();
        let lines = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        assert_eq!(lines.matches("\"stalled\"").count(), 1, "{lines}");
        assert!(lines.contains("\"nanos\":80000000"), "{lines}");
    }
}
