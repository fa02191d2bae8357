//! What a clinician was told over streams: said when one is opened again, so that nothing is missed or sent twice.

use std::collections::VecDeque;

use uuid::Uuid;
use wire::{Alert, RESUME_OVERLAP_MS};

/// As many as the server lets a client name.
const MOST: usize = 64;

/// The newest moment and the alerts around it.
#[derive(Debug, Default)]
pub(crate) struct Told {
    since_ms: Option<i64>,
    /// The newest ones, with the moment at which each was raised.
    shown: VecDeque<(Uuid, i64)>,
}

impl Told {
    /// A stream was opened at this moment of the server's.
    pub(crate) fn hello(&mut self, at_ms: i64) {
        self.since_ms = self.since_ms.max(Some(at_ms));
    }

    /// An alert was shown, for the first time or again.
    pub(crate) fn alert(&mut self, alert: &Alert) {
        self.hello(alert.raised_at_ms);
        if self.shown.iter().any(|(id, _)| *id == alert.id) {
            return;
        }
        if self.shown.len() == MOST {
            self.shown.pop_front();
        }
        self.shown.push_back((alert.id, alert.raised_at_ms));
    }

    /// What is added to the address of the next stream.
    pub(crate) fn query(&self) -> String {
        let Some(since_ms) = self.since_ms else {
            return String::new();
        };
        let mut query = format!("&since_ms={since_ms}");
        let from_ms = since_ms.saturating_sub(RESUME_OVERLAP_MS);
        let around = self.shown.iter().filter(|(_, at_ms)| *at_ms > from_ms);
        let ids: Vec<_> = around.map(|(id, _)| id.simple().to_string()).collect();
        if !ids.is_empty() {
            query.push_str("&seen=");
            query.push_str(&ids.join(","));
        }
        query
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(id: u128, raised_at_ms: i64) -> Alert {
        Alert {
            id: Uuid::from_u128(id),
            reading_id: Uuid::nil(),
            patient_id: 3,
            ward: 3,
            kind: "spo2-low".into(),
            value: 80,
            raised_at_ms,
        }
    }

    #[test]
    fn who_was_told_nothing_asks_for_nothing() {
        assert_eq!(Told::default().query(), "");
    }

    #[test]
    fn the_newest_moment_counts_and_alerts_around_it_are_named() {
        let mut told = Told::default();
        told.hello(100_000);
        told.alert(&alert(1, 30_000));
        told.alert(&alert(2, 100_500));
        told.alert(&alert(3, 90_000));
        told.alert(&alert(2, 100_500));
        let [two, three] = [2, 3].map(|id| Uuid::from_u128(id).simple().to_string());
        assert_eq!(told.query(), format!("&since_ms=100500&seen={two},{three}"));
    }

    #[test]
    fn no_more_are_named_than_the_server_takes() {
        let mut told = Told::default();
        for id in 0..100 {
            told.alert(&alert(id, 5));
        }
        assert_eq!(told.query().split(',').count(), MOST);
    }
}
