//! No fault outlives its holder: whoever is killed, and whenever, within ten seconds nothing of it is left, though
//! nobody types a command.
//!
//! Beside it stands a container of somebody else's project, which has to be the same before and after.
//!
//! `GAMEDAY_CRASH_MATRIX=hold` kills only while the fault holds; with a fault's name, only that fault is done.

#![expect(
    clippy::disallowed_methods,
    reason = "a test belongs to no run, and so to no run's clock"
)]

mod crash;

use std::time::Instant;

use crash::{Bystander, Cell, Phase, Stand, Victim, faults, refusals};

#[test]
fn nothing_outlives_its_holder() {
    let part = std::env::var("GAMEDAY_CRASH_MATRIX").unwrap_or_default();
    let all = part != "hold";
    let named = |fault: &crash::Subject| !all || part.is_empty() || fault.name == part;
    let phases: &[Phase] = if all { &Phase::ALL } else { &[Phase::Hold] };
    let stand = Stand::raise();
    let bystander = Bystander::start();
    println!(
        "{:16} {:11} {}",
        "fault",
        "killed",
        phases.iter().map(|p| format!("{p:>9}")).collect::<String>()
    );
    let mut left = vec![];
    for fault in faults().into_iter().filter(named) {
        for victim in Victim::ALL
            .into_iter()
            .filter(|v| all || *v != Victim::Agent || fault.agent)
        {
            print!("{:16} {:11}", fault.name, victim.to_string());
            for phase in phases {
                let begin = Instant::now();
                match stand.cell(&fault, victim, *phase) {
                    Cell::Healed(after) => print!("{:>7.1} s", after.as_secs_f64()),
                    Cell::NoAgent => print!("{:>9}", "no agent"),
                    Cell::Left(what) => {
                        print!("{:>9}", "LEFT");
                        left.push(format!("{} {victim} {phase}: {what}", fault.name));
                    }
                }
                assert!(begin.elapsed().as_secs() < 120, "{} hangs", fault.name);
            }
            println!();
        }
    }
    stand.heal_everything();
    match bystander.changed() {
        None => println!("a container of another project beside it: as before"),
        Some(change) => left.push(format!("a container of another project: {change}")),
    }
    drop(stand);
    assert!(left.is_empty(), "{}", left.join("\n"));
}

#[test]
fn what_shows_nothing_never_passes() {
    refusals::check(&Stand::raise());
}
