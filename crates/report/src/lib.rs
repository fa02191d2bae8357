//! From a judgement to something to read: text for the terminal, JSON for programs.
//!
//! No number is computed here; the judge has made them all. This crate is pure: it takes a
//! [`Judgement`] and gives a string.

mod sections;
mod table;
mod words;

use judge::Judgement;

use crate::table::Paint;

/// How a text looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Style {
    /// Whether verdicts and bad numbers have ANSI colours.
    pub colour: bool,
}

/// The summary for a terminal: plain, at most 100 columns wide.
pub fn text(judgement: &Judgement) -> String {
    styled_text(judgement, Style::default())
}

/// The summary for a terminal, in the given style.
pub fn styled_text(judgement: &Judgement, style: Style) -> String {
    let paint = Paint(style.colour);
    let sections = [
        sections::verdict(judgement, paint),
        sections::findings(judgement, paint),
        sections::episodes(judgement, paint),
        sections::stopwatch(judgement, paint),
        sections::load(judgement, paint),
        sections::components(judgement, paint),
        sections::bill(judgement, paint),
        sections::again(judgement),
    ];
    sections.join("\n")
}

/// The whole judgement, indented.
pub fn json(judgement: &Judgement) -> String {
    match serde_json::to_string_pretty(judgement) {
        Ok(text) => text + "\n",
        Err(error) => unreachable!("a judgement has only string keys: {error}"),
    }
}
