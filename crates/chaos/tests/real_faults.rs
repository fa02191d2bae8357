//! Faults on real containers: applied, proven, healed, and healed by a process that did not apply them.
//! Skipped where no engine answers.

#![allow(clippy::unwrap_used, reason = "a test ends in a panic where it must")]

#[path = "../../engine/tests/support/mod.rs"]
mod support;

use std::{path::PathBuf, time::Duration};

use chaos::{UndoLedger, apply, heal_left};
use drill::{Fault, Signal};
use engine::{Inspect, Member, State};
use support::Stand;
use tokio::time::Instant;

/// How long a fault is meant to last.
const HOLD: Duration = Duration::from_secs(5);
const KILL: Fault = Fault::Kill {
    signal: Signal::Kill,
};

fn faults() -> [Fault; 4] {
    let stop = Fault::Stop {
        grace: Duration::from_secs(1),
    };
    [KILL, stop, Fault::Restart {}, Fault::Pause {}]
}

/// A project with two members and an instrument.
async fn raise() -> Option<(Stand, PathBuf, Vec<Member>)> {
    let stand = Stand::new().await?;
    stand.start("api-1", "api", 41);
    stand.start("api-2", "api", 42);
    stand.start("observer", "instrument", 120);
    let members = stand.docker.members(&stand.project).await.unwrap();
    let ledger = stand.folder.join("undo");
    Some((stand, ledger, members))
}

async fn states(stand: &Stand, members: &[Member]) -> Vec<State> {
    let mut states = Vec::new();
    for member in members {
        states.push(stand.docker.state(&member.id).await.unwrap());
    }
    states
}

#[tokio::test]
async fn every_fault_shows_and_heals() {
    let Some((stand, dir, members)) = raise().await else {
        return;
    };
    let (docker, apis) = (&stand.docker, &members[..2]);
    let ledger = UndoLedger::open(&dir, &stand.project).unwrap();
    for fault in faults() {
        let begin = Instant::now();
        let affliction = apply(docker, &ledger, &fault, apis, HOLD).await.unwrap();
        let applied = begin.elapsed();
        let seen = affliction.prove(docker).await.unwrap();
        let proven = begin.elapsed();
        affliction
            .heal(docker, &chaos::Recovery::default())
            .await
            .unwrap();
        let healed = begin.elapsed() - proven;
        println!(
            "{fault} of two: applied {applied:.1?}, proven {proven:.1?}, healed in {healed:.1?}: {seen}"
        );
        assert_eq!(
            states(&stand, &members).await,
            [State::Running; 3],
            "{fault}"
        );
        assert!(
            heal_left(docker, &dir, &stand.project)
                .await
                .unwrap()
                .is_empty()
        );
    }
}

#[tokio::test]
async fn a_dead_controllers_faults_are_healed_from_its_files_alone() {
    let Some((stand, dir, members)) = raise().await else {
        return;
    };
    let (docker, apis) = (&stand.docker, &members[..2]);
    for fault in faults() {
        let ledger = UndoLedger::open(&dir, &stand.project).unwrap();
        let affliction = apply(docker, &ledger, &fault, apis, HOLD).await.unwrap();
        // What SIGKILL leaves of a controller: nothing runs any more, not even a drop.
        std::mem::forget(affliction);
        drop(ledger);
        let begin = Instant::now();
        let healed = heal_left(docker, &dir, &stand.project).await.unwrap();
        println!(
            "{fault} of two: healed from the files in {:.1?}",
            begin.elapsed()
        );
        assert_eq!(
            healed,
            [format!("{fault} of api-1, api-2 in {}", stand.project)]
        );
        assert_eq!(
            states(&stand, &members).await,
            [State::Running; 3],
            "{fault}"
        );
        assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 0);
    }
}

#[tokio::test]
async fn overlapping_faults_of_a_dead_controller_are_healed_in_reverse() {
    let Some((stand, dir, members)) = raise().await else {
        return;
    };
    let docker = &stand.docker;
    let ledger = UndoLedger::open(&dir, &stand.project).unwrap();
    for (fault, member) in [(Fault::Pause {}, &members[0]), (KILL, &members[1])] {
        let affliction = apply(docker, &ledger, &fault, std::slice::from_ref(member), HOLD)
            .await
            .unwrap();
        std::mem::forget(affliction);
    }
    std::fs::write(dir.join("000009-kill.json"), "not an undo").unwrap();
    let error = heal_left(docker, &dir, &stand.project)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("000009-kill.json"), "{error}");
    assert_eq!(states(&stand, &members).await, [State::Running; 3]);
}

#[tokio::test]
async fn guarded_and_removed_members_do_no_harm() {
    let Some((stand, dir, members)) = raise().await else {
        return;
    };
    let docker = &stand.docker;
    let ledger = UndoLedger::open(&dir, &stand.project).unwrap();
    let error = apply(docker, &ledger, &KILL, &members, HOLD)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("observer is an instrument"), "{error}");
    let elsewhere = UndoLedger::open(&dir, "gameday-elsewhere").unwrap();
    let error = apply(docker, &elsewhere, &KILL, &members[..1], HOLD)
        .await
        .unwrap_err()
        .to_string();
    assert!(error.contains("gameday-elsewhere"), "{error}");
    assert_eq!(states(&stand, &members).await, [State::Running; 3]);
    let affliction = apply(docker, &ledger, &Fault::Pause {}, &members[..1], HOLD)
        .await
        .unwrap();
    stand.cli(&["rm", "-f", &members[0].id]).unwrap();
    affliction
        .heal(docker, &chaos::Recovery::default())
        .await
        .unwrap();
    assert!(
        heal_left(docker, &dir, &stand.project)
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_signal_that_is_ignored_is_not_proven() {
    let Some((stand, dir, members)) = raise().await else {
        return;
    };
    let ledger = UndoLedger::open(&dir, &stand.project).unwrap();
    let term = Fault::Kill {
        signal: Signal::Term,
    };
    let affliction = apply(&stand.docker, &ledger, &term, &members[..1], HOLD)
        .await
        .unwrap();
    let error = affliction
        .prove(&stand.docker)
        .await
        .unwrap_err()
        .to_string();
    assert_eq!(error, "kill not proven: api-1 is running after signal TERM");
    affliction
        .heal(&stand.docker, &chaos::Recovery::default())
        .await
        .unwrap();
}
