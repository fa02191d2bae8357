//! `gameday survive`: every member of a topology, hit in every way, and what users saw of it.

use std::time::Duration;

use drill::{
    Candidate,
    survival::{Survival, subjects},
};
use engine::Docker;
use judge::survival::{Asked, CellState, Matrix, matrix};
use run::{Expedition, Shelf, survive as collect};
use stage::Topology;
use tokio_util::sync::CancellationToken;

use crate::{
    args::{MatrixFormat, SurviveArgs},
    exit::{Exit, Usage},
    place::{Place, candidate},
    show::{self, Screen},
};

pub(crate) async fn survive(
    place: &Place,
    args: &SurviveArgs,
    interrupted: &CancellationToken,
) -> anyhow::Result<Exit> {
    let asked = asked(place, args)?;
    let trials = args.trials.clone().unwrap_or_else(|| place.survival());
    let shelf = Shelf::of(&trials, &asked);
    if let Some(format) = args.report {
        return report(&matrix(asked, &shelf.tried()?), format);
    }
    let home = place.home();
    let order = Expedition {
        survival: Survival {
            topology: asked.topology.clone(),
            users: args.users,
            hold: args.hold.into(),
        },
        asked,
        only_missing: args.missing,
        within: args.within.map(Into::into),
        root: &place.root,
        home: &home,
    };
    if args.dry_run {
        return outline(&order, &shelf);
    }
    let screen = Screen::default();
    let say = |progress| screen.say(progress);
    super::doctor::prepare(place, args.provision, &say).await?;
    let docker = Docker::connect().await?;
    let collected = Box::pin(collect(&order, &shelf, &docker, &say, interrupted)).await;
    // Also after an interruption: what had been tried by then is on the shelf.
    shelf.write_matrix(&order.asked)?;
    let matrix = matrix(order.asked.clone(), &shelf.tried()?);
    show::survival(&matrix);
    eprintln!("trials: {}", shelf.path().display());
    eprintln!("report: {}", shelf.page().display());
    collected?;
    Ok(exit(&matrix))
}

/// What the arguments mean on the topology as it is.
fn asked(place: &Place, args: &SurviveArgs) -> anyhow::Result<Asked> {
    let services = Topology::load(&place.compose(), &args.topology)?.services;
    let candidates: Vec<Candidate> = services.into_iter().map(candidate).collect();
    let hold: Duration = args.hold.into();
    let settings = stage::settings(&place.compose(), std::env::vars_os())?;
    let mut blows = args.faults.clone();
    blows.sort_unstable();
    blows.dedup();
    Ok(Asked {
        subjects: subjects(&candidates, &args.only)
            .map_err(|error| Usage(format!("--only: {error}")))?,
        platform: stage::platform_version(&place.root, &args.topology, &settings)?,
        settings,
        topology: args.topology.clone(),
        users: args.users,
        hold_s: hold.as_secs_f64(),
        blows,
        repetitions: args.repetitions,
    })
}

/// What would be tried, and for how long, without trying it.
fn outline(order: &Expedition<'_>, shelf: &Shelf) -> anyhow::Result<Exit> {
    let tried = shelf.tried()?;
    let pending = order.pending(&tried);
    let (runs, time) = order.estimate(&pending, &tried);
    for trial in &pending {
        println!("{}", trial.name());
    }
    println!(
        "trials: {}, runs: {runs}, minutes: about {}",
        pending.len(),
        time.as_secs().div_ceil(60)
    );
    Ok(Exit::Held)
}

fn report(matrix: &Matrix, format: MatrixFormat) -> anyhow::Result<Exit> {
    match format {
        MatrixFormat::Text => show::survival(matrix),
        MatrixFormat::Markdown => print!("{}", report::survival_markdown(matrix)),
        MatrixFormat::Json => print!("{}", report::survival_json(matrix)),
        MatrixFormat::Html => print!("{}", report::survival_html(matrix)),
    }
    Ok(Exit::Held)
}

/// A matrix promises nothing, so it can't be broken; it can be unproven.
fn exit(matrix: &Matrix) -> Exit {
    let unproven = matrix.states.contains_key(&CellState::Unproven);
    match matrix.is_complete() && !unproven {
        true => Exit::Held,
        false => Exit::Unproven,
    }
}
