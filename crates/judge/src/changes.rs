//! Changes of thresholds: what clinicians were told is kept against what the database holds once everything has healed.
//!
//! What a change says follows from the seed alone, as with readings. Of several changes of one patient only the last stays, so
//! that only the state at the end can be seen: it must be that of a change that no acknowledged one came after.

use std::{collections::BTreeMap, time::Duration};

use drill::{
    Class, Traffic,
    behaviour::{Action, PROBE_EVERY, action, probe_patient, probe_thresholds},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use timeline::{Arrival, NEVER, Offset, Outcome, StoredThresholds};
use wire::Thresholds;

use crate::{
    figures::{EntryFault, figure},
    ledger::MOST_NAMED,
    story::Story,
};

#[cfg(test)]
mod tests;

/// So far the clocks of the generator and of a server may be apart.
const CLOCKS_AGREE_WITHIN: Duration = Duration::from_secs(2);

/// Acknowledged changes of thresholds against those that are stored.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct ChangeFigures {
    /// Patients whose thresholds were read.
    pub patients: u64,
    /// Changes that were sent, acknowledged or not.
    pub attempted: u64,
    /// Changes that were acknowledged to the client that made them.
    pub acknowledged: u64,
    /// Changes in the recording that no user makes by the drill's seed: what they said is not known.
    pub unexplained: u64,
    /// Patients with an acknowledged change: each was compared.
    pub compared: u64,
    /// Of those, patients with the thresholds of an older change, or as before the first one.
    pub lost: u64,
    /// Of those, patients with thresholds that nobody asked for.
    pub altered: u64,
    /// Lost or altered, by the episode in which the missing change was due; the empty name is the quiet time.
    pub by_episode: BTreeMap<String, u64>,
    /// The first hundred changes that are missing.
    pub named: Vec<ChangeEntry>,
}

/// An acknowledged change that does not stand in the database.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ChangeEntry {
    /// Number of the patient.
    pub patient: u32,
    /// Number of the user who made it.
    pub user: u32,
    /// Lost or altered.
    pub fault: EntryFault,
    /// When it was due, in seconds from the load's begin.
    pub due_s: f64,
    /// The episode in which it was due, or which began up to 2 s later; none in quiet time.
    pub episode: Option<String>,
}

/// One change that was sent.
#[derive(Debug, Clone, Copy)]
struct Change {
    user: u32,
    due: Offset,
    sent: Offset,
    /// Its effect can't come later; never, where an attempt had no answer and may still be under way.
    done: Offset,
    acknowledged: bool,
    thresholds: Thresholds,
}

/// The changes of a run, by patient.
#[derive(Debug)]
pub(crate) struct Changes {
    seed: u64,
    begin: Offset,
    /// Zero of every offset on the wall clock; none where the recording does not say.
    zero_unix: Option<Duration>,
    traffic: Traffic,
    by_patient: BTreeMap<u32, Vec<Change>>,
    unexplained: u64,
}

impl Changes {
    /// For the run that the story tells.
    pub(crate) fn new(story: &Story) -> Self {
        let drill = &story.header.drill;
        Self {
            seed: drill.seed,
            begin: story.zero(),
            zero_unix: match story.header.zero_unix_ns {
                0 => None,
                zero => Some(Duration::from_nanos(zero)),
            },
            traffic: drill.traffic.clone(),
            by_patient: BTreeMap::new(),
            unexplained: 0,
        }
    }

    /// Notes an arrival, if it is a change that was sent.
    pub(crate) fn add(&mut self, arrival: &Arrival) {
        let is_sent = arrival.sent != NEVER && arrival.outcome != Outcome::NotSent;
        if arrival.class != Class::Admin || !is_sent || arrival.is_abuse() {
            return;
        }
        let Some((patient, thresholds)) = self.asked(arrival) else {
            self.unexplained += 1;
            return;
        };
        let acknowledged = arrival.outcome == Outcome::Ok;
        let change = Change {
            user: arrival.user,
            due: arrival.due,
            sent: arrival.sent,
            done: match acknowledged && !arrival.again {
                true => arrival.done,
                false => NEVER,
            },
            acknowledged,
            thresholds,
        };
        self.by_patient.entry(patient).or_default().push(change);
    }

