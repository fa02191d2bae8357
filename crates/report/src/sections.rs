//! The sections of a report, from the verdict to the commands that repeat the run.

mod budget;
mod claim;
mod compare;
mod episodes;
mod in_run;
mod ledger;
mod load;
mod pressure;
mod strain;
mod survival;
mod verdict;

pub(crate) use budget::budget;
pub(crate) use claim::claim;
pub(crate) use compare::comparison;
pub(crate) use episodes::{episodes, stopwatch};
pub(crate) use in_run::in_run;
pub(crate) use ledger::ledger;
pub(crate) use load::{again, bill, components, load};
pub(crate) use pressure::pressure;
pub(crate) use strain::strain;
pub(crate) use survival::{survival, survival_about, survival_headline};
pub(crate) use verdict::{about, findings, headline};
