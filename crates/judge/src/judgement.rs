//! What the judge says: the verdict, the findings it is the worst of, and the figures behind them.

use std::collections::BTreeMap;

use drill::Contract;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use timeline::Offset;

use crate::{
    Kept, PageFigures, PressureFigures,
    budget::{self, Budget},
    changes::ChangeFigures,
    claim::{self, Claim},
    clauses, counters, episodes,
    evidence::{self, Recording},
    figures::{
        ClassFigures, ComponentFigures, EpisodeFigures, LedgerFigures, LoadFigures, QuietFigures,
        Series,
    },
    in_run::{self, InRun},
    load,
    members::{self, MemberFigures},
    pressure, series,
    story::Story,
    strain::{self, StrainFigures},
    streams::StreamFigures,
    tally::Tally,
    uptime::WorstWindow,
    witnesses::{self, Witness},
};

/// Whether a promise was kept. Ordered: the worst of several is the greatest.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The promise was kept in this run.
    Held,
    /// The run does not prove anything about the promise.
    Unproven,
    /// The promise was not kept.
    Broken,
}

impl Verdict {
    /// The word for reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Unproven => "unproven",
            Self::Broken => "broken",
        }
    }
}

/// What a finding is about.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Clause {
    /// What the run burned of the outage budget, as time and as requests.
    Availability,
    /// What may be claimed for a whole window, against the outage budget.
    Claim,
    /// Requests without a good answer, however many were asked.
    FailedRequests,
    /// The users' time in the worst window.
    UserUptime,
    /// A percentile of latency.
    Latency,
    /// From a fault to the last request that it cost.
    Recovery,
    /// From healing to full health.
    Redundancy,
    /// From the acknowledgement of an alarming reading to its alert at a clinician.
    Alerts,
    /// Alerts that were shown to the same clinician more than once.
    RepeatedAlerts,
    /// Alarming readings of which staff was not notified through the third party.
    Pages,
    /// From the due time of an alarming reading to its page at the third party.
    PageDelivery,
    /// Two members as primary at the same time.
    SplitBrain,
    /// Reads that showed less than had been seen before, longer ago than the bound.
    Staleness,
    /// Acknowledged readings that are not stored as they were posted.
    AcknowledgedLoss,
    /// Acknowledged changes of thresholds that do not stand in the database.
    LostChanges,
    /// Readings that are stored more than once, and pages that staff was called with more than once.
    Duplicates,
    /// What the topology costs.
    Bill,
    /// Whether the run can prove anything.
    Evidence,
    /// Reads that did not show a reading that was acknowledged longer ago than the bound.
    Visibility,
}

impl Clause {
    /// Every clause.
    pub const ALL: [Self; 19] = [
        Self::Availability,
        Self::Claim,
        Self::FailedRequests,
        Self::UserUptime,
        Self::Latency,
        Self::Recovery,
        Self::Redundancy,
        Self::Alerts,
        Self::RepeatedAlerts,
        Self::Pages,
        Self::PageDelivery,
        Self::SplitBrain,
        Self::Staleness,
        Self::AcknowledgedLoss,
        Self::LostChanges,
        Self::Duplicates,
        Self::Bill,
        Self::Evidence,
        Self::Visibility,
    ];

    /// The word for reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Availability => "availability",
            Self::Claim => "claim",
            Self::FailedRequests => "failed requests",
            Self::UserUptime => "user uptime",
            Self::Latency => "latency",
            Self::Recovery => "recovery",
            Self::Redundancy => "redundancy",
            Self::Alerts => "alerts",
            Self::RepeatedAlerts => "repeated alerts",
            Self::Pages => "pages",
            Self::PageDelivery => "page delivery",
            Self::SplitBrain => "split brain",
            Self::Staleness => "staleness",
            Self::AcknowledgedLoss => "acknowledged loss",
            Self::LostChanges => "lost changes",
            Self::Duplicates => "duplicates",
            Self::Bill => "bill",
            Self::Evidence => "evidence",
            Self::Visibility => "visibility",
        }
    }
}

