//! From a recorded run to its verdict: a pure function of the timeline and the arrivals.
//!
//! [`judge`] reads the arrivals once, in the order in which they ended, with memory bounded by the run's length. The same recording always gives the same [`Judgement`], byte for byte. What a user saw is judged
//! from the outside alone; what the members said of themselves explains, but never acquits.
//!
//! A verdict has three values: a promise was [held](Verdict::Held), was [broken](Verdict::Broken), or the
//! run does not prove either ([unproven](Verdict::Unproven)): a fault without effect, a late generator or a
//! lost observer must never look like a platform that withstood the fault.

mod budget;
mod changes;
mod claim;
mod clauses;
mod clocks;
mod compare;
mod confidence;
mod counters;
mod coverage;
mod disks;
mod episodes;
mod evidence;
mod figures;
mod in_run;
mod integrity;
mod judgement;
mod latency;
mod ledger;
mod live;
mod load;
mod machine;
mod members;
#[cfg(test)]
mod mutations;
mod noise;
mod order;
mod outage;
mod pages;
mod pressure;
mod primaries;
mod samples;
mod schedule;
mod series;
mod sighted;
mod slots;
mod story;
mod strain;
mod streams;
pub mod survival;
mod tally;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod timing;
mod toll;
mod uptime;
mod users;
mod witnesses;
mod writers;

use std::{io::Read, time::Duration};

use thiserror::Error;
use timeline::{ArrivalError, Arrivals, Entry, Offset, StoredError, StoredReadings};

pub use budget::{Budget, Burn, ClassBudget};
pub use changes::{ChangeEntry, ChangeFigures};
pub use claim::{Claim, FaultRepetitions};
pub use compare::{
    ClassComparison, ClauseComparison, Comparison, EpisodeComparison, Pair, RunHead, compare,
};
pub use coverage::coverage;
pub use disks::DiskStallFigures;
pub use evidence::{LATENESS_SHARE_PERCENT, USERS_SHARE_PERCENT};
pub use figures::{
    ClassFigures, ClassToll, ComponentFigures, CounterFigures, EntryFault, EpisodeFigures,
    EpisodeState, Kind, Lateness, LedgerEntry, LedgerFigures, LoadFigures, Percentiles,
    QuietFigures, Series, Toll,
};
pub use in_run::InRun;
pub use integrity::Integrity;
pub use judgement::{
    Bill, BillFigure, Clause, Evidence, Finding, Judgement, Measure, Unit, Verdict,
};
pub use live::LiveBudget;
pub use machine::MachineFigures;
pub use members::MemberFigures;
pub use noise::Difference;
pub use outage::Outage;
pub use pages::PageFigures;
pub use pressure::PressureFigures;
pub use slots::{BAD_SECOND_ABOVE_PERCENT, OUTAGE_FROM_S};
pub use strain::StrainFigures;
pub use streams::StreamFigures;
pub use uptime::WorstWindow;
pub use witnesses::Witness;

use crate::{story::Story, tally::Tally};

/// A reading that was due so long before a fault may be lost by it: acknowledged, and not yet where it is safe.
const JUST_BEFORE: Duration = Duration::from_secs(2);

/// What became of the acknowledged readings and changes; none where it was not looked at.
#[derive(Debug, Default)]
struct Kept {
    ledger: Option<LedgerFigures>,
    pages: Option<PageFigures>,
    changes: Option<ChangeFigures>,
}

/// Why a run can't be judged at all. Anything less is a finding, not an error.
#[derive(Debug, Error)]
pub enum JudgeError {
    /// The timeline names no drill, so there is no contract.
    #[error("timeline does not begin with a header")]
    NoHeader,
    /// The recording can't be read to its end.
    #[error("arrivals: {0}")]
    Arrivals(#[from] ArrivalError),
    /// The stored readings can't be read to their end.
    #[error("stored readings: {0}")]
    Stored(#[from] StoredError),
}

/// Judges a recorded run whose stored readings were not read.
///
/// # Errors
/// When the timeline has no header, or the arrivals can't be read.
pub fn judge(entries: &[Entry], arrivals: Arrivals<impl Read>) -> Result<Judgement, JudgeError> {
    judge_with_ledger(entries, arrivals, None::<StoredReadings<&[u8]>>)
}

/// Judges a recorded run, and holds what was acknowledged against what is stored. Whether the record is as it was
/// recorded is nobody's question here: see [`judge_record`].
///
/// # Errors
/// When the timeline has no header, or the arrivals or the stored readings can't be read.
pub fn judge_with_ledger(
    entries: &[Entry],
    arrivals: Arrivals<impl Read>,
    stored: Option<StoredReadings<impl Read>>,
) -> Result<Judgement, JudgeError> {
    judge_record(entries, arrivals, stored, &Integrity::default())
}

/// Judges a recorded run of which is known whether its files are as they were recorded.
///
/// # Errors
/// When the timeline has no header, or the arrivals or the stored readings can't be read.
pub fn judge_record(
    entries: &[Entry],
    mut arrivals: Arrivals<impl Read>,
    stored: Option<StoredReadings<impl Read>>,
    integrity: &Integrity,
) -> Result<Judgement, JudgeError> {
    let story = Story::new(entries).ok_or(JudgeError::NoHeader)?;
    let mut tally = Tally::new(&story);
    let spoilt = tally.read(&mut arrivals)?;
    let recording = evidence::Recording {
        complete: arrivals.is_complete(),
        spoilt,
        integrity: integrity.clone(),
    };
    let acknowledged = std::mem::take(&mut tally.acknowledged);
    // A fault also takes what was acknowledged just before it.
    let soon = |at: Offset| Offset::from(at.as_duration() + JUST_BEFORE);
    let episode = |at| tally.episode_at(at).or_else(|| tally.episode_at(soon(at)));
    let place = |at| episode(at).map(|number| story.name_of(number));
    let mut kept = Kept::default();
    if let Some(acknowledged) = acknowledged {
        let zero_unix_ns = story.header.zero_unix_ns;
        let book = story.pages.as_ref();
        let within = story.header.drill.contract.paged_within;
        let compare = |book| pages::compare(&acknowledged, book, zero_unix_ns, within, place);
        let compared = book.map(|book| compare(book));
        kept.pages = compared;
        let limits = story.thresholds;
        kept.changes = limits.map(|limits| acknowledged.changes.compare(limits, place));
        if let Some(mut stored) = stored {
            kept.ledger = Some(acknowledged.compare(&mut stored, place)?);
        }
    }
    Ok(judgement::assemble(&story, &tally, &recording, kept))
}
