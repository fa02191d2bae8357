//! How many requests may be under way to the api at once, found out by additive increase and multiplicative decrease.
//!
//! Nothing waits here: what is over the limit is refused at once, because there are queues enough behind, and a request
//! that was late in one is worth nothing. The limit falls while answers stay out or come late, and rises again otherwise,
//! also while nobody needs it: it must not still be low when everybody comes back after an outage.
//!
//! Its bounds are chosen so that this platform's own faults do not reach it. At the peak one gateway alone has 190 requests
//! a second under way for 230 ms each when everything goes its slowest way: 44, and the lower bound has room for all of
//! them. While an address moves nobody answers for one to two seconds, and 95 requests a second wait at each of two
//! gateways; from its upper bound the limit falls to half only in that time.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus::IntGauge;
use tokio::time::Instant;

use crate::priority::Priority;

/// The limit does not fall below this.
const LEAST: f64 = 48.0;
/// How often the limit changes: long enough for a few dozen answers at the peak.
const WINDOW: Duration = Duration::from_millis(250);
/// Added after a good window: from the lowest to the highest in 13 s.
const STEP: f64 = 4.0;
/// What is left after a bad one.
const BACKOFF: f64 = 0.9;
/// A window is bad when more than one in so many answers was late or stayed out.
const ONE_BAD_IN: u32 = 10;

/// The limit, and who is under way.
#[derive(Debug)]
pub(crate) struct Concurrency {
    most: f64,
    state: Mutex<State>,
    shown_limit: IntGauge,
    shown_in_flight: IntGauge,
}

#[derive(Debug)]
struct State {
    limit: f64,
    in_flight: u32,
    window_began: Instant,
    good: u32,
    bad: u32,
}

/// A request under way. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    of: &'a Concurrency,
    began: Instant,
    late_after: Duration,
    answered: Option<bool>,
}

impl Concurrency {
    /// At most `most` at once, which is where it begins.
    pub(crate) fn new(most: u32, limit: IntGauge, in_flight: IntGauge) -> Self {
        limit.set(most.into());
        Self {
            most: most.into(),
            state: Mutex::new(State {
                limit: most.into(),
                in_flight: 0,
                window_began: Instant::now(),
                good: 0,
                bad: 0,
            }),
            shown_limit: limit,
            shown_in_flight: in_flight,
        }
    }

