//! A disk that takes few writes, by the control group of the member. A short helper sets the limit, and another takes it
//! away: nobody need stay, and so nobody can be killed.

use std::time::Duration;

use engine::{HelperSpec, Member};

use super::held::{self, Hand};
use crate::{ChaosError, Engine, undo::UndoAction};

/// The helper says this when it has set the limit.
const DONE: &str = "throttled";
/// Writes that were asked to be slow may be so much faster: the kernel lets the first ones through.
const SLACK: f64 = 1.25;
/// Writes and syncs `$1` blocks in the directory `$2`, into a file without a name, and says how many seconds that took.
const WRITE: &str = "TIMEFORMAT=%R; f=$2/.gameday-$$; exec 3>$f && rm $f || exit 1; \
    time dd if=/dev/zero of=/proc/self/fd/3 bs=4k count=$1 oflag=dsync 2>/dev/null";

/// The limit goes with the control group when the member stops.
pub(super) fn undo(member: &Member, hand: &Hand) -> UndoAction {
    let mut off = held::helper(member, hand, "unthrottle");
    off.control_group_of = Some(member.id.clone());
    UndoAction::Release {
        helper: held::helper(member, hand, "throttle").name,
        sweep: Some(Box::new(off)),
    }
}

pub(super) async fn strike<E: Engine>(
    engine: &E,
    member: &Member,
    undo: &UndoAction,
    (directory, writes_per_s): (&str, u32),
) -> Result<(), ChaosError> {
    let UndoAction::Release {
        helper,
        sweep: Some(off),
    } = undo
    else {
        return Ok(());
    };
    let command = ["throttle", "--directory"].map(str::to_owned);
    let values = [
        format!("/proc/1/root{directory}"),
        "--writes-per-s".to_owned(),
        writes_per_s.to_string(),
    ];
    let spec = HelperSpec {
        name: helper.clone(),
        command: command.into_iter().chain(values).collect(),
        // The directory is seen, and its disk known, only by who sees the member's processes.
        processes_of: Some(member.id.clone()),
        capabilities: held::names(&["SYS_PTRACE", "DAC_OVERRIDE"]),
        ..(**off).clone()
    };
    let said = engine.run_helper(&spec).await?;
    if said.iter().any(|line| line.starts_with(DONE)) {
        return Ok(());
    }
    Err(ChaosError::Unfit {
        member: member.service.clone(),
        reason: said.join("; "),
    })
}

/// Has the member itself write.
pub(super) async fn effect<E: Engine>(
    engine: &E,
    member: &Member,
    (directory, writes_per_s): (&str, u32),
) -> Result<String, String> {
    let writes = (writes_per_s / 2).clamp(4, 500);
    let command = [
        "bash",
        "-c",
        WRITE,
        "gameday",
        &writes.to_string(),
        directory,
    ];
    let ran = engine.exec(&member.id, &command.map(str::to_owned)).await;
    let ran = ran.map_err(|error| format!("unknown: {error}"))?;
    let seconds = ran.output.trim().parse();
    let seconds: f64 = seconds.map_err(|_| format!("not able to write: {}", ran.output))?;
    slowed(
        writes,
        Duration::from_secs_f64(seconds.max(0.0)),
        writes_per_s,
    )
}

fn slowed(writes: u32, took: Duration, most_per_s: u32) -> Result<String, String> {
    let per_s = f64::from(writes) / took.as_secs_f64().max(1e-3);
    let words = format!("writing {per_s:.1} blocks a second, {most_per_s} at most");
    match per_s <= f64::from(most_per_s) * SLACK {
        true => Ok(words),
        false => Err(words),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_slow_writes_are_proof() {
        let slow = slowed(10, Duration::from_secs(1), 20).unwrap();
        assert_eq!(slow, "writing 10.0 blocks a second, 20 at most");
        let error = slowed(10, Duration::from_millis(100), 20).unwrap_err();
        assert_eq!(error, "writing 100.0 blocks a second, 20 at most");
        assert!(slowed(4, Duration::ZERO, 20).is_err());
    }

    #[test]
    fn the_shell_understands_the_writing() {
        let checked = std::process::Command::new("bash")
            .args(["-n", "-c", WRITE])
            .output()
            .unwrap();
        assert!(checked.status.success());
    }
}
