//! What a run says while it goes on. The binary decides how to show it.

use std::time::Duration;

/// Where progress goes. It must not block.
pub type Say<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// The load as it is now.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LoadNow {
    /// Time since the load began.
    pub elapsed: Duration,
    /// How long the load lasts.
    pub total: Duration,
    /// Users that the curve wants now.
    pub users: u32,
    /// Requests that ended in the last second.
    pub requests_per_second: u32,
    /// Bad ones among all so far.
    pub bad: u64,
    /// All so far.
    pub arrivals: u64,
    /// Share of the outage budget that the worst promised class has burned so far, in percent.
    pub burned_percent: f64,
}

/// One piece of progress.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// A phase began: `images`, `raise`, `health`, `drill`, `down`.
    Phase(&'static str),
    /// A phase ended after this long.
    PhaseEnded(&'static str, Duration),
    /// A line worth keeping.
    Line(String),
    /// A line that the next one replaces.
    Status(String),
    /// The load, once a second.
    Load(LoadNow),
}