    /// Lets a request enter unless that many are under way; an answer after `late_after` speaks for a lower limit.
    pub(crate) fn enter(&self, priority: Priority, late_after: Duration) -> Option<Turn<'_>> {
        let mut state = self.lock();
        let room = state.limit * f64::from(priority.share_percent()) / 100.0;
        if f64::from(state.in_flight) >= room {
            return None;
        }
        state.in_flight += 1;
        self.shown_in_flight.set(state.in_flight.into());
        Some(Turn {
            of: self,
            began: Instant::now(),
            late_after,
            answered: None,
        })
    }

    fn leave(&self, good: Option<bool>) {
        let mut state = self.lock();
        state.in_flight -= 1;
        self.shown_in_flight.set(state.in_flight.into());
        match good {
            Some(true) => state.good += 1,
            Some(false) => state.bad += 1,
            None => return,
        }
        if state.window_began.elapsed() < WINDOW {
            return;
        }
        let all = state.good + state.bad;
        let changed = match state.bad * ONE_BAD_IN > all {
            true => state.limit * BACKOFF,
            false => state.limit + STEP,
        };
        state.limit = changed.max(LEAST).min(self.most);
        (state.good, state.bad) = (0, 0);
        state.window_began = Instant::now();
        // Whole requests are shown; a limit is at most a few hundred.
        self.shown_limit.set(state.limit as i64);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turn<'_> {
    /// It ends with an answer, or with the knowledge that none comes.
    pub(crate) fn ended(mut self, answered: bool) {
        self.answered = Some(answered);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let late = self.began.elapsed() > self.late_after;
        // A client that left early says nothing about the api, one that left late does.
        let good = match late {
            true => Some(false),
            false => self.answered,
        };
        self.of.leave(good);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::sync::Arc;

    use super::*;
    use tokio::sync::Semaphore;
    use tokio::time::{sleep, timeout};

    const LATE: Duration = Duration::from_millis(250);

    fn concurrency(most: u32) -> Arc<Concurrency> {
        let gauge = |name| IntGauge::new(name, "test").unwrap();
        Arc::new(Concurrency::new(most, gauge("limit"), gauge("in_flight")))
    }

    /// Passed and refused requests of a priority.
    type Counts = Arc<Mutex<HashMap<&'static str, (u32, u32)>>>;

    /// An upstream that does `processors` requests at once, each in 50 ms, and one client's request to it.
    async fn ask(
        to: Arc<Concurrency>,
        upstream: Arc<Semaphore>,
        priority: Priority,
        counts: Counts,
    ) {
        let turn = to.enter(priority, LATE);
        {
            let mut counts = counts.lock().unwrap();
            let (passed, refused) = counts.entry(priority.name()).or_default();
            match turn {
                Some(_) => *passed += 1,
                None => *refused += 1,
            }
        }
        let Some(turn) = turn else { return };
        let work = async {
            let _processor = upstream.acquire().await;
            sleep(Duration::from_millis(50)).await;
        };
        let answered = timeout(Duration::from_millis(320), work).await.is_ok();
        turn.ended(answered);
    }

    /// `rates` requests a second of each priority for a time.
    async fn load(
        to: &Arc<Concurrency>,
        processors: usize,
        rates: [u64; 3],
        seconds: u64,
    ) -> HashMap<&'static str, (u32, u32)> {
        let upstream = Arc::new(Semaphore::new(processors));
        let counts = Counts::default();
        for ms in 0..seconds * 1000 {
            for (priority, rate) in Priority::ALL.into_iter().zip(rates) {
                if ms * rate / 1000 != (ms + 1) * rate / 1000 {
                    let (to, upstream) = (to.clone(), upstream.clone());
                    tokio::spawn(ask(to, upstream, priority, counts.clone()));
                }
            }
            sleep(Duration::from_millis(1)).await;
        }
        counts.lock().unwrap().clone()
    }

    #[tokio::test(start_paused = true)]
    async fn under_overload_vitals_pass_and_static_is_refused_and_then_the_limit_recovers() {
        let to = concurrency(256);
        // 300 requests a second to whoever does 200: until the limit has fallen everybody is late.
        load(&to, 10, [100, 100, 100], 10).await;
        assert!(to.lock().limit < 100.0, "{to:?}");
        let counts = load(&to, 10, [100, 100, 100], 20).await;
        let (passed, refused) = counts["vitals"];
        assert_eq!((passed, refused), (2000, 0), "{counts:?}");
        let share =
            |name: &str| f64::from(counts[name].1) / f64::from(counts[name].0 + counts[name].1);
        assert!(share("static") > 0.6, "{counts:?}");
        assert!(share("dashboard") < share("static") / 2.0, "{counts:?}");
        let counts = load(&to, 40, [100, 100, 100], 20).await;
        assert!(to.lock().limit >= 256.0, "{to:?}");
        assert!(
            counts.values().all(|(_, refused)| *refused < 200),
            "{counts:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_peak_of_the_day_is_never_refused_even_at_the_lowest_limit() {
        let to = concurrency(LEAST as u32);
        // Everything at one gateway, and an api that does it in 50 ms.
        let counts = load(&to, 20, [140, 40, 10], 10).await;
        assert!(
            counts.values().all(|(_, refused)| *refused == 0),
            "{counts:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn silence_of_two_seconds_leaves_room_for_who_waits() {
        let to = concurrency(256);
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(2) {
            sleep(Duration::from_millis(10)).await;
            to.enter(Priority::Vitals, LATE).unwrap().ended(false);
        }
        assert!(to.lock().limit > 100.0, "{to:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_late_answer_among_many_changes_nothing_and_a_client_that_leaves_says_nothing() {
        let to = concurrency(256);
        for _ in 0..19 {
            to.enter(Priority::Vitals, LATE).unwrap().ended(true);
        }
        let late = to.enter(Priority::Vitals, LATE);
        sleep(LATE * 2).await;
        drop(late);
        assert_eq!(to.lock().limit, 256.0);
        drop(to.enter(Priority::Vitals, LATE));
        let state = to.lock();
        assert_eq!((state.good, state.bad, state.in_flight), (0, 0, 0));
    }
}
