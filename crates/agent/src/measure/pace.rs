//! Asks when it is time and not when the last answer came: a slow answer makes no gap in the measurement.

use std::{
    thread,
    time::{Duration, Instant},
};

use crate::clock;

/// Due times, evenly spaced from the first one on.
#[derive(Debug)]
pub(super) struct Pace {
    begin: Instant,
    every: Duration,
    next: u32,
}

impl Pace {
    pub(super) fn new(every: Duration) -> Self {
        Self {
            begin: clock::now(),
            every,
            next: 0,
        }
    }

    /// Waits until the next question is due; returns at once when that is past.
    pub(super) fn wait(&mut self) {
        let due = self.begin + self.every * self.next;
        self.next += 1;
        thread::sleep(due.saturating_duration_since(clock::now()));
    }
}

/// Now, in microseconds since the Unix epoch.
pub(super) fn wall_us() -> u64 {
    micros(clock::wall())
}

pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
