//! `gameday list`, `check` and `explain`: drill files, without running them.

use drill::Drill;

use crate::{exit::Exit, place::Place};

pub(crate) fn list(place: &Place) -> anyhow::Result<Exit> {
    println!("drills:");
    for name in place.drills() {
        match place.drill(&name) {
            Ok((drill, _)) => println!("  {name:26} {}", drill.about),
            Err(error) => println!("  {name:26} not valid: {error}"),
        }
    }
    println!(
        "topologies: {}",
        stage::topologies(&place.compose()).join(", ")
    );
    println!("faults: kill, stop, restart, pause");
    Ok(Exit::Held)
}

pub(crate) fn check(place: &Place, name: &str) -> anyhow::Result<Exit> {
    let (drill, _) = place.drill(name)?;
    println!("{} is valid: {}", drill.name, outline(&drill));
    Ok(Exit::Held)
}

pub(crate) fn explain(place: &Place, name: &str) -> anyhow::Result<Exit> {
    let (drill, _) = place.drill(name)?;
    println!(
        "{}\n\n{}\n\nLesson: {}\n",
        drill.name, drill.about, drill.lesson
    );
    println!("{}\n", outline(&drill));
    for episode in &drill.episodes {
        let hold = episode.hold.as_secs();
        println!(
            "  {:18} {} {} for {hold} s",
            episode.name, episode.fault, episode.target
        );
    }
    Ok(Exit::Held)
}

fn outline(drill: &Drill) -> String {
    format!(
        "{} episodes on topology {}; {} to {} users for {} s of load; {:.2} s of outage allowed",
        drill.episodes.len(),
        drill.topology,
        drill.traffic.baseline_users(),
        drill.traffic.peak_users(),
        drill.traffic.real_span().as_secs(),
        drill.contract.budget().as_secs_f64(),
    )
}
