//! What the members that a fault hit, and those that showed it, wrote to their logs meanwhile.

use std::{collections::BTreeMap, fs, ops::Range};

use jiff::Timestamp;
use judge::{EpisodeFigures, Judgement};
use report::{Excerpt, ExcerptLine};
use timeline::{Entry, Event};

use crate::{
    RunFolder,
    log_line::{self, LogLine},
};

/// An excerpt begins this long before its fault and ends this long after full health.
const MARGIN_NS: i128 = 1_000_000_000;
/// Most witnesses of an episode that are quoted: the first ones.
const MOST_WITNESSES: usize = 4;
/// Of more lines than these together, the first and the last are kept: how it began and how it ended.
const FIRST_LINES: usize = 6;
const LAST_LINES: usize = 4;
/// Lines looked back for the same message: some servers write it to both outputs, once with a prefix.
const LOOK_BACK: usize = 4;

/// The excerpts of all episodes. A log that is not there gives none: the verdict never rests on logs.
pub(crate) fn excerpts(
    folder: &RunFolder,
    entries: &[Entry],
    judgement: &Judgement,
) -> Vec<Excerpt> {
    let Some(zero_ns) = load_start(entries, judgement) else {
        return vec![];
    };
    let mut logs = BTreeMap::new();
    let mut excerpts = vec![];
    for (episode, row) in judgement.episodes.iter().enumerate() {
        let Some(fault_ns) = row.begin_s.map(|begin| zero_ns + nanos(begin)) else {
            continue;
        };
        let until = row.end_s.or(row.heal_s).unwrap_or(judgement.load.seconds);
        let during = fault_ns - MARGIN_NS..zero_ns + nanos(until) + MARGIN_NS;
        for member in speakers(episode, row, judgement) {
            let log = logs
                .entry(member.to_owned())
                .or_insert_with(|| read(folder, member));
            let (first, left_out, last) = quote(log, &during);
            if !first.is_empty() {
                let shown = |lines: Vec<&LogLine>| shown(lines, fault_ns);
                excerpts.push(Excerpt {
                    episode,
                    member: member.to_owned(),
                    first: shown(first),
                    left_out,
                    last: shown(last),
                });
            }
        }
    }
    excerpts
}

/// Wall time from which the judge counts its seconds, in nanoseconds since the Unix epoch.
fn load_start(entries: &[Entry], judgement: &Judgement) -> Option<i128> {
    let started = judgement.started_at.parse::<Timestamp>().ok()?;
    let load = entries.iter().find(|e| e.event == Event::LoadStarted)?;
    Some(started.as_nanosecond() + i128::from(load.at.0))
}

fn nanos(seconds: f64) -> i128 {
    (seconds * 1e9) as i128
}

/// Who was hit, then who showed it.
fn speakers<'a>(
    episode: usize,
    row: &'a EpisodeFigures,
    judgement: &'a Judgement,
) -> impl Iterator<Item = &'a str> {
    let witnesses = judgement.witnesses.iter();
    let witnesses = witnesses.filter(move |witness| witness.episode == episode);
    let witnesses = witnesses.map(|witness| witness.member.as_str());
    let victims = row.members.iter().map(String::as_str);
    victims.chain(witnesses.take(MOST_WITNESSES))
}

/// A member's log in the order of time: the engine keeps each of its two outputs in order, not both together.
fn read(folder: &RunFolder, member: &str) -> Vec<LogLine> {
    // Names come from the recording, which somebody else may have made: none leads out of the folder.
    if member.contains(['/', '\\']) {
        return vec![];
    }
    let bytes = fs::read(folder.logs().join(format!("{member}.log"))).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let mut lines: Vec<_> = text.lines().filter_map(log_line::read).collect();
    lines.sort_by_key(|line| line.unix_ns);
    lines
}

/// The lines written within a time, the same message only once: the first, how many are left out, the last.
fn quote<'a>(
    log: &'a [LogLine],
    during: &Range<i128>,
) -> (Vec<&'a LogLine>, usize, Vec<&'a LogLine>) {
    let mut lines: Vec<&LogLine> = vec![];
    for line in log.iter().filter(|line| during.contains(&line.unix_ns)) {
        let same = |before: &&LogLine| {
            before.text.ends_with(&line.text) || line.text.ends_with(&before.text)
        };
        if !lines.iter().rev().take(LOOK_BACK).any(same) {
            lines.push(line);
        }
    }
    let last = lines.split_off(lines.len().min(FIRST_LINES));
    let left_out = last.len().saturating_sub(LAST_LINES);
    (lines, left_out, last[left_out..].to_vec())
}

fn shown(lines: Vec<&LogLine>, fault_ns: i128) -> Vec<ExcerptLine> {
    let line = |line: &LogLine| ExcerptLine {
        after_s: (line.unix_ns - fault_ns) as f64 / 1e9,
        text: log_line::shorten(&line.text),
    };
    lines.into_iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(unix_ns: i128, text: &str) -> LogLine {
        LogLine {
            unix_ns,
            text: text.into(),
        }
    }

    #[test]
    fn a_message_on_both_outputs_is_shown_once() {
        let log = [
            line(1, "[WARNING] api-3 is DOWN"),
            line(2, "api-3 is DOWN"),
            line(3, "api-3 is UP"),
            line(9, "later"),
        ];
        let (lines, left_out, last) = quote(&log, &(0..5));
        let texts: Vec<_> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, ["[WARNING] api-3 is DOWN", "api-3 is UP"]);
        assert!(left_out == 0 && last.is_empty());
    }

    #[test]
    fn of_many_lines_the_first_and_the_last_are_kept() {
        let log: Vec<_> = (0..100).map(|n| line(n, &format!("line {n:02}"))).collect();
        let (first, left_out, last) = quote(&log, &(0..100));
        assert_eq!(first.len() + left_out + last.len(), 100);
        assert_eq!((first[0].unix_ns, last[0].unix_ns), (0, 96));
        let (first, left_out, last) = quote(&log[..8], &(0..100));
        assert_eq!((first.len(), left_out, last.len()), (FIRST_LINES, 0, 2));
    }
}
