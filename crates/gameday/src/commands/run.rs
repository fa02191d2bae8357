//! `gameday run`.

use engine::Docker;
use run::{Order, conduct};
use tokio_util::sync::CancellationToken;

use crate::{
    args::RunArgs,
    exit::{Exit, Usage},
    place::Place,
    show::{self, Screen},
};

pub(crate) async fn run(
    place: &Place,
    args: &RunArgs,
    interrupted: &CancellationToken,
) -> anyhow::Result<Exit> {
    let (mut drill, text) = place.drill(&args.drill)?;
    if let Some(speed) = args.speed {
        let traffic = drill.traffic.at_speed(speed);
        drill.traffic = traffic.map_err(|error| Usage(format!("--speed: {error}")))?;
    }
    if args.dry_run {
        return super::drills::plan(place, &drill);
    }
    let screen = Screen::default();
    let say = |progress| screen.say(progress);
    super::doctor::prepare(place, args.provision, &say).await?;
    let docker = Docker::connect().await?;
    let home = place.home();
    let order = Order {
        drill: &drill,
        drill_text: &text,
        root: &place.root,
        home: &home,
    };
    let ended = conduct(order, &docker, &say, interrupted).await?;
    show::judgement(&ended.judgement);
    eprintln!("phases: {}", screen.phases());
    eprintln!("record: {}", ended.folder.path().display());
    eprintln!("report: {}", ended.folder.page().display());
    ended.lowered?;
    Ok(ended.judgement.verdict.into())
}
