//! Experiment: readings are acknowledged, and some of them are then spoilt on purpose.

use std::time::Duration;

use judge::{EntryFault, LedgerFigures};
use timeline::{Arrivals, Entry, STORED_HEADER, StoredReadings, encode_stored, stored_footer};
use uuid::Uuid;
use wire::Reading;

use crate::bench::{Bench, Load};
use crate::error::CalibrateError;
use crate::store::{Spoil, Store};
use crate::table::{COUNT, Conditions, Row, Table};
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
        clinicians: None,
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

/// Has `readings` readings acknowledged, loses one, alters one and keeps one twice, and sets what the ledger
/// finds beside it: only a fault that is found under its own id counts.
pub(crate) async fn measure(readings: u32) -> Result<Table, CalibrateError> {
    let number = u64::from(readings);
    let known = known_losses(
        readings,
        Spoil {
            lose: Some(number / 2),
            double: Some(number / 3),
            alter: Some(number / 4),
            stale_from: None,
        },
    )
    .await?;
    let ledger = known.ledger()?;
    let row = |what: &str, fault: EntryFault, truth: Option<Uuid>| {
        let known = if truth.is_some() { 1.0 } else { 0.0 };
        let found = truth.and_then(|id| found(&ledger, fault, id));
        let what = format!("{what} of {} acknowledged, by id", ledger.acknowledged);
        Row::new(what, COUNT, known, found, 0.0, &Conditions::default())
    };
    let rows = vec![
        row("lost", EntryFault::Lost, known.lost),
        row("altered", EntryFault::Altered, known.altered),
        row("doubled", EntryFault::Duplicated, known.doubled),
    ];
    Ok(Table {
        rows,
        notes: vec![],
    })
}

/// How many of that fault the ledger found, if the one it names is the one.
fn found(ledger: &LedgerFigures, fault: EntryFault, id: Uuid) -> Option<f64> {
    let mut named = ledger.named.iter().filter(|entry| entry.fault == fault);
    let id = id.to_string();
    let is_named = named.any(|entry| entry.reading_id == id);
    let count = match fault {
        EntryFault::Lost => ledger.lost,
        EntryFault::Altered => ledger.altered,
        EntryFault::AlteredUnacknowledged => ledger.altered_unacknowledged,
        EntryFault::Duplicated => ledger.duplicated,
        // Not in this table: pages are held against another book.
        EntryFault::NotPaged => return None,
    };
    is_named.then_some(count as f64)
}

impl KnownLosses {
    /// What the real judge makes of it.
    fn ledger(&self) -> Result<LedgerFigures, CalibrateError> {
        let mut bytes = STORED_HEADER.to_vec();
        for reading in &self.stored {
            bytes.extend(encode_stored(reading));
        }
        bytes.extend(stored_footer(self.stored.len() as u64));
        let stored = StoredReadings::open(bytes.as_slice()).map_err(judge::JudgeError::from)?;
        let arrivals = Arrivals::open(self.arrivals.as_slice())?;
        let judgement = judge::judge_with_ledger(&self.entries, arrivals, Some(stored))?;
        Ok(judgement.ledger.unwrap_or_default())
    }
}
