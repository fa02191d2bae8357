//! The timeline's entries, folded into what the judge asks of them.

use std::collections::BTreeMap;

use drill::{Component, Role};
use timeline::{DiskStall, Entry, Event, Header, MemberHealth, NEVER, Offset, StoredThresholds};
use wire::Paged;

use crate::{
    clocks::Clocks,
    counters::Counters,
    figures::figure,
    machine::Machine,
    primaries::Primaries,
    strain::Strain,
    writers::{self, Writers},
};

/// Everything that the entries say.
#[derive(Debug)]
pub(crate) struct Story<'a> {
    pub(crate) header: &'a Header,
    /// When the load began.
    pub(crate) load_started: Option<Offset>,
    /// When the load ended by itself, and the arrivals recorded by then.
    pub(crate) load_ended: Option<(Offset, u64)>,
    /// One for each episode of the drill, in its order.
    pub(crate) episodes: Vec<Chapter>,
    /// How the members were, at each change.
    pub(crate) sightings: Vec<(Offset, &'a MemberHealth)>,
    pub(crate) observer_lost: Vec<(Offset, String)>,
    pub(crate) primaries: Primaries,
    pub(crate) writers: Writers,
    pub(crate) ledger_failed: Option<(Offset, String)>,
    /// The third party's book, where it was read.
    pub(crate) pages: Option<&'a [Paged]>,
    pub(crate) pages_failed: Option<(Offset, String)>,
    /// Every patient's stored thresholds, where they were read.
    pub(crate) thresholds: Option<&'a [StoredThresholds]>,
    pub(crate) thresholds_failed: Option<(Offset, String)>,
    pub(crate) interrupted: Option<Offset>,
    /// When the drill's guard ended the run, and why.
    pub(crate) stopped: Option<(Offset, String)>,
    pub(crate) finished: bool,
    /// Latest offset of any entry.
    pub(crate) last: Offset,
    pub(crate) counters: Counters,
    /// How hard the database and the pools worked.
    pub(crate) strain: Strain,
    /// What was told of the machine's processors.
    pub(crate) machine: Machine,
    /// What was told of the instruments' clocks, and of the controller's own stalls.
    pub(crate) clocks: Clocks,
    /// Stalls of the machine's disks, each with when it was over.
    pub(crate) disk_stalls: Vec<(Offset, DiskStall)>,
}

/// What the entries say of one episode.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Chapter {
    pub(crate) started: Option<Offset>,
    pub(crate) requested: Option<Offset>,
    pub(crate) members: Vec<String>,
    pub(crate) roles: Vec<Role>,
    pub(crate) applied: Option<Offset>,
    /// First word of the engine that a victim died, stopped or froze.
    pub(crate) effect: Option<Offset>,
    pub(crate) proven: Option<(Offset, String)>,
    pub(crate) fault_failed: Option<(Offset, String)>,
    pub(crate) heal_requested: Option<Offset>,
    pub(crate) healed: Option<Offset>,
    pub(crate) ended: Option<Offset>,
    pub(crate) failed: Option<(Offset, String)>,
    /// First sight of a victim in ill health after the fault.
    pub(crate) noticed: Option<Offset>,
    /// First sight of trouble at another member, by component: who noticed, through its own interface.
    pub(crate) detected: BTreeMap<Component, Offset>,
    /// First sight of another member in a role of the victims after the fault.
    pub(crate) replaced: Option<Offset>,
}

impl Chapter {
    /// Whether the effect of the fault was seen.
    pub(crate) fn is_proven(&self) -> bool {
        self.proven.is_some() && self.fault_failed.is_none()
    }

    /// A second strike of the same episode adds to its victims: time counts from the first.
    fn strike(&mut self, at: Offset, members: &[String], roles: &[Role]) {
        self.requested.get_or_insert(at);
        self.members.extend_from_slice(members);
        let new = roles.iter().filter(|role| !self.roles.contains(role));
        let new: Vec<_> = new.copied().collect();
        self.roles.extend(new);
        // Who has taken over and is struck, too, is no heir.
        if self.members.len() > members.len() {
            self.replaced = None;
        }
    }

