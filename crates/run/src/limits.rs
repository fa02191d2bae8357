//! The stored thresholds, read once everything has healed: what the judge holds the acknowledged changes against.

use std::time::Duration;

use timeline::{Event, LedgerRequest, StoredThresholds};
use tokio::time::{Instant, sleep};

use crate::{Platform, recorder::Recorder};

/// Time between two looks: a change is in its queue for milliseconds, and after a failed attempt for at most a second.
const EVERY: Duration = Duration::from_secs(2);
/// Longest wait for two looks that agree.
const AT_MOST: Duration = Duration::from_secs(30);

/// Reads the thresholds of every patient once they do not change any more: the last change is out of its queue then. What
/// could not be read is recorded, not an error. `request` says whom to ask; none where the readings could not be read either.
pub(crate) async fn take(
    platform: &Platform,
    request: Option<&LedgerRequest>,
    recorder: &Recorder,
) {
    let taken = match request {
        Some(request) => {
            let read = async || {
                let read = probe::thresholds(platform.observer, request).await;
                read.map_err(|error| error.to_string())
            };
            settled(read).await
        }
        None => Err("the stored readings could not be read".into()),
    };
    let event = match taken {
        Ok(patients) => Event::ThresholdsTaken { patients },
        Err(reason) => Event::ThresholdsFailed { reason },
    };
    recorder.record(event).await;
}

/// What two looks in a row agree on.
async fn settled(
    read: impl AsyncFn() -> Result<Vec<StoredThresholds>, String>,
) -> Result<Vec<StoredThresholds>, String> {
    let begin = Instant::now();
    let mut before = read().await?;
    loop {
        sleep(EVERY).await;
        let now = read().await?;
        if now == before {
            return Ok(now);
        }
        if begin.elapsed() >= AT_MOST {
            return Err(format!("they still changed after {AT_MOST:?}"));
        }
        before = now;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use wire::Thresholds;

    use super::*;

    /// The look of that number.
    fn look(version: i64) -> Vec<StoredThresholds> {
        vec![StoredThresholds {
            patient: 1,
            version,
            thresholds: Thresholds::default(),
        }]
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_look_that_is_confirmed_is_taken() {
        let looks = Cell::new(0);
        let read = async || {
            looks.set(looks.get() + 1);
            Ok(look(looks.get().min(3)))
        };
        assert_eq!(settled(read).await, Ok(look(3)));
        assert_eq!(looks.get(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn what_never_comes_to_rest_and_what_can_not_be_read_is_none() {
        let looks = Cell::new(0);
        let read = async || {
            looks.set(looks.get() + 1);
            Ok(look(looks.get()))
        };
        let error = settled(read).await.unwrap_err();
        assert!(error.contains("still changed after 30s"), "{error}");
        let error = settled(async || Err("refused".into())).await;
        assert_eq!(error, Err("refused".into()));
    }
}