    /// What the arrival asked for: a pure function of the seed and of when it was due.
    fn asked(&self, arrival: &Arrival) -> Option<(u32, Thresholds)> {
        let number = |every: Duration| {
            let since = arrival.due.since(self.begin).as_nanos();
            since.checked_div(every.as_nanos())
        };
        if arrival.is_probe() {
            let tick = u64::try_from(number(PROBE_EVERY)?).ok()?;
            let (patient, limits) = (
                probe_patient(self.seed, tick),
                probe_thresholds(self.seed, tick),
            );
            return Some((patient, limits));
        }
        let slot = u32::try_from(number(self.traffic.clinician_every())?).ok()?;
        match action(self.seed, arrival.user, slot) {
            Action::Thresholds(patient, limits) if !self.traffic.is_monitor(arrival.user) => {
                Some((patient, limits))
            }
            _ => None,
        }
    }

    /// Compares with what is stored. `place` tells in which episode a moment falls.
    pub(crate) fn compare(
        &self,
        stored: &[StoredThresholds],
        place: impl Fn(Offset) -> Option<String>,
    ) -> ChangeFigures {
        let all = || self.by_patient.values().flatten();
        let mut figures = ChangeFigures {
            patients: stored.len() as u64,
            attempted: all().count() as u64,
            acknowledged: all().filter(|change| change.acknowledged).count() as u64,
            unexplained: self.unexplained,
            ..ChangeFigures::default()
        };
        let stored: BTreeMap<u32, &StoredThresholds> =
            stored.iter().map(|row| (row.patient, row)).collect();
        for (patient, changes) in &self.by_patient {
            let acknowledged = changes.iter().filter(|change| change.acknowledged);
            let Some(last) = acknowledged.max_by_key(|change| (change.sent, change.user)) else {
                continue;
            };
            figures.compared += 1;
            let stored = stored.get(patient).copied();
            // A record that was made before the change was sent is that of an older one, even where both say the same.
            let is_current = |stored: &&StoredThresholds| {
                self.zero_unix.is_none_or(|zero| {
                    stored.made_by() + CLOCKS_AGREE_WITHIN >= zero + last.sent.as_duration()
                })
            };
            let older = stored.is_some_and(|stored| !is_current(&stored));
            let fault = fault(stored, changes, last).or(older.then_some(EntryFault::Lost));
            if let Some(fault) = fault {
                let episode = place(last.due);
                let due_s = figure(last.due.since(self.begin).as_secs_f64());
                figures.name(*patient, last.user, fault, due_s, episode);
            }
        }
        figures
    }
}

/// What is wrong with a patient's stored thresholds, if anything. `last` is the acknowledged change that was sent last: a
/// change that was done before that can't stand any more.
fn fault(
    stored: Option<&StoredThresholds>,
    changes: &[Change],
    last: &Change,
) -> Option<EntryFault> {
    let stored = stored.filter(|stored| !stored.is_unchanged());
    let Some(stored) = stored else {
        return Some(EntryFault::Lost);
    };
    let mut alike = changes
        .iter()
        .filter(|change| change.thresholds == stored.thresholds)
        .peekable();
    if alike.peek().is_none() {
        return Some(EntryFault::Altered);
    }
    let stands = alike.any(|change| change.done >= last.sent);
    (!stands).then_some(EntryFault::Lost)
}

impl ChangeFigures {
    fn name(
        &mut self,
        patient: u32,
        user: u32,
        fault: EntryFault,
        due_s: f64,
        episode: Option<String>,
    ) {
        match fault {
            EntryFault::Altered => self.altered += 1,
            _ => self.lost += 1,
        }
        let name = episode.clone().unwrap_or_default();
        *self.by_episode.entry(name).or_default() += 1;
        if self.named.len() < MOST_NAMED {
            self.named.push(ChangeEntry {
                patient,
                user,
                fault,
                due_s,
                episode,
            });
        }
    }
}
