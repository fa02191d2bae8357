//! How long users could work, after Hauer et al., "Meaningful Availability" (NSDI 2020): a user is down from a failed
//! request until the next good one of the same class, and of all windows of one length the worst counts. It tells one
//! long outage from many short ones, and an outage of few users from one of all, which counts of requests do not.
//!
//! The paper lets any good request end it. Here a stream that answers its ping does not help a clinician whose changes are
//! refused: a user is up only while the last request of every class that it uses was good.

use std::{collections::BTreeSet, time::Duration};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use timeline::Offset;

use crate::{figures::figure, slots::CLASSES, story::Story};

/// Lengths of the windows, in seconds; those of the contract and the whole load are added to them.
const WINDOWS_S: [usize; 4] = [1, 10, 60, 300];
/// A user who asks for nothing for longer than so many periods is away, and neither up nor down.
const AWAY_PERIODS: u32 = 2;

/// The worst window of one length.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorstWindow {
    /// Length in seconds.
    pub window_s: f64,
    /// Share of the users' time in it in which they were up, in percent.
    pub up_percent: f64,
    /// Where it begins.
    pub begin_s: f64,
}

/// A user, as of its last request.
#[derive(Debug, Clone, Copy, Default)]
struct Last {
    /// Due time of that request; none before the first.
    due: Option<Offset>,
    /// Classes whose last request failed, a bit each.
    failed: u8,
}

/// The classes fit into the bits.
const _: () = assert!(CLASSES <= u8::BITS as usize);

/// User-seconds of one second of the run.
#[derive(Debug, Clone, Copy, Default)]
struct Second {
    up: f64,
    down: f64,
}

/// The users' time, added up as the arrivals come.
#[derive(Debug)]
pub(crate) struct Uptime {
    zero: Offset,
    away: Duration,
    /// Lengths of the windows in seconds, ascending.
    windows_s: Vec<usize>,
    last: Vec<Last>,
    seconds: Vec<Second>,
}

impl Uptime {
    /// For the load that the story tells.
    pub(crate) fn new(story: &Story) -> Self {
        let traffic = &story.header.drill.traffic;
        let promised = story.header.drill.contract.user_uptime.iter();
        let promised = promised.map(|clause| clause.window.as_secs() as usize);
        let windows_s: BTreeSet<_> = WINDOWS_S.into_iter().chain(promised).collect();
        let period = traffic.monitor_every().max(traffic.clinician_every());
        Self {
            zero: story.zero(),
            away: period * AWAY_PERIODS,
            windows_s: windows_s.into_iter().collect(),
            last: vec![Last::default(); story.header.drill.most_users() as usize],
            seconds: vec![],
        }
    }

    /// A request of a class that the contract names. They come in the order in which they were due.
    pub(crate) fn see(&mut self, user: u32, class: usize, due: Offset, good: bool) {
        let Some(last) = self.last.get_mut(user as usize) else {
            return;
        };
        let (before, bit) = (last.due.replace(due), 1 << class);
        let was_up = last.failed == 0;
        let stayed = before.filter(|before| due.since(*before) <= self.away);
        if stayed.is_none() {
            // Who comes back begins anew.
            last.failed = 0;
        }
        match good {
            true => last.failed &= !bit,
            false => last.failed |= bit,
        }
        if let Some(before) = stayed {
            self.spread(before, due, was_up);
        }
    }

    /// Spreads a stretch of one user's time over the seconds that it covers.
    fn spread(&mut self, from: Offset, until: Offset, up: bool) {
        let at = |moment: Offset| moment.since(self.zero).as_secs_f64();
        let (mut now, until) = (at(from), at(until));
        while now < until {
            let second = now as usize;
            let next = until.min((second + 1) as f64);
            if second >= self.seconds.len() {
                self.seconds.resize(second + 1, Second::default());
            }
            let cell = &mut self.seconds[second];
            *(if up { &mut cell.up } else { &mut cell.down }) += next - now;
            now = next;
        }
    }

