//! Experiment: one of two addresses refuses, so that a known number of requests need a second attempt.

use std::net::Ipv4Addr;
use std::time::Duration;

use judge::Judgement;
use timeline::Outcome;
use tokio::net::TcpListener;

use crate::bench::{Bench, Load};
use crate::error::CalibrateError;
use crate::store::Store;
use crate::table::{COUNT, Row, Table};
use crate::target::Target;

/// Each asks often enough to have met the CDN's addresses before the load ends.
const USERS: u32 = 200;
const EVERY: Duration = Duration::from_millis(200);

/// Gives clients a closed address beside the target's, and sets those whose first one it is beside the requests that were good
/// only at the second attempt.
pub(crate) async fn measure(lasts: Duration) -> Result<Table, CalibrateError> {
    let load = Load {
        name: "attempts",
        users: USERS,
        every: EVERY,
        timeout: Duration::from_millis(150),
        lasts,
        fault: None,
        clinicians: Some(Duration::from_secs(60)),
    };
    let mut bench = Bench::start().await?;
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    bench.spare = Some(closed.local_addr()?);
    drop(closed);
    let target = Target::start(bench.clock, vec![], Store::default()).await?;
    let nothing = async |_| Ok(());
    let recording = bench.run(&load, target.address(), nothing).await?;
    let (judgement, mut conditions) = recording.judge(None)?;
    let late = recording.arrivals.iter();
    let mut late = late.filter(|arrival| arrival.outcome == Outcome::TimedOut);
    if late.next().is_some() && conditions.doubts.is_empty() {
        // A client that gives up turns to the other address, and may meet the closed one again.
        conditions.doubts = "some answers came too late".into();
    }
    // Clients begin with the address that their number chooses, and stay with the one that served.
    let known = f64::from(USERS / 2);
    let row = Row::new(
        "good only at the second attempt",
        COUNT,
        known,
        Some(again(&judgement)),
        0.0,
        &conditions,
    );
    Ok(Table {
        rows: vec![row],
        notes: vec![],
    })
}

fn again(judgement: &Judgement) -> f64 {
    let tolls = judgement.classes.iter().map(|class| &class.toll);
    tolls.filter_map(|toll| toll.good_again).sum::<u64>() as f64
}
