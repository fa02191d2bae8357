//! Everything that is observed apart from the arrivals.

use std::{collections::BTreeMap, time::Duration};

use drill::{Component, Drill, Role};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wire::Paged;

use crate::{ClocksCompared, DiskStall, MemberHealth, Processors, Sighting, StoredThresholds};

/// Nanoseconds since the run's start: the one clock of a timeline.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
)]
pub struct Offset(pub u64);

impl Offset {
    /// Time since the run's start.
    pub fn as_duration(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// Time since `earlier`, zero when that is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Seconds since the run's start.
    pub fn as_secs_f64(self) -> f64 {
        self.as_duration().as_secs_f64()
    }
}

impl From<Duration> for Offset {
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }
}

/// What must be known to judge a run or to repeat it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Version of the format, [`crate::FORMAT`].
    pub format: u32,
    /// The run's id.
    pub run: String,
    /// Wall time of the run's start, RFC 3339.
    pub started_at: String,
    /// The drill as it was run.
    pub drill: Drill,
    /// The run's start on the wall clock, in nanoseconds since the Unix epoch: zero of every offset. 0 in
    /// recordings of builds that did not write it.
    #[serde(default, skip_serializing_if = "is_unknown")]
    pub zero_unix_ns: u64,
    /// Version of the generator's schedule, [`drill::schedule::SCHEDULE`], by which the arrivals can be checked; 0 in recordings
    /// that do not follow it or do not tell.
    #[serde(default, skip_serializing_if = "is_untold")]
    pub schedule: u32,
    /// Compose project.
    pub project: String,
    /// Engine version, API version, kernel, cores and memory, in words.
    pub machine: BTreeMap<String, String>,
    /// The bill: one line per price row.
    pub bill: Vec<BillLine>,
    /// Every member of the topology, instruments left out; empty in runs recorded before it was kept.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<Placed>,
}

/// A member of the topology and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// Service name, such as `api-1`.
    pub name: String,
    /// Component.
    pub component: Component,
    /// Zone, such as `a`, where the topology gives one.
    pub zone: Option<String>,
}

/// Whether a build that did not write it left the wall clock's zero out.
fn is_unknown(zero_unix_ns: &u64) -> bool {
    *zero_unix_ns == 0
}

/// Whether the arrivals' schedule is not told.
fn is_untold(schedule: &u32) -> bool {
    *schedule == 0
}

/// One line of the bill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BillLine {
    /// Row of the price list.
    pub row: String,
    /// What one unit is.
    pub title: String,
    /// Units.
    pub count: u32,
    /// US dollars a month for one unit.
    pub unit_usd: f64,
}

/// One line of the timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// When it was observed.
    pub at: Offset,
    /// What was observed.
    #[serde(flatten)]
    pub event: Event,
}

/// What was observed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// First entry.
    Started(Box<Header>),
    /// The load began; arrivals count from here.
    LoadStarted,
    /// The load ended by itself.
    LoadEnded {
        /// Arrivals recorded.
        arrivals: u64,
    },
    /// An episode began: full health was held for the settle time.
    EpisodeStarted {
        /// Position in the drill, from 0.
        episode: usize,
    },
    /// A fault is about to be applied; its undo is on disk.
    FaultRequested {
        /// Position in the drill, from 0.
        episode: usize,
        /// Names of the members that suffer.
        members: Vec<String>,
        /// Roles they played at that moment.
        roles: Vec<Role>,
    },
    /// The engine has answered that the fault is applied.
    FaultApplied {
        /// Position in the drill, from 0.
        episode: usize,
    },
    /// The fault's effect was read back from the engine's own state.
    FaultProven {
        /// Position in the drill, from 0.
        episode: usize,
        /// What was seen.
        seen: String,
    },
    /// The fault could not be applied or had no effect.
    FaultFailed {
        /// Position in the drill, from 0.
        episode: usize,
        /// Why.
        reason: String,
    },
    /// Healing began.
    HealRequested {
        /// Position in the drill, from 0.
        episode: usize,
    },
    /// The undo is done.
    Healed {
        /// Position in the drill, from 0.
        episode: usize,
    },
    /// Full health is back: redundancy is restored.
    EpisodeEnded {
        /// Position in the drill, from 0.
        episode: usize,
    },
    /// The episode did not run, or did not end in full health in time.
    EpisodeFailed {
        /// Position in the drill, from 0.
        episode: usize,
        /// Why.
        reason: String,
    },
    /// The engine reported something about a member: start, die, kill, pause, unpause, oom.
    Engine {
        /// Member.
        member: String,
        /// The engine's word.
        action: String,
    },
    /// The observer saw a member change: healthy or not, role, detail.
    Member(MemberHealth),
    /// A component's own counter, as read; it falls back to 0 when its process restarts.
    Counter {
        /// Member.
        member: String,
        /// Component of the member.
        component: Component,
        /// What is counted, such as `requests` or `cache_hits`.
        counter: String,
        /// Value.
        value: f64,
    },
    /// What the machine's processors have done, as the observer sees it every second.
    Processors(Processors),
    /// A disk of the machine stood still until just now, as the observer saw it.
    DiskStall(DiskStall),
    /// The controller compared its clocks with those of an instrument.
    Clock(ClocksCompared),
    /// The controller stood still until just now: nothing that it does or times was done or timed meanwhile.
    Stalled {
        /// For how long.
        lasted: Duration,
    },
    /// The observer itself lost sight: what it reports is incomplete from here on.
    ObserverLost {
        /// Why.
        reason: String,
    },
    /// Every stored reading was read from the database, after full health came back and the queues were drained.
    LedgerTaken {
        /// Readings found.
        readings: u64,
    },
    /// The stored readings could not be read.
    LedgerFailed {
        /// Why.
        reason: String,
    },
    /// Every patient's thresholds were read from the database, after full health came back and the queues were drained.
    ThresholdsTaken {
        /// In the order of their numbers.
        patients: Vec<StoredThresholds>,
    },
    /// The stored thresholds could not be read.
    ThresholdsFailed {
        /// Why.
        reason: String,
    },
    /// The third party's own book of the pages that it took, read after everything had healed.
    PagesTaken {
        /// In the order in which they were taken.
        pages: Vec<Paged>,
    },
    /// The third party's book could not be read.
    PagesFailed {
        /// Why.
        reason: String,
    },
    /// The drill's guard ended the run before its end; everything was healed.
    Stopped {
        /// Which of its limits was reached.
        reason: String,
    },
    /// The run was interrupted and healed.
    Interrupted,
    /// Last entry of a run that came to its end.
    Finished,
}

impl From<Sighting> for Event {
    fn from(sighting: Sighting) -> Self {
        match sighting {
            Sighting::Member(health) => Self::Member(health),
            Sighting::Counter {
                member,
                component,
                counter,
                value,
            } => Self::Counter {
                member,
                component,
                counter,
                value,
            },
            Sighting::Processors(processors) => Self::Processors(processors),
            Sighting::DiskStall(stall) => Self::DiskStall(stall),
        }
    }
}
