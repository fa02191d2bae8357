//! The figures of a run. All times are seconds since the load's start unless said otherwise.

use std::collections::BTreeMap;

use drill::{Class, Component, Role};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{disks::DiskStallFigures, machine::MachineFigures, outage::Outage};

/// A figure to six decimals: more is noise, and would not survive being written as JSON and read again.
pub(crate) fn figure(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// What users of one class suffered in some stretch of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClassToll {
    /// The class.
    pub class: Class,
    /// Requests due.
    pub requests: u64,
    /// Requests without a good answer.
    pub bad: u64,
    /// Good ones that were so only at the second attempt; none in figures that do not tell it.
    #[serde(default)]
    pub good_again: Option<u64>,
    /// Seconds in which more than [`crate::BAD_SECOND_ABOVE_PERCENT`] of the class's requests were bad.
    pub bad_seconds: u64,
    /// Time without a good answer, in seconds: each request speaks for the time from half way to the one before it to half way
    /// to the one after it, steady probes among them. Of the live class, the time that followers were without a working stream,
    /// each moment as the share of them, where the recording tells it.
    pub bad_second_equivalents: f64,
    /// Seconds in which more than half of the class's requests were bad.
    pub down_seconds: u64,
    /// Longest run of such seconds without a better one between them.
    pub longest_outage_s: u64,
    /// Time without a good answer that the class's requests are too far apart to show, in seconds: the longest time between two
    /// of them, and of a run the sum over its episodes. None in figures that do not tell it, and of a class that nobody asks for.
    #[serde(default)]
    pub resolution_s: Option<f64>,
}

/// What users suffered in some stretch of time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Toll {
    /// Requests due.
    pub requests: u64,
    /// Requests without a good answer.
    pub bad: u64,
    /// Bad seconds of the worst class.
    pub bad_seconds: u64,
    /// Bad-second-equivalents of the worst class.
    pub bad_second_equivalents: f64,
    /// The class with the most bad-second-equivalents, if any lost anything.
    pub worst_class: Option<Class>,
    /// Classes that were down for at least one second.
    pub down: Vec<Class>,
    /// Longest continuous outage of any class, in seconds.
    pub longest_outage_s: u64,
    /// Class by class.
    pub by_class: Vec<ClassToll>,
}

/// How far an episode came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EpisodeState {
    /// Full health, a proven fault, and full health again.
    Complete,
    /// The fault was applied, but its effect was not seen.
    NotProven,
    /// The fault was proven, but a promised class was not asked for while it lasted.
    NotMet,
    /// The fault was healed, but full health did not come back in time.
    NotRecovered,
    /// The fault was never applied.
    NotRun,
}

/// One episode.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EpisodeFigures {
    /// Name, unique within the drill.
    pub name: String,
    /// Target as the drill says it.
    pub target: String,
    /// Component of the target, and the role where the drill names one, such as `postgres (primary)`.
    pub victim: String,
    /// The fault.
    pub fault: String,
    /// Members that suffered.
    pub members: Vec<String>,
    /// Roles that they played.
    pub roles: Vec<Role>,
    /// How far it came.
    pub state: EpisodeState,
    /// Why it did not come further, or what was seen of the fault.
    pub detail: String,
    /// When the fault was requested.
    pub begin_s: Option<f64>,
    /// When healing was requested.
    pub heal_s: Option<f64>,
    /// When full health was back.
    pub end_s: Option<f64>,
    /// From the fault's being applied to the request to heal it, in seconds.
    pub hold_s: Option<f64>,
    /// From the request of the fault to the engine's word that it is applied, in seconds.
    #[serde(default)]
    pub applied_s: Option<f64>,
    /// From the request of the fault to the engine's own event of its effect, in seconds.
    #[serde(default)]
    pub effect_s: Option<f64>,
    /// From the fault to the first trouble that another component told of through its own interface, in seconds.
    #[serde(default)]
    pub detected_s: BTreeMap<Component, f64>,
    /// From the fault to the due time of the first bad request, in seconds.
    pub first_bad_s: Option<f64>,
    /// From the fault to the due time of the last bad request, in seconds.
    pub last_bad_s: Option<f64>,
    /// From the fault to the first sight of a victim's ill health, in seconds.
    pub noticed_s: Option<f64>,
    /// From the fault to the first sight of another member in the victim's role, in seconds.
    pub replaced_s: Option<f64>,
    /// From the end of healing to full health, in seconds.
    pub recovery_s: Option<f64>,
    /// From the fault to full health, in seconds: the time at reduced redundancy.
    pub exposed_s: Option<f64>,
    /// How long each class that suffered was kept out.
    #[serde(default)]
    pub outages: Vec<Outage>,
    /// What users suffered.
    pub toll: Toll,
}

/// The time outside all episodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QuietFigures {
    /// Its length within the load, in seconds.
    pub seconds: f64,
    /// What users suffered in it.
    pub toll: Toll,
}

/// Percentiles, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Percentiles {
    /// Half are at most this.
    pub p50_ms: Option<f64>,
    /// 95 % are at most this.
    pub p95_ms: Option<f64>,
    /// 99 % are at most this.
    pub p99_ms: Option<f64>,
    /// 99.9 % are at most this.
    pub p999_ms: Option<f64>,
    /// All are at most this.
    pub max_ms: Option<f64>,
}

/// How late the generator was with its own requests.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Lateness {
    /// Sent minus due.
    #[serde(flatten)]
    pub sent: Percentiles,
    /// Requests not sent at all.
    pub not_sent: u64,
}

