//! What a live server has delivered, kept for clients that come back, so that the database is seldom asked.

use std::collections::VecDeque;

use service_kit::recent::Recent;
use uuid::Uuid;

use crate::hub::{CLIENT_QUEUE, Frame};

/// Alerts remembered as delivered: those of hours, and with them whatever a failover of the database delays.
const REMEMBERED: usize = 8192;
/// Alerts kept for clients that come back while the database does not have them yet.
const KEPT: usize = 1024;
/// Of these, the most that one client is sent: its queue has room for what comes live.
const MOST_RESUMED: usize = CLIENT_QUEUE / 2;

/// An alert that was delivered here.
struct Kept {
    ward: u32,
    raised_at_ms: i64,
    frame: Frame,
}

pub(crate) struct Memory {
    delivered: Recent<Uuid>,
    kept: VecDeque<Kept>,
    /// Whatever was raised after this moment has been kept, or will still be delivered; `None` until the sweep began.
    complete_from_ms: Option<i64>,
}

impl Memory {
    pub(crate) fn new() -> Self {
        Self {
            delivered: Recent::new(REMEMBERED),
            kept: VecDeque::new(),
            complete_from_ms: None,
        }
    }

    /// Alerts stored before this process began, none of them raised after `until_ms`: not news, and not kept here.
    pub(crate) fn begin(&mut self, ids: Vec<Uuid>, until_ms: i64) {
        self.complete_from_ms = self.complete_from_ms.max(Some(until_ms));
        for id in ids {
            self.delivered.insert(id);
        }
    }

    /// Whether an alert was not known; it is now.
    pub(crate) fn is_news(&mut self, id: Uuid) -> bool {
        self.delivered.insert(id)
    }

    /// Keeps what was delivered; the oldest is forgotten when there is no room.
    pub(crate) fn keep(&mut self, ward: u32, raised_at_ms: i64, frame: Frame) {
        if self.kept.len() == KEPT
            && let Some(oldest) = self.kept.pop_front()
        {
            let from_ms = &mut self.complete_from_ms;
            *from_ms = from_ms.map(|from_ms| from_ms.max(oldest.raised_at_ms));
        }
        self.kept.push_back(Kept {
            ward,
            raised_at_ms,
            frame,
        });
    }

    /// A ward's newest alerts raised after a moment, oldest first, and whether there are no more: the database may
    /// have some that are older than this process, or forgotten here.
    pub(crate) fn since(&self, ward: u32, since_ms: i64) -> (Vec<&Frame>, bool) {
        let missed = |kept: &&Kept| kept.ward == ward && kept.raised_at_ms > since_ms;
        let mut newest: Vec<_> = self.kept.iter().rev().filter(missed).collect();
        let from_ms = self.complete_from_ms;
        let all =
            newest.len() <= MOST_RESUMED && from_ms.is_some_and(|from_ms| from_ms <= since_ms);
        newest.truncate(MOST_RESUMED);
        let frames = newest.into_iter().rev().map(|kept| &kept.frame);
        (frames.collect(), all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(memory: &mut Memory, ward: u32, raised_at_ms: i64) {
        let frame = Frame::Alert(Uuid::nil(), "{}".into());
        memory.keep(ward, raised_at_ms, frame);
    }

    fn sends(memory: &Memory, ward: u32, since_ms: i64) -> (usize, bool) {
        let (frames, all) = memory.since(ward, since_ms);
        (frames.len(), all)
    }

    #[test]
    fn nothing_is_everything_before_the_sweep_began() {
        let mut memory = Memory::new();
        keep(&mut memory, 7, 100);
        assert_eq!(sends(&memory, 7, 99), (1, false));
    }

    #[test]
    fn what_was_stored_before_this_process_is_no_news_and_has_to_be_asked_for() {
        let mut memory = Memory::new();
        // Its worker's clock is ahead: this process began at 60.
        memory.begin(vec![Uuid::from_u128(1)], 90);
        assert!(!memory.is_news(Uuid::from_u128(1)));
        assert!(memory.is_news(Uuid::from_u128(2)));
        assert_eq!(sends(&memory, 7, 89), (0, false));
        assert_eq!(sends(&memory, 7, 90), (0, true));
    }

    #[test]
    fn what_is_forgotten_has_to_be_asked_for() {
        let mut memory = Memory::new();
        memory.begin(Vec::new(), 50);
        for _ in 0..=KEPT {
            keep(&mut memory, 8, 100);
        }
        assert_eq!(sends(&memory, 7, 100), (0, true));
        assert_eq!(sends(&memory, 7, 99), (0, false));
    }

    #[test]
    fn more_than_a_queue_has_room_for_has_to_be_asked_for() {
        let mut memory = Memory::new();
        memory.begin(Vec::new(), 50);
        for _ in 0..MOST_RESUMED {
            keep(&mut memory, 7, 200);
        }
        assert_eq!(sends(&memory, 7, 150), (MOST_RESUMED, true));
        keep(&mut memory, 7, 200);
        assert_eq!(sends(&memory, 7, 150), (MOST_RESUMED, false));
    }
}
