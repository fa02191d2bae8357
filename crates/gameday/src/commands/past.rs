//! `gameday judge` and `gameday report`: recorded runs.

use run::{RunFolder, judge_folder};

use crate::{exit::Exit, place::Place};

pub(crate) fn judge(place: &Place, run: &str) -> anyhow::Result<Exit> {
    let judgement = judge_folder(&RunFolder::find(&place.home(), run)?)?;
    println!("{}", report::text(&judgement));
    Ok(judgement.verdict.into())
}

pub(crate) fn report(place: &Place, run: &str, json: bool) -> anyhow::Result<Exit> {
    let judgement = judge_folder(&RunFolder::find(&place.home(), run)?)?;
    let render = if json { report::json } else { report::text };
    println!("{}", render(&judgement));
    Ok(Exit::Held)
}
