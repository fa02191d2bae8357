//! How many users were there, told from their requests alone.

use std::time::Duration;

use drill::Traffic;
use timeline::Offset;

/// Distinct users in windows of one period each. Within its period, each active user has at least one
/// request, so a window that saw fewer users than the curve held throughout it had too few.
#[derive(Debug)]
pub(crate) struct Users {
    zero: Offset,
    period: Duration,
    /// Users with a number from here on are not the curve's.
    most: u32,
    /// One bit per user and window.
    windows: Vec<Vec<u64>>,
}

impl Users {
    /// For a load that starts at `zero`.
    pub(crate) fn new(traffic: &Traffic, zero: Offset) -> Self {
        Self {
            zero,
            period: traffic.monitor_every().max(traffic.clinician_every()),
            most: traffic.peak_users(),
            windows: vec![],
        }
    }

    /// Counts a user's request.
    pub(crate) fn see(&mut self, user: u32, due: Offset) {
        if user >= self.most {
            return;
        }
        let window = (due.since(self.zero).as_nanos() / self.period.as_nanos()) as usize;
        if window >= self.windows.len() {
            self.windows.resize(window + 1, vec![]);
        }
        let bits = &mut self.windows[window];
        if bits.is_empty() {
            bits.resize(self.most.div_ceil(64) as usize, 0);
        }
        bits[user as usize / 64] |= 1 << (user % 64);
    }

    /// Length of a window.
    pub(crate) fn period(&self) -> Duration {
        self.period
    }

    /// Distinct users, window by window.
    pub(crate) fn seen(&self) -> Vec<u32> {
        let count = |bits: &Vec<u64>| bits.iter().map(|word| word.count_ones()).sum();
        self.windows.iter().map(count).collect()
    }

    /// Most users that the curve holds throughout one window of its span.
    pub(crate) fn due(&self, traffic: &Traffic) -> u32 {
        let span = traffic.real_span();
        let windows = (span.as_nanos() / self.period.as_nanos()) as u32;
        let held = |window: u32| {
            let (from, until) = (self.period * window, self.period * (window + 1));
            traffic.users_at(from).min(traffic.users_at(until))
        };
        let throughout = (0..windows).map(held).max();
        // A span shorter than a period promises no more than its emptier end.
        throughout.unwrap_or_else(|| traffic.users_at(span).min(traffic.users_at(Duration::ZERO)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::traffic;

    fn users() -> Users {
        Users::new(&traffic(), Offset(0))
    }

    fn at(ms: u64) -> Offset {
        Offset::from(Duration::from_millis(ms))
    }

    #[test]
    fn a_user_counts_once_in_each_window() {
        let mut users = users();
        for (user, ms) in [(0, 0), (0, 5999), (7, 100), (0, 6000), (9, 30_000)] {
            users.see(user, at(ms));
        }
        assert_eq!(users.seen(), [2, 1, 0, 0, 0, 1]);
    }

    #[test]
    fn strangers_do_not_count() {
        let mut users = users();
        users.see(traffic().peak_users(), at(0));
        assert!(users.seen().is_empty());
    }

    #[test]
    fn due_are_those_whom_the_curve_holds_for_a_period() {
        let slow = traffic().at_speed(216.0).unwrap();
        let due = users().due(&slow);
        assert!(
            due == slow.peak_users() || due + 1 == slow.peak_users(),
            "{due}"
        );
        let fast = traffic().at_speed(28_800.0).unwrap();
        assert!(users().due(&fast) < fast.peak_users());
    }
}
