//! From a recorded run to its verdict: a pure function of the timeline and the arrivals.
//!
//! [`judge`] reads the arrivals once, in whatever order they were recorded, with memory bounded by the run's
//! length. The same recording always gives the same [`Judgement`], byte for byte. What a user saw is judged
//! from the outside alone; what the members said of themselves explains, but never acquits.
//!
//! A verdict has three values: a promise was [held](Verdict::Held), was [broken](Verdict::Broken), or the
//! run does not prove either ([unproven](Verdict::Unproven)): a fault without effect, a late generator or a
//! lost observer must never look like a platform that withstood the fault.

mod clauses;
mod confidence;
mod counters;
mod episodes;
mod evidence;
mod figures;
mod judgement;
mod latency;
mod load;
#[cfg(test)]
mod mutations;
mod outage;
mod series;
mod slots;
mod story;
mod tally;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod toll;
mod users;

use std::io::Read;

use thiserror::Error;
use timeline::{ArrivalError, Arrivals, Entry};

pub use evidence::{LATENESS_SHARE_PERCENT, USERS_SHARE_PERCENT};
pub use figures::{
    ClassFigures, ClassToll, ComponentFigures, Confidence, CounterFigures, EpisodeFigures,
    EpisodeState, Kind, Lateness, LoadFigures, Percentiles, QuietFigures, Series, Toll,
};
pub use judgement::{
    Bill, BillFigure, Clause, Evidence, Finding, Judgement, Measure, Unit, Verdict,
};
pub use outage::Outage;
pub use slots::{BAD_SECOND_ABOVE_PERCENT, OUTAGE_FROM_S};

use crate::{story::Story, tally::Tally};

/// Why a run can't be judged at all. Anything less is a finding, not an error.
#[derive(Debug, Error)]
pub enum JudgeError {
    /// The timeline names no drill, so there is no contract.
    #[error("timeline does not begin with a header")]
    NoHeader,
    /// The recording can't be read to its end.
    #[error("arrivals: {0}")]
    Arrivals(#[from] ArrivalError),
}

/// Judges a recorded run.
///
/// # Errors
/// When the timeline has no header, or the arrivals can't be read.
pub fn judge(
    entries: &[Entry],
    mut arrivals: Arrivals<impl Read>,
) -> Result<Judgement, JudgeError> {
    let story = Story::new(entries).ok_or(JudgeError::NoHeader)?;
    let mut tally = Tally::new(&story);
    let spoilt = tally.read(&mut arrivals)?;
    let recording = evidence::Recording {
        complete: arrivals.is_complete(),
        spoilt,
    };
    Ok(judgement::assemble(&story, &tally, &recording))
}
