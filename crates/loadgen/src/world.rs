//! What the users of one load share.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use drill::Class;
use timeline::{Arrival, LoadPlan, NEVER, Offset, Outcome};
use tokio::sync::OwnedSemaphorePermit;

use crate::alerts::AlertBook;
use crate::recording::Recorder;
use crate::schedule::Schedule;
use crate::versions::Versions;
use crate::visible::Visible;

/// An arrival that could not be sent within this time of its due time counts as not sent: what a user of
/// that moment would have seen can no longer be measured.
const LATEST: Duration = Duration::from_secs(1);

/// What became of an arrival.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ending {
    pub(crate) outcome: Outcome,
    /// HTTP status, or 0 where there was none.
    pub(crate) status: u16,
    /// Whether it was tried a second time, and this is how that ended.
    pub(crate) again: bool,
}

impl Ending {
    /// Of the first and only attempt.
    pub(crate) fn first(outcome: Outcome, status: u16) -> Self {
        Self {
            outcome,
            status,
            again: false,
        }
    }
}

/// What the users of one load share.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) seed: u64,
    pub(crate) zero_unix_ns: u64,
    pub(crate) request_timeout: Duration,
    pub(crate) schedule: Schedule,
    pub(crate) clock: Clock,
    pub(crate) recorder: Recorder,
    pub(crate) versions: Arc<Versions>,
    pub(crate) visible: Arc<Visible>,
    pub(crate) alerts: Arc<AlertBook>,
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
            versions: Arc::new(Versions::new(plan.stale_after)),
            visible: Arc::new(Visible::new(plan.visible_within, plan.stale_after)),
            alerts: Arc::new(AlertBook::new()),
            vip: Arc::default(),
            cdn: Arc::default(),
            _permit: None,
        }
    }

    /// The same platform and the same load, for users who come beside the curve's.
    pub(crate) fn beside(&self, schedule: Schedule, recorder: Recorder) -> Self {
        Self {
            schedule,
            recorder,
            versions: self.versions.clone(),
            visible: self.visible.clone(),
            alerts: self.alerts.clone(),
            vip: self.vip.clone(),
            cdn: self.cdn.clone(),
            _permit: None,
            ..*self
        }
    }

    /// How long a user waits for what is due at `due`: it counts from then, not from the sending.
    pub(crate) fn patience(&self, due: Offset) -> Patience {
        let over = Offset::from(due.as_duration() + self.request_timeout);
        Patience::until(self.clock, over)
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
            Ending::first(Outcome::NotSent, 0)
        } else {
            self.recorder.sending(class);
            work.await
        };
        let happened = ending.outcome != Outcome::NotSent;
        self.recorder.record(Arrival {
            user,
            class,
            outcome: ending.outcome,
            again: ending.again,
            status: ending.status,
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
    pub(crate) fn until(clock: Clock, over: Offset) -> Self {
        Self { clock, over }
    }

    /// Time left, zero when it is over.
    pub(crate) fn left(&self) -> Duration {
        self.over.since(self.clock.now())
    }

    /// The outcome of `work`, unless patience ends first.
    pub(crate) async fn during<F: Future>(&self, work: F) -> Option<F::Output> {
        tokio::time::timeout(self.left(), work).await.ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Record;
    use crate::tally::Tally;
    use tokio::sync::mpsc;

    fn world() -> (World, mpsc::Receiver<Record>) {
        let traffic = serde_json::json!({
            "baseline_users": 1, "peak_users": 1, "span": "1h", "speed": 1.0, "monitors_percent": 100,
        });
        let plan = LoadPlan {
            seed: 1,
            zero_unix_ns: 0,
            begin_ns: 0,
            traffic: serde_json::from_value(traffic).unwrap(),
            duration: Duration::from_secs(3600),
            stale_after: None,
            visible_within: None,
            probes: vec![],
            vip: String::new(),
            cdn: Vec::new(),
        };
        let (recorder, records) = Recorder::new(Arc::new(Tally::default()), 1000);
        let world = World {
            clock: Clock::start().0,
            ..World::new(&plan, recorder)
        };
        (world, records)
    }

    fn arrival_of(record: Option<Record>) -> Arrival {
        let bytes = [timeline::HEADER.as_slice(), &record.unwrap()].concat();
        let mut arrivals = timeline::Arrivals::open(bytes.as_slice()).unwrap();
        arrivals.next().unwrap().unwrap()
    }

    fn milliseconds(arrival: &Arrival) -> (Duration, Duration) {
        let late = arrival.lateness().unwrap();
        (late, arrival.latency().unwrap() - late)
    }

    #[tokio::test(start_paused = true)]
    async fn an_hour_of_slow_answers_moves_no_slot() {
        let (world, mut records) = world();
        let user = world.schedule.users().next().unwrap();
        for slot in world.schedule.slots(user) {
            let slow = async {
                tokio::time::sleep(Duration::from_millis(1990)).await;
                Ending::first(Outcome::Ok, 200)
            };
            world.arrive(0, Class::Ingest, slot.due, slow).await;
            let arrival = arrival_of(records.recv().await);
            assert_eq!(arrival.due, slot.due);
            let (late, took) = milliseconds(&arrival);
            // The timer's grain is 1 ms.
            assert!(late <= Duration::from_millis(1), "{late:?} in {slot:?}");
            assert!(took.abs_diff(Duration::from_millis(1990)) <= Duration::from_millis(2));
        }
        assert!(world.recorder.tally().recorded() >= 719);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_sent_late_is_not_sent() {
        let (world, mut records) = world();
        tokio::time::advance(Duration::from_secs(10)).await;
        for (due_s, outcome) in [(8, Outcome::NotSent), (9, Outcome::Ok), (10, Outcome::Ok)] {
            let due = Offset::from(Duration::from_secs(due_s));
            let work = async { Ending::first(Outcome::Ok, 202) };
            world.arrive(0, Class::Ingest, due, work).await;
            let arrival = arrival_of(records.recv().await);
            assert_eq!(arrival.outcome, outcome, "due at {due_s} s");
            assert_eq!(arrival.sent == NEVER, outcome == Outcome::NotSent);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn patience_counts_from_the_due_time() {
        let (world, _records) = world();
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(
            world.patience(Offset(0)).left(),
            Duration::from_millis(1500)
        );
        let patience = world.patience(Offset(0));
        let forever = patience.during(std::future::pending::<()>());
        assert_eq!(forever.await, None);
        assert_eq!(world.patience(Offset(0)).left(), Duration::ZERO);
    }
}
