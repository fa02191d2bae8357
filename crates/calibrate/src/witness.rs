//! How late the machine itself was: a task that only wakes and looks at the clock.

use std::time::Duration;

use clock::Clock;
use timeline::Offset;
use tokio_util::task::AbortOnDropHandle;

/// Between two looks: short enough that no pause of the size of a stated error falls between them.
const EVERY: Duration = Duration::from_millis(2);

/// Watches the runtime that the generator and the target share, until it is asked.
#[derive(Debug)]
pub(crate) struct Witness {
    watching: AbortOnDropHandle<()>,
    worst: tokio::sync::watch::Receiver<Duration>,
}

impl Witness {
    /// Begins to watch.
    pub(crate) fn start(clock: Clock) -> Self {
        let (tell, worst) = tokio::sync::watch::channel(Duration::ZERO);
        let watching = tokio::spawn(async move {
            loop {
                let due = Offset::from(clock.now().as_duration() + EVERY);
                clock.until(due).await;
                let late = clock.now().since(due);
                tell.send_if_modified(|worst| {
                    let worse = late > *worst;
                    *worst = late.max(*worst);
                    worse
                });
            }
        });
        Self {
            watching: AbortOnDropHandle::new(watching),
            worst,
        }
    }

    /// Ends, with the longest delay seen.
    pub(crate) fn worst(self) -> Duration {
        self.watching.abort();
        *self.worst.borrow()
    }
}
