//! Telling the other gateways what passed here and hearing what passed there, beside the requests: none of them waits for
//! it. While Redis is slow or gone every gateway keeps the limits by itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use prometheus::{IntCounterVec, IntGauge};
use service_kit::redis_link::RedisLink;
use tokio::time::MissedTickBehavior;

use crate::limiter::Limiter;
use crate::peers::Standing;

/// How often. In between, a client may have its limit at each gateway.
pub(crate) const EVERY: Duration = Duration::from_millis(250);
/// A hash with a field for each gateway. Who is gone for good leaves a field that does not change, until all are gone.
const KEY: &str = "gateways";
/// The hash outlives a pause of all gateways, but not a day.
const KEPT_MS: i64 = 60_000;

/// Where gateways tell each other.
pub(crate) trait Board: Send + Sync + 'static {
    /// Writes what this gateway tells and reads what the others did; `None` when that failed.
    fn swap(&self, mine: Standing) -> impl Future<Output = Option<Vec<(String, Standing)>>> + Send;
}

/// The real one.
pub(crate) struct RedisBoard {
    /// Never waits for longer than 40 ms.
    pub(crate) redis: RedisLink,
    /// This gateway's name.
    pub(crate) name: String,
}

impl Board for RedisBoard {
    async fn swap(&self, mine: Standing) -> Option<Vec<(String, Standing)>> {
        let mine = serde_json::to_string(&mine).ok()?;
        let mut pipe = redis::pipe();
        pipe.hset(KEY, &self.name, mine).ignore();
        pipe.pexpire(KEY, KEPT_MS).ignore();
        pipe.hgetall(KEY);
        let asked = self.redis.ask::<(HashMap<String, String>,)>(&pipe).await;
        let (told,) = asked
            .map_err(|error| tracing::debug!(%error, "nothing exchanged"))
            .ok()?;
        let others = told.into_iter().filter(|(name, _)| *name != self.name);
        let read = |(name, text): (String, String)| Some((name, serde_json::from_str(&text).ok()?));
        Some(others.filter_map(read).collect())
    }
}

/// What is shown of it.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    /// `gateway_peers`.
    pub(crate) peers: IntGauge,
    /// `gateway_exchanges_total{result}`.
    pub(crate) exchanges: IntCounterVec,
}

