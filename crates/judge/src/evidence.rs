//! Whether the run can prove anything: each reason for doubt is a finding of its own.

use std::time::Duration;

use drill::Class;
use timeline::Offset;

use crate::{
    Integrity, clocks,
    episodes::{detail, state, unmet},
    figures::{EpisodeState, LoadFigures},
    judgement::{Clause, Evidence, Finding, Measure, Unit, Verdict},
    sighted,
    slots::index,
    story::{Chapter, Story},
    tally::Tally,
};

/// The generator's p99.9 lateness may be this share of the tightest latency limit, in percent. A quarter:
/// lateness is part of every latency, so what is measured as 100 ms is then still at least 75 ms of the
/// platform's own, and a platform that is within the limit with a quarter to spare is never called slow
/// for the generator's sake.
pub const LATENESS_SHARE_PERCENT: u32 = 25;
/// Of the users that the curve holds for a whole period, this many must be seen, in percent.
pub const USERS_SHARE_PERCENT: u64 = 99;
/// The tightest latency limit of a contract without any: the scenario's own.
const LIMIT_WITHOUT_CLAUSE: Duration = Duration::from_millis(100);

/// The title where arrivals are missing.
const INCOMPLETE: &str = "recording incomplete";
/// How the text ends where what is missing is the end of the load.
const UNENDED: &str = "but the load did not end by itself";
/// The title where the drill was not run to its end.
const CUT_SHORT: &str = "run cut short";
/// The title where the observer was gone for a while.
const OBSERVER_LOST: &str = "observer lost";
/// The title where the generator could not keep its schedule.
const LATE: &str = "generator late";
/// The title where fewer users came than the curve has.
const TOO_FEW_USERS: &str = "too few users";

/// Doubts that take the trials of a whole run with them: what they say is decided before anybody knows how a trial went, or
/// by the instruments alone. That requests were not sent, or that nobody asked for a class, is none of them: a platform that
/// hangs can bring that about, and it counts as bad.
const BLIND: [&str; 4] = [INCOMPLETE, OBSERVER_LOST, LATE, TOO_FEW_USERS];

/// Whether a doubt speaks against all trials of a run, however they went.
pub(crate) fn is_blind(finding: &Finding) -> bool {
    BLIND.contains(&finding.title.as_str()) && !is_about_the_end(finding)
}

/// Whether a finding says that the drill was not run to its end.
pub(crate) fn is_cut_short(finding: &Finding) -> bool {
    finding.title == CUT_SHORT
}

/// Whether a doubt is only about how the run ended, and not about what was recorded by then.
pub(crate) fn is_about_the_end(finding: &Finding) -> bool {
    match finding.title.as_str() {
        CUT_SHORT => true,
        INCOMPLETE => finding.measured.text.ends_with(UNENDED),
        _ => false,
    }
}

/// What reading the recording told of it.
#[derive(Debug)]
pub(crate) struct Recording {
    /// Whether it has its footer and every record.
    pub(crate) complete: bool,
    /// A record that no generator writes.
    pub(crate) spoilt: Option<String>,
    /// Whether its files are as they were recorded.
    pub(crate) integrity: Integrity,
}

/// One finding for each reason for doubt; one held finding where there is none.
pub(crate) fn findings(
    story: &Story,
    tally: &Tally,
    recording: &Recording,
    load: &LoadFigures,
) -> Vec<Finding> {
    let mut doubts = vec![];
    doubts.extend(recorded(story, tally, recording));
    doubts.extend(recording.integrity.findings());
    doubts.extend(clocks::findings(story, recording.integrity.numbered));
    doubts.extend(sighted::never_seen(story).filter(|_| recording.integrity.numbered));
    doubts.extend(run_to_its_end(story));
    doubts.extend(observer(story));
    doubts.extend(generator(story, load));
    doubts.extend(unproven_faults(story));
    doubts.extend(unmet_faults(story, tally));
    doubts.extend(not_run(story));
    doubts.extend(not_recovered(story));
    doubts.extend(silent_classes(story, tally));
    doubts.extend(out_of_order(tally));
    doubts.extend(off_schedule(tally));
    if doubts.is_empty() {
        let text = format!(
            "{} arrivals recorded without a gap, {} faults proven, generator late by {} at p99.9",
            tally.arrivals,
            story.injected(),
            in_ms(load.lateness.sent.p999_ms),
        );
        let mut finding = doubt("evidence", text, tally.arrivals as f64, "");
        finding.verdict = Verdict::Held;
        finding.why = "Nothing in the recording speaks against the figures.".into();
        doubts.push(finding);
    }
    doubts
}

