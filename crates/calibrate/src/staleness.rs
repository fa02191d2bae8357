//! Experiment: some reads show less than had been acknowledged before.

use std::time::Duration;

use drill::Class;
use timeline::Outcome;

use crate::bench::{Bench, Load};
use crate::error::CalibrateError;
use crate::records::Records;
use crate::store::Store;
use crate::table::{COUNT, Row, Table};
use crate::target::Target;

/// What the contract of this load allows.
const BOUND: Duration = Duration::from_millis(500);

/// Answers reads for `lasts`, and sets those that the target made stale beside those that the generator found.
pub(crate) async fn measure(lasts: Duration) -> Result<Table, CalibrateError> {
    let load = Load {
        name: "staleness",
        users: 200,
        every: Duration::from_millis(150),
        timeout: Duration::from_millis(100),
        lasts,
        fault: None,
        clinicians: Some(BOUND),
    };
    let bench = Bench::start().await?;
    let target = Target::start(bench.clock, vec![], Store::default()).await?;
    *target.records() = Records::new(Some(BOUND));
    let nothing = async |_| Ok(());
    let recording = bench.run(&load, target.address(), nothing).await?;
    let (judgement, mut conditions) = recording.judge(None)?;
    let known = target.records().stale;
    let stale = Outcome::Stale.name();
    let found = judgement.classes.iter();
    let found: u64 = found.filter_map(|class| class.outcomes.get(stale)).sum();
    // A change whose answer came too late is one that no client knows of: then fewer reads are stale to them.
    let given_up = recording.arrivals.iter();
    let given_up = given_up.filter(|arrival| arrival.outcome == Outcome::TimedOut);
    // The target has no live streams.
    let mut given_up = given_up.filter(|arrival| arrival.class != Class::Live);
    if given_up.next().is_some() && conditions.doubts.is_empty() {
        conditions.doubts = "some answers came too late to count".into();
    }
    let (known, found) = (known as f64, Some(found as f64));
    let row = Row::new("stale reads", COUNT, known, found, 0.0, &conditions);
    Ok(Table {
        rows: vec![row],
        notes: vec![],
    })
}
