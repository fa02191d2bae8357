//! The sections of a report, from the verdict to the commands that repeat the run.

mod episodes;
mod load;
mod verdict;

pub(crate) use episodes::{episodes, proof, stopwatch};
pub(crate) use load::{again, bill, components, load};
pub(crate) use verdict::{about, findings, headline};
