//! `gameday up`, `down` and `status`: topologies by hand.

use engine::{Docker, Sweep};
use run::RunFolder;
use tokio_util::sync::CancellationToken;

use crate::{
    args::UpArgs,
    exit::{Exit, Usage},
    place::Place,
    show::Screen,
};

pub(crate) async fn up(
    place: &Place,
    args: &UpArgs,
    interrupted: &CancellationToken,
) -> anyhow::Result<Exit> {
    let known = stage::topologies(&place.compose());
    if !known.contains(&args.topology) {
        let known = known.join(", ");
        return Err(Usage(format!(
            "no topology {:?}; there are: {known}",
            args.topology
        ))
        .into());
    }
    let screen = Screen::default();
    let say = |progress| screen.say(progress);
    super::doctor::prepare(place, args.provision, &say).await?;
    let docker = Docker::connect().await?;
    let (folder, _holder) = RunFolder::create(&place.home())?;
    let raised = run::raise(
        &docker,
        &place.root,
        &folder,
        &args.topology,
        &say,
        interrupted,
    )
    .await;
    match raised {
        Ok(platform) => {
            // Kept only now: what fails to come up is put down, also by a later heal.
            folder.keep(&args.topology)?;
            println!("{} is up as run {}", args.topology, folder.id());
            println!("  virtual address {}", platform.raised.vip("edge"));
            println!("  put it down with: gameday down {}", folder.id());
            Ok(Exit::Held)
        }
        Err(error) => {
            stage::lower(&docker, &folder.project()).await?;
            Err(error.into())
        }
    }
}

pub(crate) async fn down(place: &Place, run: Option<&str>, all: bool) -> anyhow::Result<Exit> {
    let docker = Docker::connect().await?;
    let mut kept = RunFolder::all(&place.home());
    kept.retain(|folder| folder.kept().is_some());
    match run {
        Some(id) => kept.retain(|folder| folder.id() == id),
        None if !all => kept = kept.pop().into_iter().collect(),
        None => {}
    }
    if kept.is_empty() {
        let what = run.map_or("nothing was".to_owned(), |run| format!("{run} was not"));
        return Err(Usage(format!("{what} raised by hand; see `gameday status`")).into());
    }
    for folder in kept {
        folder.release();
        stage::lower(&docker, &folder.project()).await?;
        println!("put down {}", folder.id());
    }
    Ok(Exit::Held)
}

pub(crate) async fn status(place: &Place) -> anyhow::Result<Exit> {
    let docker = Docker::connect().await?;
    let runs = RunFolder::all(&place.home());
    let projects = docker.projects().await?;
    if projects.is_empty() {
        println!("nothing is standing");
    }
    for project in projects {
        let folder = runs.iter().find(|folder| folder.project() == project.name);
        let state = match folder {
            None => "raised elsewhere".to_owned(),
            Some(folder) => match (folder.kept(), folder.adopt()) {
                (Some(topology), _) => format!("{topology}, raised by hand"),
                (None, None) => "a run under way".to_owned(),
                (None, Some(_)) => "left by a dead run: `gameday heal` puts it down".to_owned(),
            },
        };
        println!("{:32} {state}", project.name);
    }
    Ok(Exit::Held)
}