/// The unit of a measured number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unit {
    /// Seconds.
    Seconds,
    /// Milliseconds.
    Milliseconds,
    /// US dollars a month.
    UsdMonthly,
    /// Percent.
    Percent,
    /// A plain count.
    Count,
}

/// A value, in words and as a number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Measure {
    /// In words, unit included.
    pub text: String,
    /// As a number; none when the value is worse than any number, such as the latency of a failed request.
    pub number: Option<f64>,
    /// Unit of the number.
    pub unit: Unit,
}

/// Where to look.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// Entries of the timeline, by their offset.
    pub offsets: Vec<Offset>,
    /// Episodes, by name.
    pub episodes: Vec<String>,
}

/// One clause of the contract, judged, or one reason why the run proves less than it should.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// What it is about.
    pub clause: Clause,
    /// The clause in a few words, such as `latency p99`.
    pub title: String,
    /// Kept, broken or unproven.
    pub verdict: Verdict,
    /// What was measured.
    pub measured: Measure,
    /// What was promised.
    pub limit: Option<Measure>,
    /// The reasoning, as one or two sentences.
    pub why: String,
    /// Where to look.
    pub evidence: Evidence,
}

/// One line of the bill with its sum.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BillFigure {
    /// Row of the price list.
    pub row: String,
    /// What one unit is.
    pub title: String,
    /// Units.
    pub count: u32,
    /// US dollars a month for one unit.
    pub unit_usd: f64,
    /// US dollars a month for all units.
    pub sum_usd: f64,
}

/// What the topology costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Bill {
    /// One line per price row.
    pub lines: Vec<BillFigure>,
    /// US dollars a month in total.
    pub total_usd: f64,
}

/// A judged run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Judgement {
    /// The worst of the findings.
    pub verdict: Verdict,
    /// The verdict and its reason, in one line.
    pub summary: String,
    /// The run's id.
    pub run: String,
    /// Wall time of the run's start, RFC 3339.
    pub started_at: String,
    /// Name of the drill.
    pub drill: String,
    /// What the drill does.
    pub about: String,
    /// What to take home.
    pub lesson: String,
    /// Topology.
    pub topology: String,
    /// Seed of every random choice.
    pub seed: u64,
    /// The machine, in words.
    pub machine: BTreeMap<String, String>,
    /// What was promised.
    pub contract: Contract,
    /// Every clause and every reason for doubt, in the contract's order.
    pub findings: Vec<Finding>,
    /// Components whose fault took at least one class of traffic down, in the order of the episodes.
    pub took_down: Vec<String>,
    /// The load as a whole.
    pub load: LoadFigures,
    /// Each class of traffic that the contract names or that was seen.
    pub classes: Vec<ClassFigures>,
    /// Each episode of the drill, in order.
    pub episodes: Vec<EpisodeFigures>,
    /// Who came with each fault of the load, and what became of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pressures: Vec<PressureFigures>,
    /// How hard the database and the pools in front of it worked, where the drill has a fault of the load.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub strain: Vec<StrainFigures>,
    /// The worst window of the users' time, for each of several lengths.
    #[serde(default)]
    pub user_uptime: Vec<WorstWindow>,
    /// What followers of live streams went through; none in recordings that do not tell it.
    #[serde(default)]
    pub streams: Option<StreamFigures>,
    /// The time outside all episodes.
    pub quiet: QuietFigures,
    /// What users of each promised class had in this run.
    #[serde(default)]
    pub in_run: Vec<InRun>,
    /// What each episode took of the outage budget.
    pub budget: Budget,
    /// Every member of the topology, with the episodes that it suffered.
    pub members: Vec<MemberFigures>,
    /// Who showed each fault, apart from those who suffered it.
    pub witnesses: Vec<Witness>,
    /// What may be claimed for a whole window with such faults.
    #[serde(default)]
    pub claim: Claim,
    /// What was acknowledged against what is stored; none when the stored readings were not read.
    #[serde(default)]
    pub ledger: Option<LedgerFigures>,
    /// Alarming readings against the third party's book; none when it was not read.
    #[serde(default)]
    pub pages: Option<PageFigures>,
    /// Acknowledged changes of thresholds against those that are stored; none when they were not read.
    #[serde(default)]
    pub changes: Option<ChangeFigures>,
    /// What each component counted itself.
    pub components: Vec<ComponentFigures>,
    /// The bill.
    pub bill: Bill,
    /// The run over time, for charts.
    pub series: Series,
    /// Command that repeats the run.
    pub rerun: String,
    /// Command that judges this recording again.
    pub rejudge: String,
}

