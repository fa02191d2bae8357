//! `gameday judge` and `gameday report`: recorded runs.

use run::{RunFolder, judge_folder};

use crate::{exit::Exit, place::Place, show};

pub(crate) fn judge(place: &Place, run: &str) -> anyhow::Result<Exit> {
    let judgement = judge_folder(&RunFolder::find(&place.home(), run)?)?;
    show::judgement(&judgement);
    Ok(judgement.verdict.into())
}

pub(crate) fn report(place: &Place, run: &str, json: bool) -> anyhow::Result<Exit> {
    let folder = RunFolder::find(&place.home(), run)?;
    let judgement = judge_folder(&folder)?;
    match json {
        true => print!("{}", report::json(&judgement)),
        false => show::judgement(&judgement),
    }
    eprintln!("report: {}", folder.page().display());
    Ok(Exit::Held)
}