    fn prove(&mut self, at: Offset, seen: &str) {
        let before = self.proven.take();
        let seen = before.map_or_else(|| seen.to_owned(), |(_, first)| format!("{first}; {seen}"));
        self.proven = Some((at, seen));
    }

    /// Whether a moment lies between the fault's request and full health.
    fn is_on(&self, at: Offset) -> bool {
        self.requested.is_some_and(|from| at >= from) && self.ended.is_none()
    }

    fn hear(&mut self, at: Offset, member: &String, action: &str) {
        if self.is_on(at) && EFFECTS.contains(&action) && self.members.contains(member) {
            self.effect = Some(self.effect.map_or(at, |effect| effect.min(at)));
        }
    }

    fn see(&mut self, at: Offset, health: &MemberHealth) {
        if !self.is_on(at) {
            return;
        }
        let victim = self.members.contains(&health.member);
        match (victim, health.healthy) {
            (true, false) => {
                self.noticed.get_or_insert(at);
            }
            (false, false) => {
                self.detected.entry(health.component).or_insert(at);
            }
            (_, true) => {}
        }
        if self.is_heir(health) {
            self.replaced.get_or_insert(at);
        }
    }

    /// Whether this is another member in a role of the victims. A replica is not replaced by another
    /// replica: both had the role before; and that another one is furthest behind is no succession.
    pub(crate) fn is_heir(&self, health: &MemberHealth) -> bool {
        let lost = |role: &Role| self.roles.contains(role) && role.has_heir();
        !self.members.contains(&health.member) && health.roles.iter().any(lost)
    }
}

/// Words of the engine that mean a fault has taken effect.
const EFFECTS: [&str; 3] = ["die", "pause", "stop"];

impl<'a> Story<'a> {
    /// Folds the entries; none when they have no header.
    pub(crate) fn new(entries: &'a [Entry]) -> Option<Self> {
        let header = entries.iter().find_map(|entry| match &entry.event {
            Event::Started(header) => Some(header.as_ref()),
            _ => None,
        })?;
        let mut story = Self {
            header,
            load_started: None,
            load_ended: None,
            episodes: vec![Chapter::default(); header.drill.episodes.len()],
            sightings: vec![],
            observer_lost: vec![],
            primaries: Primaries::default(),
            writers: Writers::default(),
            ledger_failed: None,
            pages: None,
            pages_failed: None,
            thresholds: None,
            thresholds_failed: None,
            interrupted: None,
            stopped: None,
            finished: false,
            last: Offset(0),
            counters: Counters::default(),
            strain: Strain::default(),
            machine: Machine::new(),
            clocks: Clocks::default(),
            disk_stalls: vec![],
        };
        // Instruments tell what they saw with its own time, which may be before that of an earlier line.
        let mut in_time: Vec<_> = entries.iter().collect();
        in_time.sort_by_key(|entry| entry.at);
        for entry in in_time {
            story.clocks.take(entry.at, &entry.event);
            story.last = story.last.max(entry.at);
            story.take(entry.at, &entry.event);
        }
        Some(story)
    }