pub(crate) fn doubt(title: &str, text: String, number: f64, why: &str) -> Finding {
    Finding {
        clause: Clause::Evidence,
        title: title.into(),
        verdict: Verdict::Unproven,
        measured: Measure {
            text,
            number: Some(number),
            unit: Unit::Count,
        },
        limit: None,
        why: why.into(),
        evidence: Evidence::default(),
    }
}

/// Every arrival is there: what is missing may have been the bad ones.
fn recorded(story: &Story, tally: &Tally, recording: &Recording) -> Option<Finding> {
    let read = tally.arrivals;
    let text = match (&recording.spoilt, story.load_started, story.load_ended) {
        (Some(spoilt), ..) => spoilt.clone(),
        (_, None, _) => "the load did not start".into(),
        // The guard ended the load, which is a finding of its own.
        (_, _, None) if story.stopped.is_some() => return None,
        (_, _, None) => format!("{read} arrivals, {UNENDED}"),
        (_, _, Some((_, told))) if told != read => {
            format!("{read} arrivals in the recording, {told} by the timeline")
        }
        _ if !recording.complete => format!("{read} arrivals, not closed by the generator"),
        _ if tally.strays > 0 => format!("{} arrivals due after the run", tally.strays),
        _ => return None,
    };
    let why = "What is missing from the recording may have been what went wrong.";
    Some(doubt(INCOMPLETE, text, read as f64, why))
}

fn run_to_its_end(story: &Story) -> Option<Finding> {
    let (at, text) = match (&story.stopped, story.interrupted, story.finished) {
        (Some((at, reason)), ..) => (Some(*at), format!("ended by the drill's guard: {reason}")),
        (None, Some(at), _) => (Some(at), "interrupted and healed".to_owned()),
        (None, None, false) => (None, "the timeline has no last entry".to_owned()),
        (None, None, true) => return None,
    };
    let why = "The drill was not run to its end.";
    let mut finding = doubt(CUT_SHORT, text, 0.0, why);
    finding.evidence.offsets.extend(at);
    Some(finding)
}

fn observer(story: &Story) -> Option<Finding> {
    let (_, reason) = story.observer_lost.first()?;
    let times = story.observer_lost.len();
    let why = "Without the observer, full health between the episodes is not established.";
    let mut finding = doubt(OBSERVER_LOST, reason.clone(), times as f64, why);
    finding.evidence.offsets = story.observer_lost.iter().map(|(at, _)| *at).collect();
    Some(finding)
}

/// The generator kept its schedule, sent everything, and brought as many users as the curve has.
fn generator(story: &Story, load: &LoadFigures) -> Vec<Finding> {
    let limits = story
        .header
        .drill
        .contract
        .latency
        .iter()
        .map(|clause| clause.at_most);
    let tightest = limits.min().unwrap_or(LIMIT_WITHOUT_CLAUSE);
    let limit_ms = (tightest * LATENESS_SHARE_PERCENT / 100).as_secs_f64() * 1000.0;
    let mut doubts = vec![];
    if let Some(late) = load.lateness.sent.p999_ms.filter(|late| *late > limit_ms) {
        let text = format!("{late:.1} ms late at p99.9");
        let why = "A late generator measures itself, and spares the platform its busiest moments.";
        let mut finding = doubt(LATE, text, late, why);
        finding.measured.unit = Unit::Milliseconds;
        finding.limit = Some(Measure {
            text: format!("{limit_ms:.0} ms"),
            number: Some(limit_ms),
            unit: Unit::Milliseconds,
        });
        doubts.push(finding);
    }
    let not_sent = load.lateness.not_sent;
    if not_sent > 0 {
        let why = "They count as bad, although the generator itself failed to send them.";
        let text = format!("{not_sent} requests");
        doubts.push(doubt("requests not sent", text, not_sent as f64, why));
    }
    if u64::from(load.users_seen) * 100 < u64::from(load.users_due) * USERS_SHARE_PERCENT {
        let (seen, due) = (load.users_seen, load.users_due);
        let text = format!("{seen} distinct users within one period");
        let why = "The busy window was not as busy as the drill says.";
        let mut finding = doubt(TOO_FEW_USERS, text, f64::from(seen), why);
        finding.limit = Some(Measure {
            text: format!("{USERS_SHARE_PERCENT} % of {due}"),
            number: Some(f64::from(due) * USERS_SHARE_PERCENT as f64 / 100.0),
            unit: Unit::Count,
        });
        doubts.push(finding);
    }
    doubts
}

