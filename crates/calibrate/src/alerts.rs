//! Experiment: alerts are due, and known ones of them never come.

use std::time::Duration;

use drill::Class;
use timeline::Outcome;

use crate::bench::{Bench, Load};
use crate::error::CalibrateError;
use crate::store::Store;
use crate::table::{COUNT, Row, Table};
use crate::target::Target;

/// Most users that fit into the usual limit of descriptors, two each.
const USERS: u32 = 400;
const MONITORS_PERCENT: u32 = 70;
/// Monitors post often enough for one or two alerts a second, each of which several clinicians follow.
const EVERY: Duration = Duration::from_millis(500);
const PATIENCE: Duration = Duration::from_millis(200);
/// Every so many alerts are left out.
const LEFT_OUT_EVERY: u64 = 4;

/// Posts readings for `lasts`, and sets the alerts that the target left out beside those that the generator missed.
pub(crate) async fn measure(lasts: Duration) -> Result<Table, CalibrateError> {
    let load = Load {
        name: "alerts",
        users: USERS,
        every: EVERY,
        timeout: PATIENCE,
        lasts,
        fault: None,
        clinicians: Some(Duration::from_secs(60)),
    };
    let mut bench = Bench::start().await?;
    bench.monitors_percent = Some(MONITORS_PERCENT);
    let target = Target::start(bench.clock, vec![], Store::default()).await?;
    target.streams().leave_out_every = Some(LEFT_OUT_EVERY);
    let nothing = async |_| Ok(());
    let recording = bench.run(&load, target.address(), nothing).await?;
    let (_, conditions) = recording.judge(None)?;
    let alerts = recording.arrivals.iter();
    let alerts = alerts.filter(|arrival| arrival.class == Class::Alert);
    let missed = alerts.filter(|arrival| arrival.outcome == Outcome::TimedOut);
    let (known, missed) = (target.streams().left_out as f64, missed.count() as f64);
    let row = Row::new(
        "alerts that never came",
        COUNT,
        known,
        Some(missed),
        0.0,
        &conditions,
    );
    Ok(Table {
        rows: vec![row],
        notes: vec![],
    })
}
