//! Experiment: connections are refused for a known time.

use std::time::Duration;

use timeline::Offset;

use crate::bench::{Bench, Load, Suffered};
use crate::error::CalibrateError;
use crate::store::Store;
use crate::table::{MS, Row, Table};
use crate::target::Target;

/// Load without a fault, before and after.
const HEALTHY: Duration = Duration::from_millis(1200);
/// The stated error. The resolution is one over the rate at each end, 1.6 ms at 625 requests a second; the
/// rest is for requests that were under way and for timers with a grain of 1 ms.
const ALLOWED_MS: f64 = 20.0;
/// The stated error of the users' time: their first and last requests lie up to a period within the load.
const USERS_ALLOWED_MS: f64 = 60.0;

/// Refuses connections for `lasts` and sets the outage that the judge finds beside it.
pub(crate) async fn measure(lasts: Duration) -> Result<Table, CalibrateError> {
    let load = Load {
        name: "outage",
        users: 250,
        every: Duration::from_millis(400),
        timeout: Duration::from_millis(250),
        lasts: HEALTHY + lasts + HEALTHY,
        fault: Some("kill"),
        clinicians: None,
    };
    let bench = Bench::start().await?;
    let mut target = Target::start(bench.clock, vec![], Store::default()).await?;
    let address = target.address();
    let script = async |begin: Offset| {
        let from = Offset::from(begin.as_duration() + HEALTHY);
        bench.clock.until(from).await;
        let closed = target.refuse().await;
        bench
            .clock
            .until(Offset::from(closed.as_duration() + lasts))
            .await;
        let until = target.listen().await?;
        Ok((Suffered { from, until }, until.since(closed)))
    };
    let recording = bench.run(&load, address, script).await?;
    let (suffered, known) = recording.told;
    let (judgement, conditions) = recording.judge(Some(suffered))?;
    let outages = judgement.episodes.iter().flat_map(|row| &row.outages);
    let measured = outages.filter_map(|outage| outage.lasted_s).next();
    let row = Row::new(
        "outage, connections refused",
        MS,
        known.as_secs_f64() * 1000.0,
        measured.map(|seconds| seconds * 1000.0),
        ALLOWED_MS,
        &conditions,
    );
    // Everybody is down from a first failed request to the next good one: for as long as the target, in the mean.
    let users_time_s = (load.lasts - load.every).as_secs_f64();
    let down = judgement
        .user_uptime
        .last()
        .map(|whole| 100.0 - whole.up_percent);
    let users = Row::new(
        "users' time lost, connections refused",
        MS,
        known.as_secs_f64() * 1000.0,
        down.map(|percent| percent / 100.0 * users_time_s * 1000.0),
        USERS_ALLOWED_MS,
        &conditions,
    );
    Ok(Table {
        rows: vec![row, users],
        notes: vec![],
    })
}
