//! `gameday judge --self-test`: the judge is judged. It needs no engine, no drill and no folder.

use calibrate::{Scale, self_test as calibrate};
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;

pub(crate) async fn self_test(interrupted: &CancellationToken) -> anyhow::Result<Exit> {
    let say = |step: String| eprintln!("== {step}");
    let table = tokio::select! {
        table = calibrate(Scale::FULL, say) => table?,
        () = interrupted.cancelled() => return Ok(Exit::Interrupted),
    };
    print!("{table}");
    Ok(table.verdict().into())
}
