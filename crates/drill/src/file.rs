//! From the text of a drill file to a validated drill.

mod limits;
mod strikes;

use std::{collections::BTreeSet, time::Duration};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use toml::Spanned;

use crate::{Candidate, Contract, Fault, Guard, Target, Traffic, target::Offer};

/// A mistake in a drill file, with the place of it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{file}:{line}: {message}")]
pub struct DrillError {
    /// The file as the caller named it.
    pub file: String,
    /// Line, counted from 1.
    pub line: usize,
    /// What is wrong, and the allowed values where they are few.
    pub message: String,
}

/// When an episode may begin and how long recovery may take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pace {
    /// Load without a fault before the first episode.
    #[serde(with = "humantime_serde")]
    pub warm_up: Duration,
    /// Full health without a break, demanded before each fault.
    #[serde(with = "humantime_serde")]
    pub settle: Duration,
    /// Longest time from healing to full health; beyond it the run goes on as *unproven*.
    #[serde(with = "humantime_serde")]
    pub recover_within: Duration,
}

/// One fault with its target: from full health, through the fault, back to full health.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// Unique within the drill.
    pub name: String,
    /// Who suffers.
    pub target: Target,
    /// What is done.
    pub fault: Fault,
    /// Time between the fault and its healing.
    #[serde(with = "humantime_serde")]
    pub hold: Duration,
    /// Time between the healing of one member and of the next, in an order drawn by seed: a zone that has its power back
    /// does not come back at once. Zero heals everybody together.
    #[serde(
        with = "humantime_serde",
        default,
        skip_serializing_if = "Duration::is_zero"
    )]
    pub stagger: Duration,
    /// A second strike while the first is held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<Then>,
    /// How often such a fault happens in the contract's window: its cost counts so many times against the budget.
    #[serde(default = "once", skip_serializing_if = "is_once")]
    pub per_window: f64,
    /// The name in the drill file that this episode repeats, where the file asks for several of one kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repetition_of: Option<String>,
}

/// Such a fault happens once in the contract's window.
fn once() -> f64 {
    1.0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_once(times: &f64) -> bool {
    *times == 1.0
}

/// A fault that follows the first one of its episode, before that is healed: two failures in a row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Then {
    /// Time after the first fault was proven, shorter than the episode's hold.
    #[serde(with = "humantime_serde")]
    pub after: Duration,
    /// Who suffers; a role is looked up when it is due, and nobody is struck twice.
    pub target: Target,
    /// What is done.
    pub fault: Fault,
}

/// A validated drill.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Drill {
    /// Name, as in reports.
    pub name: String,
    /// One sentence: what is done.
    pub about: String,
    /// What a trainee should take home.
    pub lesson: String,
    /// Name of the topology: `compose/<topology>.yml`.
    pub topology: String,
    /// Source of every random choice.
    pub seed: u64,
    /// The load.
    pub traffic: Traffic,
    /// When episodes begin.
    pub pace: Pace,
    /// The episodes, in order.
    pub episodes: Vec<Episode>,
    /// The promises.
    pub contract: Contract,
    /// How much may be broken at once, and what ends the run early.
    #[serde(default, skip_serializing_if = "Guard::is_open")]
    pub guard: Guard,
}

impl Drill {
    /// The drill as a file: what [`parse_for`] reads back.
    pub fn text(&self) -> String {
        #[derive(Serialize)]
        struct File<'a> {
            name: &'a str,
            about: &'a str,
            lesson: &'a str,
            topology: &'a str,
            seed: u64,
            traffic: &'a Traffic,
            pace: &'a Pace,
            contract: &'a Contract,
            episode: &'a [Episode],
        }
        let file = File {
            name: &self.name,
            about: &self.about,
            lesson: &self.lesson,
            topology: &self.topology,
            seed: self.seed,
            traffic: &self.traffic,
            pace: &self.pace,
            contract: &self.contract,
            episode: &self.episodes,
        };
        match toml::to_string(&file) {
            Ok(text) => text,
            Err(error) => unreachable!("a drill has only what a file has: {error}"),
        }
    }
}