/// Exchanges for as long as it is polled.
pub(crate) async fn keep_exchanging(limiter: Arc<Limiter>, board: impl Board, shown: Shown) {
    let mut every = tokio::time::interval(EVERY);
    every.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        every.tick().await;
        let result = match board.swap(limiter.tell()).await {
            Some(others) => {
                limiter.hear(others);
                "ok"
            }
            None => "failed",
        };
        shown.exchanges.with_label_values(&[result]).inc();
        shown.peers.set(limiter.peers().into());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::client::Client;
    use crate::gcra::Gcra;
    use crate::limiter::Allowed;
    use proptest::prelude::*;

    /// A board in memory, which can be taken away.
    #[derive(Clone, Default)]
    struct Table {
        told: Arc<Mutex<HashMap<usize, Standing>>>,
        gone: Arc<AtomicBool>,
    }

    struct Seat(usize, Table);

    impl Board for Seat {
        async fn swap(&self, mine: Standing) -> Option<Vec<(String, Standing)>> {
            let Self(me, table) = self;
            if table.gone.load(Ordering::Relaxed) {
                return None;
            }
            let mut told = table.told.lock().unwrap();
            told.insert(*me, mine);
            let others = told.iter().filter(|(who, _)| *who != me);
            Some(
                others
                    .map(|(who, told)| (who.to_string(), told.clone()))
                    .collect(),
            )
        }
    }

    fn limiter() -> Arc<Limiter> {
        Arc::new(Limiter::new(Allowed {
            client: Gcra::new(10, 20),
            newcomers: Gcra::new(1000, 1000),
            total: Gcra::new(100, 50),
        }))
    }

    /// Gateways that exchange over a table, and know each other.
    async fn gateways(number: usize, table: &Table) -> Vec<Arc<Limiter>> {
        let all: Vec<_> = (0..number).map(|_| limiter()).collect();
        for (me, limiter) in all.iter().enumerate() {
            let shown = Shown {
                peers: IntGauge::new("peers", "test").unwrap(),
                exchanges: IntCounterVec::new(prometheus::Opts::new("e", "test"), &["result"])
                    .unwrap(),
            };
            tokio::spawn(keep_exchanging(
                limiter.clone(),
                Seat(me, table.clone()),
                shown,
            ));
        }
        tokio::time::sleep(EVERY * 4).await;
        all
    }

    /// How many requests pass at each when every one of `clients` asks each every 10 ms.
    async fn ask(at: &[Arc<Limiter>], clients: u8, ms: u32) -> Vec<u32> {
        let mut passed = vec![0; at.len()];
        for _ in 0..ms / 10 {
            for (limiter, passed) in at.iter().zip(&mut passed) {
                for client in 0..clients {
                    let client = Client::At([10, 0, 0, client].into());
                    *passed += u32::from(limiter.admit(client).is_ok());
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        passed
    }

    #[tokio::test(start_paused = true)]
    async fn together_they_admit_about_one_limit() {
        let at = gateways(2, &Table::default()).await;
        assert_eq!(at[0].peers(), 1);
        let passed = ask(&at, 1, 30_000).await;
        // 10 a second, a burst at each, and what passes twice before it is told.
        let sum: u32 = passed.iter().sum();
        assert!((300..=360).contains(&sum), "{passed:?}");
        assert!(passed.iter().all(|each| *each >= 150), "{passed:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_of_one_gateway_has_its_whole_limit_there() {
        let at = gateways(3, &Table::default()).await;
        let passed = ask(&at[..1], 1, 30_000).await;
        assert!((300..=320).contains(&passed[0]), "{passed:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn everybody_together_has_about_one_limit_too() {
        let at = gateways(2, &Table::default()).await;
        let passed = ask(&at, 50, 20_000).await;
        let sum: u32 = passed.iter().sum();
        assert!((2000..=2000 + 2 * 50 + 100).contains(&sum), "{passed:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn without_an_exchange_each_goes_on_alone_and_joins_again() {
        let table = Table::default();
        let at = gateways(2, &table).await;
        ask(&at, 1, 10_000).await;
        table.gone.store(true, Ordering::Relaxed);
        tokio::time::sleep(EVERY * 8).await;
        assert_eq!(at[0].peers(), 0);
        let passed = ask(&at, 1, 30_000).await;
        assert!(
            passed.iter().all(|each| (300..=320).contains(each)),
            "{passed:?}"
        );
        table.gone.store(false, Ordering::Relaxed);
        tokio::time::sleep(EVERY * 4).await;
        let passed = ask(&at, 1, 30_000).await;
        let sum: u32 = passed.iter().sum();
        assert!((295..=350).contains(&sum), "{passed:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn late_and_repeated_tellings_leave_each_its_part_and_no_more_than_its_limit(
            lags in prop::collection::vec(0_usize..12, 80),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_time()
                .start_paused(true)
                .build()
                .unwrap();
            runtime.block_on(async {
                let at = [limiter(), limiter()];
                let mut told: [Vec<Standing>; 2] = Default::default();
                let mut passed = [0, 0];
                for (round, lag) in lags.iter().enumerate() {
                    for (each, more) in passed.iter_mut().zip(ask(&at, 1, 250).await) {
                        *each += more;
                    }
                    for (me, limiter) in at.iter().enumerate() {
                        told[me].push(limiter.tell());
                        let heard = &told[1 - me];
                        let late = heard.len().checked_sub(lag + 1).and_then(|at| heard.get(at));
                        let other = late.map(|late| ((1 - me).to_string(), late.clone()));
                        limiter.hear(other.into_iter().collect());
                    }
                    let ms = 250 * (round as u32 + 1);
                    for each in passed {
                        assert!(each <= 20 + 10 * ms / 1000 + 1, "{passed:?} after {ms} ms");
                        assert!(each >= 5 * ms / 1000, "{passed:?} after {ms} ms");
                    }
                }
            });
        }
    }
}
