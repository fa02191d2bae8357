//! Whether the run's clocks can be believed, and whether the controller was awake when it mattered.

use std::{collections::BTreeMap, time::Duration};

use timeline::{ClockReading, ClocksCompared, Event, Instrument, NEVER, Offset};

use crate::{
    evidence::doubt,
    judgement::{Evidence, Finding, Judgement, Unit, Verdict},
    story::Story,
};

/// So much may lie between two clocks, or between two readings of one, in nanoseconds. Half of the scenario's tightest
/// latency limit, and far more than a reading on a busy machine is off by.
const TOLERANCE_NS: i128 = 50_000_000;
/// The clocks are compared every 10 s. Without a comparison for so long, what happened meanwhile is not known.
const MOST_BETWEEN: Duration = Duration::from_secs(30);
/// The title where the controller stood still in the midst of a fault's application or healing.
const STALLED: &str = "controller stalled";

/// What the timeline tells of clocks and stalls.
#[derive(Debug, Default)]
pub(crate) struct Clocks {
    compared: Vec<(Offset, ClocksCompared)>,
    /// When each stall was over, and how long it lasted.
    stalls: Vec<(Offset, Duration)>,
    handled: Vec<Handled>,
}

/// The controller applies a fault, or takes it back.
#[derive(Debug)]
struct Handled {
    episode: usize,
    from: Offset,
    until: Option<Offset>,
}

impl Clocks {
    /// Takes an event in its turn; most are nothing to it.
    pub(crate) fn take(&mut self, at: Offset, event: &Event) {
        match event {
            Event::Clock(compared) => self.compared.push((at, *compared)),
            Event::Stalled { lasted } => self.stalls.push((at, *lasted)),
            Event::FaultRequested { episode, .. } | Event::HealRequested { episode } => {
                self.handled.push(Handled {
                    episode: *episode,
                    from: at,
                    until: None,
                });
            }
            Event::FaultApplied { episode }
            | Event::FaultFailed { episode, .. }
            | Event::Healed { episode }
            | Event::EpisodeFailed { episode, .. } => {
                let open = |h: &&mut Handled| h.episode == *episode && h.until.is_none();
                for handled in self.handled.iter_mut().filter(open) {
                    handled.until = Some(at);
                }
            }
            _ => {}
        }
    }

    /// What each instrument read, in order of time; the controller read with each of the others.
    fn readings(&self) -> BTreeMap<Instrument, Vec<(Offset, ClockReading)>> {
        let mut readings: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (at, compared) in &self.compared {
            let own = readings.entry(Instrument::Controller).or_default();
            own.push((*at, compared.own));
            readings
                .entry(compared.of)
                .or_default()
                .push((*at, compared.read));
        }
        readings
    }
}

/// One finding for each reason not to believe a clock. With `due`, a record without comparisons is one.
pub(crate) fn findings(story: &Story, due: bool) -> Vec<Finding> {
    let mut doubts = vec![];
    let why = "Times before and after the step are not on one scale.";
    doubts.extend(moved(story, "clock stepped", why, |reading| {
        reading.wall_ahead_ns()
    }));
    let why = "While the machine was suspended, nobody asked and nobody was asked.";
    doubts.extend(moved(story, "machine was suspended", why, |reading| {
        reading.suspended_ns()
    }));
    doubts.extend(apart(story));
    doubts.extend(not_compared(story).filter(|_| due));
    doubts.extend(stalls(story));
    doubts
}

/// A difference of two clocks of one instrument that is not the same at all times.
fn moved(
    story: &Story,
    title: &str,
    why: &str,
    difference_ns: impl Fn(&ClockReading) -> i128,
) -> Option<Finding> {
    let mut texts = vec![];
    let (mut offsets, mut most_ns) = (vec![], 0);
    for (instrument, readings) in story.clocks.readings() {
        let differences = readings.iter().map(|(at, read)| (*at, difference_ns(read)));
        let Some((at, by_ns)) = spread(differences) else {
            continue;
        };
        texts.push(format!(
            "{} at the {}, first seen at {:.1} s",
            in_ms(by_ns),
            instrument.name(),
            story.seconds(at)
        ));
        offsets.push(at);
        most_ns = most_ns.max(by_ns);
    }
    (!texts.is_empty()).then(|| finding(title, texts, why, most_ns, offsets))
}

/// How far the values lie apart, and when that was first more than is tolerated; none where it never was.
fn spread(values: impl Iterator<Item = (Offset, i128)>) -> Option<(Offset, i128)> {
    let mut bounds: Option<(i128, i128)> = None;
    let mut first = None;
    for (at, value) in values {
        let (least, most) = bounds.unwrap_or((value, value));
        let (least, most) = (least.min(value), most.max(value));
        bounds = Some((least, most));
        if most - least > TOLERANCE_NS {
            first.get_or_insert(at);
        }
    }
    let (least, most) = bounds?;
    first.map(|at| (at, most - least))
}

