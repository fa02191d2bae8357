//! From a judgement to something to read: text for the terminal, a page for the browser, JSON and JUnit XML
//! for programs.
//!
//! No number is computed here; the judge has made them all. This crate is pure: it takes a
//! [`Judgement`] and gives a string.

mod around;
mod burns;
mod chart;
mod document;
mod excerpt;
mod junit;
mod markdown;
mod page;
mod plain;
mod schema;
mod sections;
mod survival;
mod topology;
mod words;

use judge::{Comparison, Judgement};

pub use excerpt::{Excerpt, ExcerptLine};
pub use schema::schema;
pub use survival::{survival_html, survival_json, survival_markdown, survival_text};

use crate::plain::{INDENT, Paint, WIDTH};

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
    let mut out = headline(judgement, paint);
    for line in sections::about(judgement) {
        out += &paint.paragraph(line.tone, &line.text);
    }
    let all = [
        Some(sections::findings(judgement)),
        Some(sections::in_run(judgement)),
        Some(sections::budget(judgement)),
        Some(sections::claim(judgement)),
        Some(sections::episodes(judgement)),
        sections::pressure(judgement),
        sections::strain(judgement),
        Some(sections::stopwatch(judgement)),
        Some(sections::ledger(judgement)),
        Some(sections::load(judgement)),
        Some(sections::components(judgement)),
        Some(sections::bill(judgement)),
    ];
    for section in all.into_iter().flatten() {
        out.push('\n');
        out += &paint.section(&section);
    }
    out.push('\n');
    for (what, command) in sections::again(judgement) {
        out += &format!("{what:<26}  {command}\n");
    }
    out
}

/// The verdict in one line, if it is short enough, and a blank line.
fn headline(judgement: &Judgement, paint: Paint) -> String {
    let word = words::shout(judgement.verdict);
    let indent = " ".repeat(word.len() + INDENT.len());
    let lines = words::wrap(&sections::headline(judgement), WIDTH - indent.len());
    let word = paint.tone(judgement.verdict.into(), word);
    format!("{word}{INDENT}{}\n\n", lines.join(&format!("\n{indent}")))
}

/// One self-contained page for a browser or a printer: charts, the topology, and what was logged around
/// each fault.
pub fn html(judgement: &Judgement, excerpts: &[Excerpt]) -> String {
    page::page(judgement, excerpts)
}

/// JUnit XML: one suite, with a case for each finding and for each episode, and the text as its output.
pub fn junit(judgement: &Judgement) -> String {
    junit::document(judgement, text(judgement))
}

/// Two runs side by side for a terminal, at most 100 columns wide.
pub fn comparison(comparison: &Comparison, style: Style) -> String {
    let paint = Paint(style.colour);
    let mut out = String::new();
    for section in sections::comparison(comparison) {
        out += &paint.section(&section);
        out.push('\n');
    }
    out
}

/// Two runs side by side for programs, indented.
pub fn comparison_json(comparison: &Comparison) -> String {
    indented(comparison)
}

/// The whole judgement, indented.
pub fn json(judgement: &Judgement) -> String {
    indented(judgement)
}

fn indented(value: &impl serde::Serialize) -> String {
    match serde_json::to_string_pretty(value) {
        Ok(text) => text + "\n",
        Err(error) => unreachable!("figures have only string keys: {error}"),
    }
}
