//! Experiment: a class that users ask for twice a second is out for a known time, and a steady probe times it.

use std::time::Duration;

use drill::Class;
use timeline::{Offset, ProbePlan};

use crate::bench::{Bench, Load, Suffered};
use crate::error::CalibrateError;
use crate::store::Store;
use crate::table::{MS, Row, Table};
use crate::target::Target;

const OUT: Duration = Duration::from_secs(1);
const HEALTHY: Duration = Duration::from_millis(1500);
/// Between two requests of the probe.
const PROBED_EVERY: Duration = Duration::from_millis(50);
/// The stated error: one distance of the probe at each end.
const ALLOWED_MS: f64 = 110.0;

/// Refuses connections for a second, and sets the time without an answer that the judge finds beside it.
pub(crate) async fn measure() -> Result<Table, CalibrateError> {
    let load = Load {
        name: "sparse",
        users: 4,
        every: Duration::from_secs(2),
        timeout: Duration::from_millis(250),
        lasts: HEALTHY + OUT + HEALTHY,
        fault: Some("kill"),
        clinicians: Some(Duration::from_secs(60)),
    };
    let mut bench = Bench::start().await?;
    bench.probes = vec![ProbePlan {
        class: Class::Read,
        every: PROBED_EVERY,
    }];
    let mut target = Target::start(bench.clock, vec![], Store::default()).await?;
    let address = target.address();
    let script = async |begin: Offset| {
        let from = Offset::from(begin.as_duration() + HEALTHY);
        bench.clock.until(from).await;
        let from = target.refuse().await;
        let open = Offset::from(from.as_duration() + OUT);
        bench.clock.until(open).await;
        let until = target.listen().await?;
        Ok(Suffered { from, until })
    };
    let recording = bench.run(&load, address, script).await?;
    let suffered = recording.told;
    let (judgement, conditions) = recording.judge(Some(suffered))?;
    let tolls = judgement.episodes.iter().flat_map(|row| &row.toll.by_class);
    let lost_s = tolls
        .filter(|toll| toll.class == Class::Read)
        .map(|toll| toll.bad_second_equivalents)
        .next();
    let row = Row::new(
        "outage of a sparse class, probed",
        MS,
        suffered.until.since(suffered.from).as_secs_f64() * 1000.0,
        lost_s.map(|lost_s| lost_s * 1000.0),
        ALLOWED_MS,
        &conditions,
    );
    Ok(Table {
        rows: vec![row],
        notes: vec![],
    })
}
