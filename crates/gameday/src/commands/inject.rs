//! `gameday inject`: one fault by hand.

use drill::{Candidate, by_hand};
use engine::Docker;
use run::{Injection, RunFolder};
use stage::Topology;
use tokio_util::sync::CancellationToken;

use crate::{
    args::InjectArgs,
    exit::{Exit, Usage},
    place::{Place, candidate},
    show::Screen,
};

pub(crate) async fn inject(
    place: &Place,
    args: &InjectArgs,
    interrupted: &CancellationToken,
) -> anyhow::Result<Exit> {
    let folder = raised(place, args.run.as_deref())?;
    let topology = folder.kept().unwrap_or_default();
    let services = Topology::load(&place.compose(), &topology)?.services;
    let candidates: Vec<Candidate> = services.into_iter().map(candidate).collect();
    let typed = by_hand(&args.fault, &args.on, &topology, &candidates);
    let (fault, target) = typed.map_err(Usage)?;
    let injection = Injection {
        fault,
        target,
        hold: args.hold.into(),
        seed: args.seed,
    };
    if args.dry_run {
        println!(
            "{} on {} for {}",
            injection.fault, injection.target, args.hold
        );
        println!("  undo: {}", chaos::way_back(&injection.fault));
        return Ok(Exit::Held);
    }
    let docker = Docker::connect().await?;
    let screen = Screen::default();
    let say = |progress| screen.say(progress);
    let proven = Box::pin(run::inject(&docker, &folder, &injection, &say, interrupted)).await?;
    Ok(match (interrupted.is_cancelled(), proven) {
        (true, _) => Exit::Interrupted,
        (false, true) => Exit::Held,
        (false, false) => Exit::Unproven,
    })
}

/// The topology that was raised by hand: the newest, or the one that is named.
fn raised(place: &Place, run: Option<&str>) -> anyhow::Result<RunFolder> {
    let mut kept = RunFolder::all(&place.home());
    kept.retain(|folder| folder.kept().is_some() && run.is_none_or(|run| folder.id() == run));
    kept.pop().ok_or_else(|| {
        let what = run.unwrap_or("nothing");
        Usage(format!(
            "{what} stands that was raised by hand: `gameday up ha` raises a topology"
        ))
        .into()
    })
}
