//! `gameday list`, `check` and `explain`: drill files, without running them.

use drill::{Candidate, Drill, Episode};
use stage::Topology;

use crate::{
    exit::Exit,
    place::{Place, candidate},
};

pub(crate) fn list(place: &Place) -> anyhow::Result<Exit> {
    println!("drills:");
    for name in place.drills() {
        match place.drill(&name) {
            Ok((drill, _)) => println!("  {name:36} {}", drill.about),
            Err(error) => println!("  {name:36} not valid: {error}"),
        }
    }
    println!(
        "topologies: {}",
        stage::topologies(&place.compose()).join(", ")
    );
    println!("faults: {}", drill::Fault::NAMES.join(", "));
    Ok(Exit::Held)
}

pub(crate) fn check(place: &Place, name: &str) -> anyhow::Result<Exit> {
    let (drill, _) = place.drill(name)?;
    println!("{} is valid: {}", drill.name, outline(&drill));
    print!("{}", episodes(&drill, &candidates(place, &drill)?));
    Ok(Exit::Held)
}

pub(crate) fn explain(place: &Place, name: &str) -> anyhow::Result<Exit> {
    let (drill, _) = place.drill(name)?;
    println!(
        "{}\n\n{}\n\nLesson: {}\n",
        drill.name, drill.about, drill.lesson
    );
    println!("{}\n", outline(&drill));
    print!("{}", episodes(&drill, &candidates(place, &drill)?));
    Ok(Exit::Held)
}

/// What a run of the drill would do: to whom, for how long, and what takes it back.
pub(crate) fn plan(place: &Place, drill: &Drill) -> anyhow::Result<Exit> {
    println!("{} would be run: {}", drill.name, outline(drill));
    println!("guard: {}\n", drill.guard);
    let candidates = candidates(place, drill)?;
    for episode in &drill.episodes {
        print!("{}", line(episode, &candidates));
        println!("    undone by: {}", chaos::way_back(&episode.fault));
        if !episode.stagger.is_zero() {
            let stagger_s = episode.stagger.as_secs_f64();
            println!("    healed one after another, {stagger_s} s apart");
        }
    }
    println!("\nnothing was started");
    Ok(Exit::Held)
}

/// The members of the drill's topology, for targets in words.
fn candidates(place: &Place, drill: &Drill) -> anyhow::Result<Vec<Candidate>> {
    let topology = Topology::load(&place.compose(), &drill.topology)?;
    Ok(topology.services.into_iter().map(candidate).collect())
}

/// One line for each episode: what is done for how long, and to whom.
fn episodes(drill: &Drill, candidates: &[Candidate]) -> String {
    let episodes = drill.episodes.iter();
    episodes.map(|episode| line(episode, candidates)).collect()
}

fn line(episode: &Episode, candidates: &[Candidate]) -> String {
    let Episode {
        name, fault, hold, ..
    } = episode;
    let (hold, target) = (hold.as_secs(), episode.target.words(candidates));
    let then = episode.then.as_ref().map_or_else(String::new, |then| {
        let (after_s, target) = (then.after.as_secs_f64(), then.target.words(candidates));
        format!(", then after {after_s} s {} {target}", then.fault)
    });
    format!("  {name:18} {fault} for {hold} s: {target}{then}\n")
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
