//! `gameday heal`.

use engine::Docker;

use crate::{exit::Exit, place::Place, show::Screen};

pub(crate) async fn heal(place: &Place, all: bool) -> anyhow::Result<Exit> {
    let docker = Docker::connect().await?;
    let screen = Screen::default();
    let healed = run::heal(&docker, &place.home(), all, &|progress| {
        screen.say(progress)
    })
    .await?;
    if healed.is_empty() {
        println!("nothing to heal");
    }
    Ok(Exit::Held)
}
