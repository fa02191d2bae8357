//! The sweep: asks Postgres each second for new alerts, so that none is missed when Redis loses messages.

use std::time::Duration;

use tokio::time::MissedTickBehavior;

use crate::alerts::AlertStore;
use crate::hub::{Counters, Hub, Request};

/// An alert that the fan-out lost is at most this late.
const EVERY: Duration = Duration::from_secs(1);
/// Numbers become visible when their transactions commit, not in order: look this far back each time.
const OVERLAP: i64 = 200;

/// Sweeps for ever.
pub(crate) async fn run(store: AlertStore, hub: Hub, counters: Counters) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seen = begin(&store, &hub, &mut ticks).await;
    loop {
        ticks.tick().await;
        let Some(alerts) = store.after(seen - OVERLAP).await else {
            counters.sweeps_failed.inc();
            continue;
        };
        if let Some(newest) = alerts.last() {
            seen = seen.max(newest.number);
        }
        let alerts = alerts.into_iter().map(|stored| stored.alert);
        hub.tell(Request::Swept(alerts.collect())).await;
    }
}

/// Finds out which alerts are older than this process: those are not news.
async fn begin(store: &AlertStore, hub: &Hub, ticks: &mut tokio::time::Interval) -> i64 {
    loop {
        ticks.tick().await;
        let Some(last) = store.last().await else {
            continue;
        };
        let Some(alerts) = store.after(last.number - OVERLAP).await else {
            continue;
        };
        // Some of these may have become visible since `last` was read.
        let old = || alerts.iter().filter(|stored| stored.number <= last.number);
        let raised_at_ms = old().map(|stored| stored.alert.raised_at_ms);
        let until_ms = raised_at_ms.fold(last.raised_at_ms, i64::max);
        let ids = old().map(|stored| stored.alert.id).collect();
        hub.tell(Request::Known { ids, until_ms }).await;
        return last.number;
    }
}
