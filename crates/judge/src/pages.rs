//! The third party's book against the alarming readings that were acknowledged: staff must hear of each.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use timeline::Offset;
use uuid::Uuid;
use wire::Paged;

use crate::{
    figures::{EntryFault, LedgerEntry, figure},
    ledger::{Acknowledged, MOST_NAMED},
};

/// Alarming readings that were acknowledged, against the pages that the third party took.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct PageFigures {
    /// Acknowledged readings that alarm.
    pub due: u64,
    /// Pages in the third party's book.
    pub taken: u64,
    /// Readings without a page.
    pub missing: u64,
    /// Pages taken once more than once: delivery is at least once, and the third party tells by the alert's id.
    pub repeated: u64,
    /// From the due time of a reading to the first of its pages, the longest; none where the recording lacks the wall
    /// clock's zero, or nothing came.
    pub slowest_s: Option<f64>,
    /// Missing, by the episode in which the reading was due; the empty name is the quiet time.
    pub by_episode: BTreeMap<String, u64>,
    /// The first hundred readings without a page.
    pub named: Vec<LedgerEntry>,
}

/// Compares. `place` tells in which episode a moment falls, `zero_unix_ns` is the wall clock at offset 0.
pub(crate) fn compare(
    acknowledged: &Acknowledged,
    book: &[Paged],
    zero_unix_ns: u64,
    place: impl Fn(Offset) -> Option<String>,
) -> PageFigures {
    let mut first: HashMap<Uuid, i64> = HashMap::new();
    let mut alerts = HashSet::new();
    for page in book {
        alerts.insert(page.alert_id);
        let taken = first.entry(page.reading_id).or_insert(page.taken_at_ms);
        *taken = page.taken_at_ms.min(*taken);
    }
    let mut figures = PageFigures {
        taken: book.len() as u64,
        repeated: (book.len() - alerts.len()) as u64,
        ..PageFigures::default()
    };
    let mut slowest = None;
    for (reading_id, due) in acknowledged.alarming() {
        figures.due += 1;
        match first.get(&reading_id) {
            Some(taken_at_ms) => slowest = slowest.max(waited(*taken_at_ms, zero_unix_ns, due)),
            None => figures.miss(reading_id, acknowledged.seconds(due), place(due)),
        }
    }
    figures.slowest_s = slowest.map(|waited| figure(waited.as_secs_f64()));
    figures
}

impl PageFigures {
    fn miss(&mut self, reading_id: Uuid, due_s: f64, episode: Option<String>) {
        self.missing += 1;
        let name = episode.clone().unwrap_or_default();
        *self.by_episode.entry(name).or_default() += 1;
        if self.named.len() < MOST_NAMED {
            self.named.push(LedgerEntry {
                reading_id: reading_id.to_string(),
                fault: EntryFault::NotPaged,
                due_s,
                episode,
            });
        }
    }
}

fn waited(taken_at_ms: i64, zero_unix_ns: u64, due: Offset) -> Option<Duration> {
    if zero_unix_ns == 0 {
        return None;
    }
    let taken = Duration::from_millis(u64::try_from(taken_at_ms).ok()?);
    let due = Duration::from_nanos(zero_unix_ns) + due.as_duration();
    Some(taken.saturating_sub(due))
}
