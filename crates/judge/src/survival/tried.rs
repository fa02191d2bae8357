//! One trial as a run showed it, and whether it proves anything.

use drill::{
    Drill, Role,
    survival::{AFTERMATH, Blow, Subject},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    clocks, disks, evidence,
    figures::{ClassToll, EntryFault, EpisodeFigures, EpisodeState, LedgerFigures, Toll},
    judgement::{Clause, Judgement, Verdict},
    outage::Outage,
};

/// How the doubt began in trials of earlier builds that did not end in full health.
const NO_FULL_HEALTH: &str = "no full health";

/// One trial as a run showed it. Seconds count from the blow unless said otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tried {
    /// The run.
    pub run: String,
    /// Who was to be hit.
    pub subject: Subject,
    /// How.
    pub blow: Blow,
    /// Who was hit; the subject's name where it did not come to that.
    pub member: String,
    /// Roles that it played then.
    pub roles: Vec<Role>,
    /// Why it proves nothing; none where it counts. It never depends on how the trial went.
    pub doubt: Option<String>,
    /// Why full health did not come back in time; none where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_back: Option<String>,
    /// What users suffered.
    pub toll: Toll,
    /// Seconds for which a class was troubled, of the one that was so for longest; none where that lasted to the end of
    /// the load.
    pub troubled_s: Option<f64>,
    /// To the engine's own word of the effect.
    pub effect_s: Option<f64>,
    /// To the first sight of ill health.
    pub noticed_s: Option<f64>,
    /// To the first sight of another member in its role.
    pub replaced_s: Option<f64>,
    /// From the end of healing to full health.
    pub back_s: Option<f64>,
    /// To full health.
    pub at_risk_s: Option<f64>,
    /// Acknowledged readings that were lost or altered; none where nobody looked.
    pub lost: Option<u64>,
    /// Readings that were stored more than once; none where nobody looked.
    pub duplicated: Option<u64>,
}

impl Tried {
    /// Whether it proves anything.
    pub fn counts(&self) -> bool {
        self.doubt.is_none() || self.was_left_out_for_its_outcome()
    }

    /// Whether full health did not come back in time.
    pub fn is_not_back(&self) -> bool {
        self.not_back.is_some() || self.was_left_out_for_its_outcome()
    }

    /// Earlier builds left a trial out because the platform had not recovered, which is what a trial is to find out.
    fn was_left_out_for_its_outcome(&self) -> bool {
        let doubt = self.doubt.as_deref();
        doubt.is_some_and(|doubt| doubt.starts_with(NO_FULL_HEALTH))
    }

    /// What users of one class suffered.
    pub(super) fn of(&self, class: drill::Class) -> Option<&ClassToll> {
        self.toll.by_class.iter().find(|toll| toll.class == class)
    }

    /// Requests that were good only at the second attempt; none where it is not known of each class.
    pub(super) fn good_again(&self) -> Option<u64> {
        self.toll.by_class.iter().map(|toll| toll.good_again).sum()
    }

    /// The roles that a member has for a while. Who is furthest behind changes from one look to the next.
    pub(super) fn standing(&self) -> Vec<Role> {
        let mut roles = self.roles.clone();
        roles.retain(|role| *role != Role::PostgresFurthestReplica);
        roles.sort_unstable();
        roles
    }
}

/// The trials of a run whose drill was made of them. Those that did not get their turn, or not to its end, are left out:
/// they are still to be made.
pub fn tried(drill: &Drill, judgement: &Judgement) -> Vec<Tried> {
    let common = doubt_of_all(judgement);
    let last = judgement
        .episodes
        .iter()
        .rposition(|row| row.begin_s.is_some());
    let rows = drill.episodes.iter().zip(&judgement.episodes).enumerate();
    rows.filter(|(number, (_, row))| !is_cut_off(row, Some(*number) == last, judgement))
        .filter_map(|(_, (episode, row))| {
            let subject = match &episode.target {
                drill::Target::Container(name) => Subject::Member(name.clone()),
                drill::Target::Role(player) => Subject::Role(player.role),
                _ => return None,
            };
            let blow = Blow::from_name(episode.fault.name())?;
            let doubt = own_doubt(row)
                .or_else(|| clocks::stalled(&row.name, judgement))
                .or_else(|| standstill(row, judgement))
                .or_else(|| common.clone());
            Some(one(judgement, row, subject, blow, doubt))
        })
        .collect()
}

