//! The sections of a report, from the verdict to the commands that repeat the run.

mod compare;
mod episodes;
mod load;
mod verdict;

pub(crate) use compare::comparison;
pub(crate) use episodes::{episodes, stopwatch};
pub(crate) use load::{again, bill, components, load};
pub(crate) use verdict::{about, findings, headline};