    /// The worst window of each length that fits into the load, and the load as a whole.
    pub(crate) fn worst(&self) -> Vec<WorstWindow> {
        let whole = self.seconds.len();
        let lengths = self
            .windows_s
            .iter()
            .copied()
            .filter(|length| *length < whole);
        lengths
            .chain([whole])
            .filter_map(|length| self.worst_of(length))
            .collect()
    }

    fn worst_of(&self, length: usize) -> Option<WorstWindow> {
        let shares = self.seconds.windows(length.max(1)).enumerate();
        let shares = shares.filter_map(|(begin, window)| {
            let up: f64 = window.iter().map(|second| second.up).sum();
            let down: f64 = window.iter().map(|second| second.down).sum();
            (up + down > 0.0).then(|| (begin, 100.0 * up / (up + down)))
        });
        let (begin, up_percent) = shares.min_by(|a, b| a.1.total_cmp(&b.1))?;
        Some(WorstWindow {
            window_s: length as f64,
            up_percent: figure(up_percent),
            begin_s: begin as f64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Offset {
        Offset::from(Duration::from_secs_f64(seconds))
    }

    fn uptime(users: usize) -> Uptime {
        Uptime {
            zero: at(0.0),
            away: Duration::from_secs(4),
            windows_s: WINDOWS_S.to_vec(),
            last: vec![Last::default(); users],
            seconds: vec![],
        }
    }

    #[test]
    fn a_user_is_down_from_a_failure_to_the_next_success() {
        let mut uptime = uptime(1);
        for (second, good) in [(0, true), (2, false), (4, false), (6, true), (8, true)] {
            uptime.see(0, 0, at(f64::from(second)), good);
        }
        let worst = uptime.worst();
        assert_eq!(worst[0].window_s, 1.0);
        assert_eq!((worst[0].up_percent, worst[0].begin_s), (0.0, 2.0));
        let whole = worst.last().unwrap();
        assert_eq!((whole.window_s, whole.up_percent), (8.0, 50.0));
    }

    #[test]
    fn one_of_ten_users_down_is_a_tenth() {
        let mut uptime = uptime(10);
        for user in 0..10 {
            for second in 0..20 {
                let good = user != 3 || !(5..8).contains(&second);
                uptime.see(user, 0, at(f64::from(second)), good);
            }
        }
        assert_eq!(uptime.worst()[0].up_percent, 90.0);
        // 3 of the 100 user-seconds of ten seconds.
        assert_eq!(uptime.worst()[1].up_percent, 97.0);
    }

    #[test]
    fn who_is_away_is_neither_up_nor_down_and_comes_back_anew() {
        let mut uptime = uptime(1);
        uptime.see(0, 0, at(0.0), true);
        uptime.see(0, 0, at(1.0), false);
        uptime.see(0, 1, at(9.0), true);
        uptime.see(0, 1, at(10.0), true);
        uptime.see(7, 0, at(3.0), false);
        assert_eq!(uptime.worst().last().unwrap().up_percent, 100.0);
        let all: f64 = uptime.seconds.iter().map(|s| s.up + s.down).sum();
        assert_eq!(all, 2.0);
    }

    #[test]
    fn a_good_request_of_another_class_does_not_end_an_outage() {
        let (live, admin) = (0, 1);
        let mut uptime = uptime(1);
        for second in 0..12 {
            uptime.see(0, live, at(f64::from(second)), true);
        }
        uptime.see(0, admin, at(12.0), false);
        for second in 13..17 {
            uptime.see(0, live, at(f64::from(second)), true);
        }
        uptime.see(0, admin, at(17.0), true);
        uptime.see(0, live, at(24.0 - 4.0), true);
        let whole = *uptime.worst().last().unwrap();
        assert_eq!((whole.window_s, whole.up_percent), (20.0, 75.0));
    }

    #[test]
    fn nothing_has_no_worst_window() {
        assert!(uptime(3).worst().is_empty());
    }
}