/// Whether a trial never began, or the load or the whole run ended before all that was due in it was known.
fn is_cut_off(row: &EpisodeFigures, is_last: bool, judgement: &Judgement) -> bool {
    let watched_until_s = judgement.load.seconds - AFTERMATH.as_secs_f64();
    match row.state {
        EpisodeState::Complete | EpisodeState::NotMet => {
            row.end_s.is_none_or(|end_s| end_s > watched_until_s)
        }
        // A blow that was refused is a fact worth keeping; one that was never due is none.
        _ if row.begin_s.is_none() => true,
        _ => is_last && judgement.findings.iter().any(evidence::is_cut_short),
    }
}

/// What speaks against everything that the run shows, however its trials went. That it was cut short is no such thing: trials
/// that had ended long enough before are as good as any.
fn doubt_of_all(judgement: &Judgement) -> Option<String> {
    let doubts = judgement.findings.iter().find(|finding| {
        finding.clause == Clause::Evidence
            && finding.verdict == Verdict::Unproven
            && evidence::is_blind(finding)
    });
    doubts.map(|finding| format!("{}: {}", finding.title, finding.measured.text))
}

fn own_doubt(row: &EpisodeFigures) -> Option<String> {
    let said = match row.state {
        // That the platform did not recover is what the trial was to find out.
        EpisodeState::Complete | EpisodeState::NotRecovered => return None,
        EpisodeState::NotProven | EpisodeState::NotRun => "no proof of the fault",
        EpisodeState::NotMet => "no load met the fault",
    };
    Some(format!("{said}: {}", row.detail))
}

/// Whether a disk stood still while the trial went on: whatever is written waits for it at every member, and who was hit has
/// no part in that.
fn standstill(row: &EpisodeFigures, judgement: &Judgement) -> Option<String> {
    let load = &judgement.load;
    let end_s = row.end_s.unwrap_or(load.seconds);
    let stall = disks::spoils(&load.disk_stalls, row.begin_s?, end_s)?;
    Some(format!(
        "the machine's disk {} stood still for {:.1} s",
        stall.disk, stall.lasted_s
    ))
}

fn one(
    judgement: &Judgement,
    row: &EpisodeFigures,
    subject: Subject,
    blow: Blow,
    doubt: Option<String>,
) -> Tried {
    let member = row.members.first().map_or(subject.name(), String::as_str);
    let ledger = judgement.ledger.as_ref().filter(|ledger| ledger.complete);
    Tried {
        run: judgement.run.clone(),
        member: member.to_owned(),
        roles: row.roles.clone(),
        subject,
        blow,
        doubt,
        not_back: (row.state == EpisodeState::NotRecovered).then(|| row.detail.clone()),
        toll: row.toll.clone(),
        troubled_s: longest(&row.outages),
        effect_s: row.effect_s,
        noticed_s: row.noticed_s,
        replaced_s: row.replaced_s,
        back_s: row.recovery_s,
        at_risk_s: row.exposed_s,
        lost: ledger.map(|ledger| ledger.by_episode.get(&row.name).copied().unwrap_or(0)),
        duplicated: ledger.and_then(|ledger| duplicated(ledger, &row.name)),
    }
}

/// The longest of the outages; one without an end has no length.
fn longest(outages: &[Outage]) -> Option<f64> {
    let mut lengths = outages.iter().map(|outage| outage.lasted_s);
    lengths.try_fold(0.0, |longest: f64, lasted_s| Some(longest.max(lasted_s?)))
}

/// Duplicates are counted one by one, and known only while all of them are named.
fn duplicated(ledger: &LedgerFigures, episode: &str) -> Option<u64> {
    let named = ledger.named.iter();
    let named = named.filter(|entry| entry.fault == EntryFault::Duplicated);
    if (named.clone().count() as u64) < ledger.duplicated {
        return None;
    }
    let here = named.filter(|entry| entry.episode.as_deref() == Some(episode));
    Some(here.count() as u64)
}
