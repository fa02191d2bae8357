//! Measures the measurer: faults of known size, driven by the real generator and judged by the real judge.
//!
//! A plain target on loopback does something exactly, and notes with its own clock what it did: it refuses
//! connections, stands still, or takes its time. [`self_test`] loads it as any drill loads the platform,
//! judges the recording, and sets what was known beside what was measured. A row is *held* within the stated
//! error and *broken* beyond it; it is *unproven* where the machine was too busy to measure on.

mod alerts;
mod attempts;
mod bench;
mod coverage;
mod error;
mod live;
mod losses;
mod outage;
mod record;
mod records;
mod shape;
mod sparse;
mod staleness;
mod stall;
mod store;
mod streams;
mod table;
mod target;
mod witness;

use std::time::Duration;

use judge::Verdict;

pub use error::CalibrateError;
pub use losses::{KnownLosses, known_losses};
pub use store::Spoil;
pub use table::{Row, Table};

/// How long each experiment takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    /// How long connections are refused.
    pub outage: Duration,
    /// How long the target stands still, in the middle of a load five times as long.
    pub stall: Duration,
    /// How long answers of known latency are given.
    pub shape: Duration,
    /// How long some reads go back in time.
    pub stale: Duration,
    /// Readings that are acknowledged, of which one is lost, one altered and one kept twice.
    pub readings: u32,
}

impl Scale {
    /// As a user runs it: a minute.
    pub const FULL: Self = Self {
        outage: Duration::from_secs(5),
        stall: Duration::from_secs(2),
        shape: Duration::from_secs(5),
        stale: Duration::from_secs(5),
        readings: 100_000,
    };
    /// As a test suite runs it: the same experiments, less long.
    pub const SHORT: Self = Self {
        outage: Duration::from_secs(2),
        stall: Duration::from_secs(1),
        shape: Duration::from_secs(3),
        stale: Duration::from_secs(3),
        readings: 5_000,
    };
}

/// Runs every experiment, one after another, and tells `say` what is under way. One that a busy machine
/// spoiled is run once more.
///
/// # Errors
/// When an experiment can't be carried out: no port, no load, or a recording that can't be judged.
pub async fn self_test(scale: Scale, say: impl Fn(String)) -> Result<Table, CalibrateError> {
    let Scale {
        outage,
        stall,
        shape,
        stale,
        readings,
    } = scale;
    let mut table = Table::default();
    say(format!("refusing connections for {outage:?}"));
    table.append(patiently(&say, async || outage::measure(outage).await).await?);
    let load = stall::load_of(stall);
    say(format!("standing still for {stall:?} of {load:?}"));
    table.append(patiently(&say, async || stall::measure(stall).await).await?);
    say(format!("answering in known times for {shape:?}"));
    table.append(patiently(&say, async || shape::measure(shape).await).await?);
    say(format!("going back in time for {stale:?}"));
    table.append(patiently(&say, async || staleness::measure(stale).await).await?);
    say(format!("losing one of {readings} readings"));
    table.append(patiently(&say, async || losses::measure(readings).await).await?);
    say("refusing a sparse class for a second".into());
    table.append(patiently(&say, async || sparse::measure().await).await?);
    say(format!("closing one of two addresses for {stale:?}"));
    table.append(patiently(&say, async || attempts::measure(stale).await).await?);
    say("silencing and breaking live streams, and leaving out alerts".into());
    // Both mostly wait, so they do it side by side.
    let (silent, left_out) = tokio::try_join!(
        patiently(&say, async || streams::measure(outage).await),
        patiently(&say, async || alerts::measure(shape).await)
    )?;
    table.append(silent);
    table.append(left_out);
    say("simulating windows for each bound".into());
    table.append(coverage::measure());
    say("taking a line out of a record, and setting a clock".into());
    table.append(patiently(&say, async || record::measure().await).await?);
    Ok(table)
}

/// A broken result stays: only what proves nothing is worth a second look.
async fn patiently(
    say: impl Fn(String),
    measure: impl AsyncFn() -> Result<Table, CalibrateError>,
) -> Result<Table, CalibrateError> {
    let first = measure().await?;
    if first.verdict() != Verdict::Unproven {
        return Ok(first);
    }
    say("the machine was busy: once more".into());
    measure().await
}
