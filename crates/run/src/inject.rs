//! One fault by hand, on a topology that stands.

use std::time::Duration;

use chaos::{Recovery, UndoLedger};
use drill::{Fault, Parts, Target};
use engine::{Docker, Inspect};
use tokio_util::sync::CancellationToken;

use crate::{Progress, RunError, RunFolder, Say};

/// A fault, and on whom for how long.
#[derive(Debug, Clone)]
pub struct Injection {
    /// What is done.
    pub fault: Fault,
    /// To whom.
    pub target: Target,
    /// How long.
    pub hold: Duration,
    /// Draws the members where several would do.
    pub seed: u64,
}

/// Holds a fault for its time, or until interrupted, and heals it. Returns whether the fault was proven, and everything is as before.
///
/// # Errors
/// When another process holds the run, the target means nobody, the engine refuses, or the fault can't be healed. What was
/// done before an error is undone.
pub async fn inject(
    docker: &Docker,
    folder: &RunFolder,
    injection: &Injection,
    say: Say<'_>,
    interrupted: &CancellationToken,
) -> Result<bool, RunError> {
    let line = |text: String| say(Progress::Line(text));
    let _holder = folder.adopt().ok_or_else(|| RunError::Held {
        run: folder.id().to_owned(),
    })?;
    let members = docker.members(&folder.project()).await?;
    let (fault, hold) = (&injection.fault, injection.hold);
    let chosen = chaos::resolve(
        &injection.target,
        injection.seed,
        &members,
        &Parts::default(),
    )?;
    let names: Vec<_> = chosen
        .iter()
        .map(|member| member.service.as_str())
        .collect();
    let ledger = UndoLedger::open(&folder.undo(), &folder.project())?;
    let applied = chaos::apply(docker, &ledger, fault, &chosen, hold).await;
    let affliction = match applied {
        Ok(affliction) => affliction,
        Err(error) => {
            chaos::heal_left(docker, ledger.dir(), ledger.project()).await?;
            return Err(error.into());
        }
    };
    line(format!("{fault} on {}", names.join(", ")));
    let proof = tokio::select! {
        proof = affliction.prove(docker) => proof.map_err(|error| error.to_string()),
        () = interrupted.cancelled() => Err("interrupted".to_owned()),
    };
    match &proof {
        Ok(seen) => line(format!("  seen: {seen}")),
        Err(error) => line(format!("  unproven: {error}")),
    }
    line(format!(
        "  held for {} s; Ctrl-C heals at once",
        hold.as_secs()
    ));
    tokio::select! {
        () = tokio::time::sleep(hold) => {}
        () = interrupted.cancelled() => {}
    }
    let recovery = Recovery {
        seed: injection.seed,
        ..Recovery::default()
    };
    let left = affliction.heal(docker, &recovery).await?;
    match left.as_slice() {
        [] => line("  healed, and all as before".into()),
        left => line(format!("  healed, but not as before: {}", left.join("; "))),
    }
    Ok(proof.is_ok() && left.is_empty())
}