/// Puts the judgement together from what the run's two recordings hold.
pub(crate) fn assemble(
    story: &Story,
    tally: &Tally,
    recording: &Recording,
    kept: Kept,
) -> Judgement {
    let drill = &story.header.drill;
    let episodes = episodes::figures(story, tally);
    let took_down = episodes::took_down(&episodes);
    let bill = bill(story);
    let load = load::figures(story, tally);
    let classes = load::classes(story, tally);
    let quiet = episodes::quiet(story, tally);
    let budget = budget::budget(drill, &episodes, &quiet, load.seconds);
    let asked = classes.iter().map(|row| (row.class, row.toll.requests));
    let claim = claim::claim(drill, &episodes, &quiet, &asked.collect(), load.seconds);
    let told = clauses::Told {
        episodes: &episodes,
        budget: &budget,
        claim: &claim,
    };
    let mut findings = clauses::findings(story, tally, &told, &bill, &kept);
    findings.extend(evidence::findings(story, tally, recording, &load));
    // A drill always has an availability clause, so there is always a finding.
    let worst = findings.iter().map(|finding| finding.verdict).max();
    let verdict = worst.unwrap_or(Verdict::Unproven);
    Judgement {
        verdict,
        summary: summary(verdict, &findings),
        run: story.header.run.clone(),
        started_at: story.header.started_at.clone(),
        drill: drill.name.clone(),
        about: drill.about.clone(),
        lesson: drill.lesson.clone(),
        topology: drill.topology.clone(),
        seed: drill.seed,
        machine: story.header.machine.clone(),
        contract: drill.contract.clone(),
        budget,
        members: members::figures(story),
        witnesses: witnesses::witnesses(story),
        pressures: pressure::figures(story, tally),
        strain: strain::figures(story, tally),
        user_uptime: tally.uptime.worst(),
        streams: tally.streams,
        claim,
        in_run: in_run::in_run(&classes, load.seconds),
        classes,
        quiet,
        ledger: kept.ledger,
        pages: kept.pages,
        changes: kept.changes,
        components: counters::figures(&story.counters),
        series: series::series(story, tally),
        rerun: format!("gameday run .gameday/runs/{}/drill.toml", story.header.run),
        rejudge: format!("gameday judge {}", story.header.run),
        findings,
        took_down,
        load,
        episodes,
        bill,
    }
}

/// The worst findings, by title.
fn summary(verdict: Verdict, findings: &[Finding]) -> String {
    let worst = findings.iter().filter(|finding| finding.verdict == verdict);
    let mut titles: Vec<_> = worst.map(|finding| finding.title.as_str()).collect();
    titles.dedup();
    let titles = titles.join(", ");
    match verdict {
        Verdict::Held => "every clause of the contract was kept in this run".into(),
        Verdict::Unproven => format!("the run proves too little: {titles}"),
        Verdict::Broken => format!("not kept: {titles}"),
    }
}

fn bill(story: &Story) -> Bill {
    let lines: Vec<_> = story
        .header
        .bill
        .iter()
        .map(|line| BillFigure {
            row: line.row.clone(),
            title: line.title.clone(),
            count: line.count,
            unit_usd: line.unit_usd,
            sum_usd: cents(f64::from(line.count) * line.unit_usd),
        })
        .collect();
    let total_usd = cents(lines.iter().map(|line| line.sum_usd).sum());
    Bill { lines, total_usd }
}

fn cents(usd: f64) -> f64 {
    (usd * 100.0).round() / 100.0
}