/// The load as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LoadFigures {
    /// From the load's start to its end, in seconds.
    pub seconds: f64,
    /// Scenario time that the curve spans, in hours.
    pub scenario_hours: f64,
    /// How many times faster than the day the curve was walked.
    pub speed: f64,
    /// Users in the quiet hour of the curve.
    pub baseline_users: u32,
    /// Most users that the curve reaches.
    pub peak_users: u32,
    /// Most distinct users seen within one period of a user.
    pub users_seen: u32,
    /// Most users that the curve holds for a whole period: this many must be seen.
    pub users_due: u32,
    /// Arrivals recorded, those of abusers left out.
    pub arrivals: u64,
    /// Arrivals without a good answer.
    pub bad: u64,
    /// Most requests a second over ten seconds.
    pub peak_requests_per_s: f64,
    /// Requests a second over the whole load.
    pub mean_requests_per_s: f64,
    /// The generator's own lateness.
    pub lateness: Lateness,
    /// How much of the machine was to be had; none in recordings that do not tell it.
    #[serde(default)]
    pub machine: Option<MachineFigures>,
    /// When the machine's disks stood still, the first time first; nothing in recordings that do not tell it.
    #[serde(default)]
    pub disk_stalls: Vec<DiskStallFigures>,
}

/// One class of traffic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ClassFigures {
    /// The class.
    pub class: Class,
    /// Whether the contract names it.
    pub promised: bool,
    /// Arrivals by outcome; outcomes that did not occur are left out.
    pub outcomes: BTreeMap<String, u64>,
    /// Share of requests with a good answer, in percent.
    pub good_percent: Option<f64>,
    /// The same at the first attempt, as users would see it who never try again.
    #[serde(default)]
    pub good_at_first_percent: Option<f64>,
    /// Over all requests, a failed one counting as slower than any answer; none where the percentile falls
    /// on a failed request. The clauses are judged by these.
    pub latency: Percentiles,
    /// Lower ends of the 95 % intervals of `latency`; requests of one second share their fate and count once.
    pub latency_low: Percentiles,
    /// Upper ends of the 95 % intervals of `latency`.
    pub latency_high: Percentiles,
    /// Seconds in which a request was due: what those intervals count.
    pub seconds: u64,
    /// Over the good answers alone.
    pub answered: Percentiles,
    /// What users suffered in the whole run.
    pub toll: ClassToll,
}

/// What is wrong with one reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EntryFault {
    /// Acknowledged and not stored.
    Lost,
    /// Acknowledged and stored with other values.
    Altered,
    /// Stored more than once.
    Duplicated,
    /// Alarming and acknowledged, and staff was not notified.
    NotPaged,
    /// Stored without an acknowledgement, and with other values than were posted.
    AlteredUnacknowledged,
}

/// One reading that is not stored as it should be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LedgerEntry {
    /// The reading's id.
    pub reading_id: String,
    /// What is wrong with it.
    pub fault: EntryFault,
    /// When it was due.
    pub due_s: f64,
    /// The episode in which it was due, or which began up to 2 s later; none in quiet time.
    pub episode: Option<String>,
}

/// What was acknowledged against what is stored.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct LedgerFigures {
    /// Whether every stored reading was read.
    pub complete: bool,
    /// Readings that a monitor was told are kept.
    pub acknowledged: u64,
    /// Readings found in the database.
    pub stored: u64,
    /// Acknowledged and not found.
    pub lost: u64,
    /// Acknowledged and found with other values.
    pub altered: u64,
    /// Found once more than once.
    pub duplicated: u64,
    /// Found although the monitor had given up on them: nobody promised to keep them, but what is shown must be true.
    pub unacknowledged: u64,
    /// Of those, found with other values than the monitor posted.
    #[serde(default)]
    pub altered_unacknowledged: u64,
    /// Found and compared, value by value, with what the monitor posted; none in figures that do not tell it.
    #[serde(default)]
    pub compared: Option<u64>,
    /// Found and not of this run.
    pub foreign: u64,
    /// Lost or altered, whether acknowledged or not, by the episode in which they were due; the empty name is the quiet time.
    pub by_episode: BTreeMap<String, u64>,
    /// The first hundred that are not stored as they should be.
    pub named: Vec<LedgerEntry>,
}

/// How a counter's samples become one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Increase over the run; a process that restarts begins at 0 again.
    Total,
    /// Highest value seen: a level, not a count.
    Highest,
}

/// One counter of a component.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CounterFigures {
    /// What is counted.
    pub counter: String,
    /// How `value` and `by_member` come about.
    pub kind: Kind,
    /// Over all members: their sum for a total, their highest for a level.
    pub value: f64,
    /// Member by member.
    pub by_member: BTreeMap<String, f64>,
}

/// What one component counted itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ComponentFigures {
    /// The component.
    pub component: Component,
    /// Its counters, by name.
    pub counters: Vec<CounterFigures>,
}

/// The run over time. Every list has one value per step.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Series {
    /// Where the first step begins.
    pub begin_s: f64,
    /// Length of a step of `requests` and `bad`.
    pub step_s: u64,
    /// Requests due, by class.
    pub requests: BTreeMap<Class, Vec<u64>>,
    /// Requests without a good answer, by class.
    pub bad: BTreeMap<Class, Vec<u64>>,
    /// Requests due, of all classes.
    pub requests_all: Vec<u64>,
    /// Requests without a good answer, of all classes.
    pub bad_all: Vec<u64>,
    /// Length of a step of `answered_p99_ms`.
    pub latency_step_s: u64,
    /// p99 of the good answers of all promised classes; none where there was no answer.
    pub answered_p99_ms: Vec<Option<f64>>,
    /// Length of a step of `users`.
    pub users_step_s: f64,
    /// Distinct users seen.
    pub users: Vec<u32>,
}
