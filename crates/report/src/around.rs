//! What was seen around each fault: its effect, who showed it, and what the logs say.

use std::borrow::Cow;

use judge::{EpisodeFigures, Judgement, Verdict};

use crate::{
    document::Tone,
    excerpt::{Excerpt, ExcerptLine},
    words::{trouble, troubled},
};

/// One episode.
#[derive(Debug)]
pub(crate) struct Around<'a> {
    pub(crate) title: String,
    pub(crate) tone: Tone,
    /// Whether it is worth reading first: it cost users something, or proves nothing.
    pub(crate) open: bool,
    /// Sentences, each with what it is about.
    pub(crate) seen: Vec<(&'a str, String)>,
    pub(crate) logs: Vec<Log<'a>>,
}

/// What one member wrote.
#[derive(Debug)]
pub(crate) struct Log<'a> {
    pub(crate) member: &'a str,
    pub(crate) lines: Vec<Line<'a>>,
}

/// A line of a log, or a remark in its place.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) when: String,
    pub(crate) text: Cow<'a, str>,
}

/// Every episode with what there is about it.
pub(crate) fn around<'a>(judgement: &'a Judgement, excerpts: &'a [Excerpt]) -> Vec<Around<'a>> {
    let rows = judgement.episodes.iter().enumerate();
    rows.map(|(number, row)| episode(judgement, number, row, excerpts))
        .collect()
}

fn episode<'a>(
    judgement: &'a Judgement,
    number: usize,
    row: &'a EpisodeFigures,
    excerpts: &'a [Excerpt],
) -> Around<'a> {
    let verdict = judgement.budget.burns.get(number);
    let verdict = verdict.map_or(Verdict::Unproven, |burn| burn.verdict);
    let what = trouble(row.state).unwrap_or("effect");
    let mut seen = vec![(what, row.detail.clone())];
    seen.extend(troubled(&row.outages).map(|outages| {
        let said =
            format!("{outages} seconds, from the first bad request to the good one after the last");
        ("troubled", said)
    }));
    let witnesses = judgement.witnesses.iter().filter(|w| w.episode == number);
    seen.extend(witnesses.map(|witness| {
        let said = format!("{:+.1} s: {}", witness.after_s, witness.said);
        (witness.member.as_str(), said)
    }));
    let logs = excerpts.iter().filter(|excerpt| excerpt.episode == number);
    Around {
        title: format!(
            "{}. {}: {} {}",
            number + 1,
            row.name,
            row.fault,
            match row.members.is_empty() {
                true => row.target.clone(),
                false => row.members.join(", "),
            }
        ),
        tone: verdict.into(),
        open: row.toll.bad > 0 || verdict != Verdict::Held,
        seen,
        logs: logs.map(log).collect(),
    }
}

fn log(excerpt: &Excerpt) -> Log<'_> {
    let mut lines: Vec<Line> = excerpt.first.iter().map(line).collect();
    if excerpt.left_out > 0 {
        lines.push(Line {
            when: String::new(),
            text: format!("… {} more lines …", excerpt.left_out).into(),
        });
    }
    lines.extend(excerpt.last.iter().map(line));
    Log {
        member: &excerpt.member,
        lines,
    }
}

fn line(line: &ExcerptLine) -> Line<'_> {
    Line {
        when: format!("{:+.1} s", line.after_s),
        text: line.text.as_str().into(),
    }
}
