//! Experiment: readings are acknowledged, and some of them are then spoilt on purpose.

use std::time::Duration;

use timeline::Entry;
use uuid::Uuid;
use wire::Reading;

use crate::bench::{Bench, Load};
use crate::error::CalibrateError;
use crate::store::{Spoil, Store};
use crate::target::Target;

/// Readings a second: as many as two cores send, answer and keep without running late.
const USERS: u32 = 480;
const EVERY: Duration = Duration::from_millis(120);

/// What a ledger is given, and what it has to find in it.
#[derive(Debug)]
pub struct KnownLosses {
    /// The timeline.
    pub entries: Vec<Entry>,
    /// The content of `arrivals.bin`: what was acknowledged.
    pub arrivals: Vec<u8>,
    /// What is kept, as a read of the store would show it.
    pub stored: Vec<Reading>,
    /// The reading that was acknowledged and is not kept.
    pub lost: Option<Uuid>,
    /// The reading that is kept twice.
    pub doubled: Option<Uuid>,
    /// The reading that is kept with another value.
    pub altered: Option<Uuid>,
}

/// Posts about `readings` readings through the real generator to a target that spoils exactly those that
/// `spoil` names.
///
/// # Errors
/// When the experiment can't be carried out.
pub async fn known_losses(readings: u32, spoil: Spoil) -> Result<KnownLosses, CalibrateError> {
    let load = Load {
        name: "losses",
        users: USERS,
        every: EVERY,
        timeout: Duration::from_millis(100),
        lasts: EVERY * readings.div_ceil(USERS),
        fault: None,
    };
    let bench = Bench::start().await?;
    let target = Target::start(bench.clock, vec![], Store::new(spoil)).await?;
    let nothing = async |_| Ok(());
    let recording = bench.run(&load, target.address(), nothing).await?;
    let store = target.store();
    Ok(KnownLosses {
        entries: recording.entries(None),
        stored: store.rows().to_vec(),
        lost: store.spoilt.lost,
        doubled: store.spoilt.doubled,
        altered: store.spoilt.altered,
        arrivals: recording.bytes,
    })
}
