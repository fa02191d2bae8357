//! `gameday doctor`, and the same look before anything is started.

use engine::Docker;
use run::{Progress, Say};

use crate::{exit::Exit, place::Place};

pub(crate) async fn doctor(place: &Place, fix: bool) -> anyhow::Result<Exit> {
    let say = |line: String| eprintln!("{line}");
    let checks = stage::doctor(&place.root, fix, &say).await;
    for check in &checks {
        let mark = if check.ok { "ok  " } else { "MISS" };
        println!("{mark} {:12} {}", check.name, check.detail);
        if let (false, Some(fix)) = (check.ok, &check.fix) {
            println!("     fix: {fix}");
        }
    }
    faults().await;
    match checks.iter().all(|check| check.ok) {
        true => Ok(Exit::Held),
        false => Ok(Exit::NotUp),
    }
}

/// Which mechanisms of network faults work on this kernel. No reason to refuse a drill: a fault that none of them can do
/// says so itself.
async fn faults() {
    let found = async {
        let docker = Docker::connect().await?;
        anyhow::Ok(chaos::abilities(&docker, chaos::AGENTS).await?)
    };
    match found.await {
        Ok(found) => {
            for ability in found {
                let mark = if ability.works { "ok  " } else { "none" };
                println!("{mark} {:12} {}", ability.name, ability.how);
            }
        }
        Err(error) => {
            println!("?    faults       looked at once the agents' image is built ({error})")
        }
    }
}

/// Refuses to start on a machine that can't run drills; with `provision`, mends it first.
pub(crate) async fn prepare(place: &Place, provision: bool, say: Say<'_>) -> anyhow::Result<()> {
    let line = |line: String| say(Progress::Line(line));
    stage::prepare(&place.root, provision, &line).await?;
    Ok(())
}