fn unproven_faults(story: &Story) -> Option<Finding> {
    let why = "A fault without an effect proves nothing about the platform.";
    about_episodes(story, "fault without proof", why, |chapter| {
        state(chapter) == EpisodeState::NotProven
    })
}

/// A fault proves nothing of a promise that nobody asked to be kept while it was on.
fn unmet_faults(story: &Story, tally: &Tally) -> Option<Finding> {
    let rows = story.header.drill.episodes.iter().zip(&story.episodes);
    let all: Vec<_> = rows
        .enumerate()
        .filter_map(|(number, row)| Some((row, unmet(story, tally, number)?)))
        .collect();
    let ((first, _), reason) = all.first()?;
    let others = match all.len() {
        1 => String::new(),
        many => format!(", and {} more", many - 1),
    };
    let text = format!("{}: {reason}{others}", first.name);
    let why = "What no request met can't have cost one.";
    let mut finding = doubt("fault that no load met", text, all.len() as f64, why);
    finding.evidence = Evidence {
        offsets: all.iter().filter_map(|((_, c), _)| c.requested).collect(),
        episodes: all.iter().map(|((e, _), _)| e.name.clone()).collect(),
    };
    Some(finding)
}

fn not_run(story: &Story) -> Option<Finding> {
    let why = "The drill promises more episodes than were run.";
    about_episodes(story, "episode not run", why, |chapter| {
        state(chapter) == EpisodeState::NotRun
    })
}

fn not_recovered(story: &Story) -> Option<Finding> {
    let why = "Whatever came next did not begin in full health, and the redundancy may be gone.";
    about_episodes(story, "no full health after the fault", why, |chapter| {
        chapter.applied.is_some() && chapter.ended.is_none()
    })
}

fn about_episodes(
    story: &Story,
    title: &str,
    why: &str,
    concerned: impl Fn(&Chapter) -> bool,
) -> Option<Finding> {
    let episodes = story.header.drill.episodes.iter().zip(&story.episodes);
    let concerned: Vec<_> = episodes.filter(|(_, chapter)| concerned(chapter)).collect();
    let (first, chapter) = concerned.first()?;
    let others = match concerned.len() {
        1 => String::new(),
        many => format!(", and {} more", many - 1),
    };
    let text = format!("{}: {}{others}", first.name, detail(chapter));
    let mut finding = doubt(title, text, concerned.len() as f64, why);
    let said = |chapter: &Chapter| -> Option<Offset> {
        let failed = chapter.fault_failed.as_ref().or(chapter.failed.as_ref());
        failed.map(|(at, _)| *at).or(chapter.requested)
    };
    finding.evidence = Evidence {
        offsets: concerned
            .iter()
            .filter_map(|(_, chapter)| said(chapter))
            .collect(),
        episodes: concerned
            .iter()
            .map(|(episode, _)| episode.name.clone())
            .collect(),
    };
    Some(finding)
}

fn silent_classes(story: &Story, tally: &Tally) -> Vec<Finding> {
    let silent = |class: &&Class| {
        tally.outcomes[index(**class)]
            .iter()
            .all(|count| *count == 0)
    };
    let why = "The contract names the class, but no user asked for it.";
    let classes = story.header.drill.contract.classes.iter().filter(silent);
    classes
        .map(|class| doubt("class without requests", class.to_string(), 0.0, why))
        .collect()
}

/// The outages of a recording are told in the order in which its arrivals were due.
fn out_of_order(tally: &Tally) -> Option<Finding> {
    let count = tally.disordered;
    let text = format!("{count} arrivals recorded long after their end");
    let why = "Whether they were part of an outage can't be told.";
    (count > 0).then(|| doubt("recording out of order", text, count as f64, why))
}

/// The generator sent what the schedule wants, and nothing else.
fn off_schedule(tally: &Tally) -> Option<Finding> {
    let (text, count) = tally.scheduled.as_ref()?.doubt()?;
    let why = "What was not asked, or not recorded, may have been what went wrong.";
    Some(doubt("schedule not kept", text, count as f64, why))
}

fn in_ms(ms: Option<f64>) -> String {
    ms.map_or_else(|| "-".into(), |ms| format!("{ms:.1} ms"))
}
