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
    /// Readings whose first page was taken later than the contract's bound, missing ones left out.
    #[serde(default)]
    pub late: u64,
    /// Readings whose page was taken before they were due, by the two wall clocks: then no time between them is known.
    #[serde(default)]
    pub early: u64,
    /// Late, by the episode in which the reading was due; the empty name is the quiet time.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub late_by_episode: BTreeMap<String, u64>,
    /// From the due time of a reading to the first of its pages, the longest; none where the recording lacks the wall
    /// clock's zero, or nothing came.
    pub slowest_s: Option<f64>,
    /// Missing, by the episode in which the reading was due; the empty name is the quiet time.
    pub by_episode: BTreeMap<String, u64>,
    /// The first hundred readings without a page.
    pub named: Vec<LedgerEntry>,
}

/// Compares. `place` tells in which episode a moment falls, `zero_unix_ns` is the wall clock at offset 0, and a page that was
/// taken more than `within` after its reading was due is late.
pub(crate) fn compare(
    acknowledged: &Acknowledged,
    book: &[Paged],
    zero_unix_ns: u64,
    within: Option<Duration>,
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
            Some(taken_at_ms) => match waited(*taken_at_ms, zero_unix_ns, due) {
                Waited::Unknown => {}
                Waited::Early => figures.early += 1,
                Waited::For(waited) => {
                    slowest = slowest.max(Some(waited));
                    if within.is_some_and(|within| waited > within) {
                        figures.late += 1;
                        let name = place(due).unwrap_or_default();
                        *figures.late_by_episode.entry(name).or_default() += 1;
                    }
                }
            },
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

/// Time from a reading to its page.
enum Waited {
    /// The recording does not tell the wall clock's zero, or the page bears no time.
    Unknown,
    /// The page seems to be older than the reading.
    Early,
    /// So long.
    For(Duration),
}

fn waited(taken_at_ms: i64, zero_unix_ns: u64, due: Offset) -> Waited {
    let (1.., Ok(taken_ms)) = (zero_unix_ns, u64::try_from(taken_at_ms)) else {
        return Waited::Unknown;
    };
    let due = Duration::from_nanos(zero_unix_ns) + due.as_duration();
    // The page's time is cut to whole milliseconds.
    let taken = Duration::from_millis(taken_ms);
    match taken + Duration::from_millis(1) < due {
        true => Waited::Early,
        false => Waited::For(taken.saturating_sub(due)),
    }
}
