//! The sections of the text, from the verdict to the commands that repeat the run.

mod episodes;
mod load;
mod verdict;

pub(crate) use episodes::{episodes, stopwatch};
pub(crate) use load::{again, bill, components, load};
pub(crate) use verdict::{findings, verdict};

use crate::{
    table::{INDENT, Paint, Tone, WIDTH},
    words::wrap,
};

/// Indented lines that keep to the width.
fn paragraph(text: &str, paint: Paint, tone: Tone) -> String {
    let lines = wrap(text, WIDTH - INDENT.len());
    lines
        .iter()
        .map(|line| format!("{INDENT}{}\n", paint.tone(tone, line)))
        .collect()
}
