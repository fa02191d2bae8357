//! The outage budget as bars: one for each episode, against what the contract allows.

use judge::{Burn, Judgement};

use crate::{document::Tone, words::burned};

/// All bars on one scale.
#[derive(Debug)]
pub(crate) struct Bars {
    /// In one sentence.
    pub(crate) total: String,
    /// Where the whole budget lies, in percent of the width.
    pub(crate) budget: f64,
    pub(crate) rows: Vec<Bar>,
}

/// One episode, or the time outside of all.
#[derive(Debug)]
pub(crate) struct Bar {
    pub(crate) name: String,
    /// In percent of the width.
    pub(crate) width: f64,
    pub(crate) tone: Tone,
    pub(crate) text: String,
}

/// The bars of a run. The scale ends at the whole budget, or at the longest bar beyond it.
pub(crate) fn bars(judgement: &Judgement) -> Bars {
    let budget = &judgement.budget;
    let percents = budget.burns.iter().map(|burn| burn.percent);
    let end = percents.fold(100.0, f64::max);
    let bar = |(position, burn): (usize, &Burn)| Bar {
        name: match &burn.episode {
            Some(name) => format!("{}. {name}", position + 1),
            None => "outside all episodes".into(),
        },
        width: 100.0 * burn.percent / end,
        tone: burn.verdict.into(),
        text: burned(burn),
    };
    Bars {
        total: format!(
            "Of the {:.2} s that the contract allows a window, this run burned {:.2} s of its worst class: {:.1} %.",
            budget.allowed_s, budget.burned_s, budget.burned_percent
        ),
        budget: 100.0 * 100.0 / end,
        rows: budget.burns.iter().enumerate().map(bar).collect(),
    }
}