    fn take(&mut self, at: Offset, event: &'a Event) {
        match event {
            Event::Started(_) | Event::LedgerTaken { .. } => {}
            // Taken by the clocks.
            Event::Clock(_) | Event::Stalled { .. } => {}
            Event::Engine { member, action } => {
                self.primaries.hear(at, member, action);
                for chapter in &mut self.episodes {
                    chapter.hear(at, member, action);
                }
            }
            Event::LedgerFailed { reason } => self.ledger_failed = Some((at, reason.clone())),
            Event::PagesTaken { pages } => self.pages = Some(pages),
            Event::PagesFailed { reason } => self.pages_failed = Some((at, reason.clone())),
            Event::ThresholdsTaken { patients } => self.thresholds = Some(patients),
            Event::ThresholdsFailed { reason } => {
                self.thresholds_failed = Some((at, reason.clone()));
            }
            Event::LoadStarted => self.load_started = Some(at),
            Event::LoadEnded { arrivals } => self.load_ended = Some((at, *arrivals)),
            Event::ObserverLost { reason } => self.observer_lost.push((at, reason.clone())),
            Event::Interrupted => self.interrupted = Some(at),
            Event::Stopped { reason } => self.stopped = Some((at, reason.clone())),
            Event::Finished => self.finished = true,
            Event::Member(health) => {
                self.primaries.see(at, health);
                self.sightings.push((at, health));
                for chapter in &mut self.episodes {
                    chapter.see(at, health);
                }
            }
            Event::Counter {
                member,
                component,
                counter,
                value,
            } => {
                if counter == writers::COUNTER {
                    self.writers.see(at, member, *value);
                }
                self.strain.sample(at, member, counter, *value);
                self.counters.sample(*component, member, counter, *value);
            }
            Event::Processors(processors) => self.machine.push((at, *processors)),
            Event::DiskStall(stall) => self.disk_stalls.push((at, stall.clone())),
            Event::EpisodeStarted { episode } => self.chapter(*episode, |c| c.started = Some(at)),
            Event::FaultRequested {
                episode,
                members,
                roles,
            } => self.chapter(*episode, |chapter| chapter.strike(at, members, roles)),
            Event::FaultApplied { episode } => self.chapter(*episode, |c| c.applied = Some(at)),
            Event::FaultProven { episode, seen } => {
                self.chapter(*episode, |chapter| chapter.prove(at, seen));
            }
            Event::FaultFailed { episode, reason } => {
                self.chapter(*episode, |c| c.fault_failed = Some((at, reason.clone())));
            }
            Event::HealRequested { episode } => {
                self.chapter(*episode, |c| c.heal_requested = Some(at));
            }
            Event::Healed { episode } => self.chapter(*episode, |c| c.healed = Some(at)),
            Event::EpisodeEnded { episode } => self.chapter(*episode, |c| c.ended = Some(at)),
            Event::EpisodeFailed { episode, reason } => {
                self.chapter(*episode, |c| c.failed = Some((at, reason.clone())));
            }
        }
    }

    /// Episodes that the drill does not have are ignored: the header is the record of what was run.
    fn chapter(&mut self, episode: usize, change: impl FnOnce(&mut Chapter)) {
        if let Some(chapter) = self.episodes.get_mut(episode) {
            change(chapter);
        }
    }

    /// Name of an episode; empty where the drill has none of that number.
    pub(crate) fn name_of(&self, episode: usize) -> String {
        let episode = self.header.drill.episodes.get(episode);
        episode.map_or_else(String::new, |episode| episode.name.clone())
    }

    /// Where seconds count from.
    pub(crate) fn zero(&self) -> Offset {
        self.load_started.unwrap_or_default()
    }

    /// End of the load; of the record where the load did not end.
    pub(crate) fn load_end(&self) -> Offset {
        self.load_ended.map_or(self.last, |(at, _)| at)
    }

    /// Seconds from the load's start to `at`, negative before it.
    pub(crate) fn seconds(&self, at: Offset) -> f64 {
        figure(at.as_secs_f64() - self.zero().as_secs_f64())
    }

    /// The stretches of time that belong to an episode, in order of time: from its fault to full health, or
    /// to the next episode where full health did not come back.
    pub(crate) fn stretches(&self) -> Vec<Stretch> {
        let stretch = |(episode, chapter): (usize, &Chapter)| {
            let from = chapter.requested?;
            let begins = self
                .episodes
                .iter()
                .filter_map(|c| c.started.or(c.requested));
            let next = begins.filter(|at| *at > from).min().unwrap_or(NEVER);
            let until = chapter.ended.map_or(next, |ended| ended.min(next));
            Some(Stretch {
                from,
                until,
                episode,
            })
        };
        let mut stretches: Vec<_> = self
            .episodes
            .iter()
            .enumerate()
            .filter_map(stretch)
            .collect();
        stretches.sort_by_key(|stretch| stretch.from);
        stretches
    }

    /// Faults that were applied.
    pub(crate) fn injected(&self) -> usize {
        self.episodes
            .iter()
            .filter(|chapter| chapter.applied.is_some())
            .count()
    }
}

/// The time of one episode, `until` not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stretch {
    pub(crate) from: Offset,
    pub(crate) until: Offset,
    pub(crate) episode: usize,
}