/// Two instruments whose wall clocks do not tell the same time.
fn apart(story: &Story) -> Option<Finding> {
    let mut worst: BTreeMap<Instrument, (Offset, i128)> = BTreeMap::new();
    for (at, compared) in &story.clocks.compared {
        let apart_ns = compared.apart_ns().abs();
        if apart_ns > TOLERANCE_NS {
            let known = worst.entry(compared.of).or_insert((*at, apart_ns));
            if apart_ns > known.1 {
                *known = (*at, apart_ns);
            }
        }
    }
    let texts = worst.iter().map(|(of, (at, apart_ns))| {
        format!(
            "{} between the controller and the {} at {:.1} s",
            in_ms(*apart_ns),
            of.name(),
            story.seconds(*at)
        )
    });
    let most_ns = worst.values().map(|(_, apart_ns)| *apart_ns).max()?;
    let offsets = worst.values().map(|(at, _)| *at).collect();
    let why = "What two instruments saw can't be put in order where their clocks differ.";
    Some(finding(
        "clocks apart",
        texts.collect(),
        why,
        most_ns,
        offsets,
    ))
}

fn finding(
    title: &str,
    texts: Vec<String>,
    why: &str,
    most_ns: i128,
    offsets: Vec<Offset>,
) -> Finding {
    let mut finding = doubt(title, texts.join("; "), most_ns as f64 / 1e6, why);
    finding.measured.unit = Unit::Milliseconds;
    finding.evidence.offsets = offsets;
    finding
}

/// An instrument whose clocks were not compared throughout the load.
fn not_compared(story: &Story) -> Option<Finding> {
    let begin = story.load_started?;
    let texts: Vec<_> = [Instrument::Generator, Instrument::Observer]
        .into_iter()
        .filter_map(|instrument| {
            let compared = story.clocks.compared.iter();
            let of = compared.filter(|(_, compared)| compared.of == instrument);
            let times: Vec<_> = of.map(|(at, _)| *at).collect();
            let end = story.load_end();
            let longest = longest_without(begin, &times, end);
            let name = instrument.name();
            match times.len() {
                0 => Some(format!("never with the {name}")),
                1 => Some(format!("only once with the {name}")),
                _ if longest > MOST_BETWEEN => Some(format!(
                    "not for {:.0} s with the {name}",
                    longest.as_secs_f64()
                )),
                _ => None,
            }
        })
        .collect();
    let why = "A clock that stepped, or a machine that was suspended, would not have been noticed.";
    let count = texts.len();
    (count > 0).then(|| doubt("clocks not compared", texts.join("; "), count as f64, why))
}

/// The longest time between two of the moments that lies within the load, its begin and end among them.
fn longest_without(begin: Offset, times: &[Offset], end: Offset) -> Duration {
    let inner = times.iter().map(|at| (*at).clamp(begin, end.max(begin)));
    let mut last = begin;
    let mut longest = Duration::ZERO;
    for at in inner.chain([end]) {
        longest = longest.max(at.since(last));
        last = at;
    }
    longest
}

/// Episodes whose fault was applied or taken back while the controller stood still: when that happened is not known.
fn stalls(story: &Story) -> Option<Finding> {
    let (mut texts, mut evidence, mut longest) = (vec![], Evidence::default(), Duration::ZERO);
    for (over, lasted) in &story.clocks.stalls {
        let begin = Offset(over.0.saturating_sub(Offset::from(*lasted).0));
        let hit = |h: &&Handled| h.from <= *over && begin <= h.until.unwrap_or(NEVER);
        for handled in story.clocks.handled.iter().filter(hit) {
            let name = story.name_of(handled.episode);
            let ns = i128::try_from(lasted.as_nanos()).unwrap_or(i128::MAX);
            texts.push(format!("{} within {name}", in_ms(ns)));
            evidence.offsets.push(*over);
            if !evidence.episodes.contains(&name) {
                evidence.episodes.push(name);
            }
            longest = longest.max(*lasted);
        }
    }
    let more = texts.len().checked_sub(1)?;
    let first = texts.swap_remove(0);
    let text = match more {
        0 => first,
        _ => format!("{first}, and {more} more"),
    };
    let why = "When a fault began or ended is not known where the controller stood still.";
    let mut finding = doubt(STALLED, text, longest.as_secs_f64() * 1000.0, why);
    finding.measured.unit = Unit::Milliseconds;
    finding.evidence = evidence;
    Some(finding)
}

/// Why an episode proves nothing, where the controller stood still in the midst of its fault.
pub(crate) fn stalled(episode: &str, judgement: &Judgement) -> Option<String> {
    let mut findings = judgement.findings.iter();
    let finding = findings.find(|finding| {
        finding.title == STALLED
            && finding.verdict == Verdict::Unproven
            && finding.evidence.episodes.iter().any(|name| name == episode)
    })?;
    Some(format!("{STALLED}: {}", finding.measured.text))
}

fn in_ms(ns: i128) -> String {
    format!("{:.0} ms", ns as f64 / 1e6)
}

#[cfg(test)]
mod tests;
