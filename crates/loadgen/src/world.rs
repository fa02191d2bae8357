//! What the users of one load share.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use drill::Class;
use timeline::{Arrival, LoadPlan, NEVER, Offset, Outcome};
use tokio::sync::OwnedSemaphorePermit;

use crate::recording::Recorder;
use crate::schedule::Schedule;

/// An arrival that could not be sent within this time of its due time counts as not sent: what a user of
/// that moment would have seen can no longer be measured.
const LATEST: Duration = Duration::from_secs(1);

/// What became of an arrival, and the HTTP status or 0.
pub(crate) type Ending = (Outcome, u16);

/// What the users of one load share.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) zero_unix_ns: u64,
    pub(crate) request_timeout: Duration,
    pub(crate) schedule: Schedule,
    pub(crate) clock: Clock,
    pub(crate) recorder: Recorder,
    /// The platform's address: one, that moves.
    pub(crate) vip: Arc<[SocketAddr]>,
    /// The CDN's addresses.
    pub(crate) cdn: Arc<[SocketAddr]>,
    /// One load at a time: freed when the last user is gone.
    pub(crate) _permit: Option<OwnedSemaphorePermit>,
}

impl World {
    pub(crate) fn new(plan: &LoadPlan, recorder: Recorder) -> Self {
        Self {
            seed: plan.seed,
            zero_unix_ns: plan.zero_unix_ns,
            request_timeout: plan.traffic.request_timeout(),
            schedule: Schedule::new(plan),
            clock: Clock::anchored(plan.zero_unix_ns),
            recorder,
            vip: Arc::default(),
            cdn: Arc::default(),
            _permit: None,
        }
    }

    /// How long a user waits for what is due at `due`: it counts from then, not from the sending.
    pub(crate) fn patience(&self, due: Offset) -> Patience {
        Patience {
            clock: self.clock,
            over: Offset::from(due.as_duration() + self.request_timeout),
        }
    }

    /// Waits until `due`, does `work` and records how it ended.
    pub(crate) async fn arrive(
        &self,
        user: u32,
        class: Class,
        due: Offset,
        work: impl Future<Output = Ending>,
    ) {
        self.clock.until(due).await;
        let sent = self.clock.now();
        let ending = if sent.since(due) > LATEST {
            (Outcome::NotSent, 0)
        } else {
            work.await
        };
        let happened = ending.0 != Outcome::NotSent;
        self.recorder.record(Arrival {
            user,
            class,
            outcome: ending.0,
            status: ending.1,
            due,
            sent: if happened { sent } else { NEVER },
            done: if happened { self.clock.now() } else { NEVER },
        });
    }
}

/// Until when a user waits.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    clock: Clock,
    over: Offset,
}

impl Patience {
    /// Time left, zero when it is over.
    pub(crate) fn left(&self) -> Duration {
        self.over.since(self.clock.now())
    }

    /// The outcome of `work`, unless patience ends first.
    pub(crate) async fn during<F: Future>(&self, work: F) -> Option<F::Output> {
        tokio::time::timeout(self.left(), work).await.ok()
    }
}
