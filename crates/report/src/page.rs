//! The report as one page that needs nothing else.

use askama::Template;
use judge::Judgement;

use crate::{
    around::{Around, around},
    burns::{Bars, bars},
    chart::{Chart, chart},
    document::{Align, Cell, Row, Section, Tone},
    excerpt::Excerpt,
    sections,
    topology::{Picture, picture},
    words::shout,
};

/// What the template asks for, in the order in which it is shown.
#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    title: &'a str,
    verdict: &'static str,
    tone: Tone,
    headline: String,
    about: Vec<Cell>,
    verdicts: [Section; 2],
    budget: Section,
    claim: Section,
    bars: Bars,
    chart: Chart,
    picture: Option<Picture>,
    figures: Vec<Section>,
    around: Vec<Around<'a>>,
    rest: [Section; 3],
    again: [(&'static str, &'a str); 2],
}

/// The page of a judgement, with what was logged around its faults.
pub(crate) fn page(judgement: &Judgement, excerpts: &[Excerpt]) -> String {
    let page = Page {
        title: &judgement.drill,
        verdict: shout(judgement.verdict),
        tone: judgement.verdict.into(),
        headline: sections::headline(judgement),
        about: sections::about(judgement),
        verdicts: [sections::findings(judgement), sections::in_run(judgement)],
        budget: sections::budget(judgement),
        claim: sections::claim(judgement),
        bars: bars(judgement),
        chart: chart(judgement),
        picture: picture(judgement),
        figures: [
            Some(sections::episodes(judgement)),
            sections::pressure(judgement),
            sections::strain(judgement),
            Some(sections::stopwatch(judgement)),
            Some(sections::ledger(judgement)),
        ]
        .into_iter()
        .flatten()
        .collect(),
        around: around(judgement, excerpts),
        rest: [
            sections::load(judgement),
            sections::components(judgement),
            sections::bill(judgement),
        ],
        again: sections::again(judgement),
    };
    match page.render() {
        Ok(html) => html,
        Err(error) => unreachable!("writing to a string does not fail: {error}"),
    }
}

/// Class of a tone in the page's style.
pub(crate) fn class(tone: &Tone) -> &'static str {
    match tone {
        Tone::Plain => "plain",
        Tone::Good => "good",
        Tone::Doubt => "doubt",
        Tone::Bad => "bad",
        Tone::Faint => "faint",
        Tone::Heading => "heading",
    }
}

/// Classes of a cell: its tone, and its column's side.
pub(crate) fn side(section: &Section, column: usize, cell: &Cell) -> String {
    match section.table.columns.get(column) {
        Some((_, Align::Right)) => format!("{} right", class(&cell.tone)),
        _ => class(&cell.tone).to_owned(),
    }
}

impl Page<'_> {
    /// Classes of a cell, as the sections' template asks for them.
    fn cell(&self, section: &Section, column: &usize, cell: &Cell) -> String {
        side(section, *column, cell)
    }
}
