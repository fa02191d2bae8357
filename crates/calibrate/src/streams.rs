//! Experiment: live streams fall silent for a known time, and break for one.

use std::collections::HashMap;
use std::time::Duration;

use drill::Class;
use judge::Judgement;
use timeline::Offset;

use crate::bench::{Bench, Load, Suffered};
use crate::error::CalibrateError;
use crate::store::Store;
use crate::table::{MS, Row, Table};
use crate::target::Target;

const FOLLOWERS: u32 = 100;
/// Every stream is open after one period, and none is pinged within the silence for longer than its patience.
const EVERY: Duration = Duration::from_millis(3500);
const PATIENCE: Duration = Duration::from_millis(3450);
/// Longer than the time after which a message is overdue, and shorter than a follower's patience.
const SILENT: Duration = Duration::from_millis(3300);
/// Longest break: what is beyond teaches nothing more.
const MOST_BROKEN: Duration = Duration::from_secs(2);
/// The load lasts as long as a client's patience after the fault, or nothing is proven; every follower is back by then.
const AFTERWARDS: Duration = Duration::from_millis(3600);
/// The stated error: a frame every 0.1 s at either end, and timers with a grain of 1 ms.
const ALLOWED_MS: f64 = 220.0;

/// Stands silent, then closes every stream for `broken`, and sets the time without a stream that the judge finds beside what
/// the target did.
pub(crate) async fn measure(broken: Duration) -> Result<Table, CalibrateError> {
    let broken = broken.min(MOST_BROKEN);
    let load = |name, lasts| Load {
        name,
        users: FOLLOWERS,
        every: EVERY,
        timeout: PATIENCE,
        lasts,
        fault: Some("pause"),
        clinicians: Some(Duration::from_secs(60)),
    };
    let bench = Bench::start().await?;
    let opening = EVERY + Duration::from_millis(200);
    let target = Target::start(bench.clock, vec![], Store::default()).await?;
    let silence = async |begin: Offset| {
        let from = Offset::from(begin.as_duration() + opening);
        bench.clock.until(from).await;
        let from = target.freeze();
        bench
            .clock
            .until(Offset::from(from.as_duration() + SILENT))
            .await;
        let until = target.thaw();
        Ok(Suffered { from, until })
    };
    let lasts = opening + SILENT + AFTERWARDS;
    let recording = bench
        .run(&load("silence", lasts), target.address(), silence)
        .await?;
    let suffered = recording.told;
    let (judgement, conditions) = recording.judge(Some(suffered))?;
    let known_ms = suffered.until.since(suffered.from).as_secs_f64() * 1000.0;
    let silent = Row::new(
        "time without a stream, silent ones",
        MS,
        known_ms,
        lost_ms(&judgement),
        ALLOWED_MS,
        &conditions,
    );

    let mut target = Target::start(bench.clock, vec![], Store::default()).await?;
    let address = target.address();
    let closing = async |begin: Offset| {
        let from = Offset::from(begin.as_duration() + opening);
        bench.clock.until(from).await;
        let from = target.refuse().await;
        bench
            .clock
            .until(Offset::from(from.as_duration() + broken))
            .await;
        let until = target.listen().await?;
        Ok(Suffered { from, until })
    };
    let lasts = opening + broken + AFTERWARDS;
    let recording = bench.run(&load("break", lasts), address, closing).await?;
    let suffered = recording.told;
    let (judgement, conditions) = recording.judge(Some(suffered))?;
    let known_ms = mean_until_back_ms(&target, suffered.from);
    let broke = Row::new(
        "time without a stream, broken ones",
        MS,
        known_ms,
        lost_ms(&judgement),
        ALLOWED_MS,
        &conditions,
    );
    Ok(Table {
        rows: vec![silent, broke],
        notes: vec![],
    })
}

/// What the judge found: the share of followers without a stream, added up over the time of the episode.
fn lost_ms(judgement: &Judgement) -> Option<f64> {
    let mut tolls = judgement.episodes.first()?.toll.by_class.iter();
    let live = tolls.find(|toll| toll.class == Class::Live)?;
    Some(live.bad_second_equivalents * 1000.0)
}

/// From the close to each follower's next first frame, in the mean, by the target's own clock.
fn mean_until_back_ms(target: &Target, closed: Offset) -> f64 {
    let mut back: HashMap<String, Offset> = HashMap::new();
    for (client, at) in target.streams().opened.iter() {
        if *at > closed {
            back.entry(client.clone()).or_insert(*at);
        }
    }
    let sum: f64 = back.values().map(|at| at.since(closed).as_secs_f64()).sum();
    1000.0 * sum / back.len().max(1) as f64
}
