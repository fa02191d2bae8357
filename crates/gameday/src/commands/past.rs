//! `gameday judge`, `gameday report` and `gameday compare`: recorded runs.

use std::fs;

use anyhow::Context;
use run::{RunFolder, judge_folder};

use crate::{args::Format, exit::Exit, place::Place, show};

pub(crate) fn judge(place: &Place, run: &str) -> anyhow::Result<Exit> {
    let judgement = judge_folder(&RunFolder::find(&place.home(), run)?)?;
    show::judgement(&judgement);
    Ok(judgement.verdict.into())
}

pub(crate) fn report(place: &Place, run: &str, format: Format) -> anyhow::Result<Exit> {
    let folder = RunFolder::find(&place.home(), run)?;
    let judgement = judge_folder(&folder)?;
    match format {
        Format::Text => show::judgement(&judgement),
        Format::Json => print!("{}", report::json(&judgement)),
        Format::Junit => print!("{}", report::junit(&judgement)),
        // The page quotes logs, and was just written with them.
        Format::Html => print!("{}", fs::read_to_string(folder.page()).context("report")?),
    }
    eprintln!("report: {}", folder.page().display());
    Ok(Exit::Held)
}

pub(crate) fn schema() -> anyhow::Result<Exit> {
    print!("{}", report::schema());
    Ok(Exit::Held)
}

pub(crate) fn compare(place: &Place, a: &str, b: &str, json: bool) -> anyhow::Result<Exit> {
    let judged = |run| judge_folder(&RunFolder::find(&place.home(), run)?);
    let comparison = judge::compare(&judged(a)?, &judged(b)?);
    match json {
        true => print!("{}", report::comparison_json(&comparison)),
        false => show::comparison(&comparison),
    }
    Ok(Exit::Held)
}
