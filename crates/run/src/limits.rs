//! The stored thresholds, read once everything has healed: what the judge holds the acknowledged changes against.

use std::{net::SocketAddr, time::Duration};

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
        Some(request) => settled(platform.observer, request).await,
        None => Err("the stored readings could not be read".into()),
    };
    let event = match taken {
        Ok(patients) => Event::ThresholdsTaken { patients },
        Err(reason) => Event::ThresholdsFailed { reason },
    };
    recorder.record(event).await;
}

async fn settled(
    observer: SocketAddr,
    request: &LedgerRequest,
) -> Result<Vec<StoredThresholds>, String> {
    let begin = Instant::now();
    let read = async || {
        let read = probe::thresholds(observer, request).await;
        read.map_err(|error| error.to_string())
    };
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
