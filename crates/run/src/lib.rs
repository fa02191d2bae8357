//! The conductor: it joins the loops on one clock, records what they observe, and ends cleanly.
//!
//! `stage` raises the platform, `loadgen` drives users against it, `chaos` breaks it and `probe` watches it.
//! None of them knows another; only this crate does. What is recorded goes into a run folder that
//! [`verdict`] can judge again at any time.

mod affliction;
mod clocks;
mod conduct;
mod entrance;
mod episodes;
mod error;
mod excerpts;
mod folder;
mod guard;
mod heal;
mod inject;
mod ledger;
mod limits;
mod load;
mod log_line;
mod lookout;
mod pages;
mod press;
mod progress;
mod raise;
mod recorder;
mod seal;
mod stalls;
mod survive;
mod verdict;

pub use conduct::{Ended, Order, conduct};
pub use error::RunError;
pub use folder::{Holder, RunFolder};
pub use heal::{HealedRun, heal};
pub use inject::{Injection, inject};
pub use progress::{LoadNow, Progress, Say};
pub use raise::{Platform, raise};
pub use survive::{Expedition, Shelf, survive};
pub use verdict::judge_folder;