impl Drill {
    /// One above the highest number of any user: those of the curve, then those of the largest surge.
    pub fn most_users(&self) -> u32 {
        let surges = self
            .episodes
            .iter()
            .filter_map(|episode| match episode.fault {
                Fault::Surge(surge) => Some(surge.users),
                _ => None,
            });
        self.traffic.peak_users() + surges.max().unwrap_or(0)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct DrillFile {
    name: Spanned<String>,
    about: Spanned<String>,
    lesson: Spanned<String>,
    topology: Spanned<String>,
    seed: u64,
    traffic: Spanned<Traffic>,
    pace: Spanned<Pace>,
    contract: Spanned<Contract>,
    guard: Option<Spanned<Guard>>,
    #[serde(default)]
    episode: Vec<Spanned<EpisodeFile>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EpisodeFile {
    name: Spanned<String>,
    target: Spanned<Target>,
    fault: Spanned<Fault>,
    #[serde(with = "humantime_serde")]
    hold: Duration,
    #[serde(with = "humantime_serde", default)]
    stagger: Duration,
    then: Option<Spanned<Then>>,
    /// An episode for each member of the target instead of one for all.
    #[serde(default)]
    one_by_one: bool,
    /// So many episodes of this kind instead of one.
    repeat: Option<Spanned<u32>>,
    /// How often such a fault happens in the contract's window; as often as the drill strikes when absent.
    per_window: Option<Spanned<f64>>,
    /// Set in the drill of a record, where each repetition is an episode of its own.
    repetition_of: Option<String>,
}

/// Like [`parse_for`], for members of whom only the service names are known: there is no zone and no label.
///
/// # Errors
/// The first mistake, with file and line and the allowed values.
pub fn parse(
    file: &str,
    text: &str,
    topology_members: impl Fn(&str) -> Result<Vec<String>, Vec<String>>,
) -> Result<Drill, DrillError> {
    parse_for(file, text, |topology| {
        let names = topology_members(topology)?;
        Ok(names.into_iter().map(Candidate::named).collect())
    })
}

/// Parses and validates the text of a drill file. `topology_members` answers with the members of a topology,
/// or with the names of the topologies that exist when there is none of that name.
///
/// # Errors
/// The first mistake, with file and line and the allowed values.
pub fn parse_for(
    file: &str,
    text: &str,
    topology_members: impl Fn(&str) -> Result<Vec<Candidate>, Vec<String>>,
) -> Result<Drill, DrillError> {
    let fail = |offset: usize, message: String| DrillError {
        file: file.to_owned(),
        line: line_of(text, offset),
        message,
    };
    let parsed: DrillFile = toml::from_str(text).map_err(|error| {
        fail(
            error.span().map_or(0, |span| span.start),
            words(error.message()),
        )
    })?;
    if parsed.name.get_ref().is_empty() {
        return Err(fail(parsed.name.span().start, "name is empty".into()));
    }
    let texts = [
        ("name", &parsed.name),
        ("about", &parsed.about),
        ("lesson", &parsed.lesson),
    ];
    for (what, text) in texts {
        if let Some(mistake) = limits::of_text(text.get_ref()) {
            return Err(fail(text.span().start, format!("{what} {mistake}")));
        }
    }
    if let Some(mistake) = limits::of_pace(parsed.pace.get_ref()) {
        return Err(fail(parsed.pace.span().start, format!("pace: {mistake}")));
    }
    let topology = parsed.topology.get_ref();
    let candidates = topology_members(topology).map_err(|known| {
        fail(
            parsed.topology.span().start,
            format!("no topology {topology:?}; there are: {}", known.join(", ")),
        )
    })?;
    if let Some(mistake) = parsed.contract.get_ref().mistake() {
        return Err(fail(
            parsed.contract.span().start,
            format!("contract: {mistake}"),
        ));
    }
    let waits = parsed.pace.get_ref().recover_within;
    let asks = parsed.contract.get_ref().redundancy_back_within;
    if let Some(asks) = asks.filter(|asks| *asks > waits) {
        return Err(fail(
            parsed.contract.span().start,
            format!(
                "contract: redundancy_back_within {asks:?} is longer than the pace's recover_within {waits:?}"
            ),
        ));
    }
    let (guard, guarded_at) = match parsed.guard {
        Some(guard) => (guard.get_ref().clone(), guard.span().start),
        None => (Guard::default(), 0),
    };
    if let Some(mistake) = guard.mistake() {
        return Err(fail(guarded_at, format!("guard: {mistake}")));
    }
    let offer = Offer {
        topology,
        candidates: &candidates,
    };
    let mut seen = BTreeSet::new();
    let mut episodes = Vec::with_capacity(parsed.episode.len());
    let mut over = limits::Over::new(parsed.traffic.get_ref(), parsed.pace.get_ref());
    for episode in parsed.episode {
        let episode = episode.into_inner();
        let place = episode.name.span().start;
        let checked = episode.checked(offer, &guard);
        for episode in checked.map_err(|(place, mistake)| fail(place, mistake))? {
            let name = &episode.name;
            if !seen.insert(name.clone()) {
                return Err(fail(place, format!("a second episode is named {name:?}")));
            }
            let late = over.after(&episode);
            late.map_err(|mistake| fail(place, mistake))?;
            episodes.push(episode);
        }
    }
    Ok(Drill {
        name: parsed.name.into_inner(),
        about: parsed.about.into_inner(),
        lesson: parsed.lesson.into_inner(),
        topology: parsed.topology.into_inner(),
        seed: parsed.seed,
        traffic: parsed.traffic.into_inner(),
        pace: parsed.pace.into_inner(),
        episodes,
        contract: parsed.contract.into_inner(),
        guard,
    })
}

impl EpisodeFile {
    /// This episode, or those that it stands for, once they are known to be possible.
    ///
    /// # Errors
    /// The place of a mistake in the text, and the mistake.
    fn checked(self, offer: Offer<'_>, guard: &Guard) -> Result<Vec<Episode>, (usize, String)> {
        let (target_at, fault_at) = (self.target.span().start, self.fault.span().start);
        let target = self.target.into_inner().checked(offer);
        let target = target.map_err(|mistake| (target_at, mistake))?;
        let fault = self.fault.into_inner();
        let pressed = fault.pressure();
        let mistake = fault.mistake();
        let mistake = mistake.or_else(|| misfit(&fault, &target));
        let mistake = mistake.or_else(|| pressed?.mistake_of_hold(self.hold));
        if let Some(mistake) = mistake {
            return Err((fault_at, format!("fault {mistake}")));
        }
        if let Some(mistake) = limits::of_hold(self.hold, &fault) {
            return Err((self.name.span().start, mistake));
        }
        let whole = Episode {
            name: self.name.into_inner(),
            target,
            fault,
            hold: self.hold,
            stagger: self.stagger,
            then: None,
            per_window: once(),
            repetition_of: self.repetition_of,
        };
        let episodes = match self.one_by_one {
            true => strikes::one_by_one(whole, offer).map_err(|mistake| (target_at, mistake))?,
            false => vec![whole],
        };
        let episodes = strikes::then(episodes, self.then, offer)?;
        if let Some(refused) = strikes::too_wide(&episodes, guard, offer) {
            return Err((target_at, format!("target {refused}")));
        }
        let episodes = strikes::repeated(episodes, self.repeat)?;
        strikes::in_window(episodes, self.per_window)
    }
}

/// Why a fault can't be done to whoever the target means.
pub(crate) fn misfit(fault: &Fault, target: &Target) -> Option<String> {
    let unfit = fault.unfit_for(target.component()?)?;
    Some(format!("{}: {unfit}", fault.name()))
}

/// The parser's words on one line, with what it does not say: which durations there are.
fn words(message: &str) -> String {
    let hint = "expected a duration such as 500ms, 10s or 2m";
    message
        .replace('\n', " ")
        .replace("expected a duration", hint)
}

fn line_of(text: &str, offset: usize) -> usize {
    1 + text[..offset.min(text.len())].matches('\n').count()
}

#[cfg(test)]
mod tests;
