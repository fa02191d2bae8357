//! Exit codes are an API.

use std::process::ExitCode;

use judge::Verdict;
use run::RunError;
use stage::{ErrorKind, StageError};
use thiserror::Error;

/// How `gameday` ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// The contract held, or the command did what it was asked to.
    Held = 0,
    /// The contract is broken.
    Broken = 1,
    /// Something that the verdict needs was not proven.
    Unproven = 2,
    /// Bad drill or arguments; nothing was started.
    Usage = 64,
    /// The topology did not come up.
    NotUp = 69,
    /// Our own failure.
    Own = 70,
    /// Interrupted and healed.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<Verdict> for Exit {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Held => Self::Held,
            Verdict::Broken => Self::Broken,
            Verdict::Unproven => Self::Unproven,
        }
    }
}

/// A mistake in what the user gave; nothing was started.
#[derive(Debug, Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// Help and version are no mistakes; everything else that the parser refuses is.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    // Nothing can be done when even the error can't be printed.
    let _ = error.print();
    match error.exit_code() {
        0 => Exit::Held.into(),
        _ => Exit::Usage.into(),
    }
}

/// Prints an error and finds its code.
pub(crate) fn explain(error: &anyhow::Error) -> Exit {
    eprintln!("gameday: {error:#}");
    if error.is::<Usage>() || error.is::<drill::DrillError>() {
        return Exit::Usage;
    }
    if let Some(error) = error.downcast_ref::<StageError>() {
        return of_stage(error);
    }
    match error.downcast_ref::<RunError>() {
        Some(RunError::Stage(error)) => of_stage(error),
        Some(RunError::NotHealthy { .. } | RunError::Instrument { .. }) => Exit::NotUp,
        Some(RunError::Engine(_)) => Exit::NotUp,
        Some(RunError::NoRun { .. }) => Exit::Usage,
        Some(RunError::Interrupted) => Exit::Interrupted,
        Some(_) => Exit::Own,
        None if error.is::<engine::EngineError>() => Exit::NotUp,
        None => Exit::Own,
    }
}

fn of_stage(error: &StageError) -> Exit {
    match error.kind() {
        ErrorKind::BadTopology => Exit::Usage,
        ErrorKind::Machine => Exit::NotUp,
        ErrorKind::Own => Exit::Own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_map_to_the_documented_codes() {
        assert_eq!(explain(&Usage("no".into()).into()), Exit::Usage);
        assert_eq!(explain(&RunError::Interrupted.into()), Exit::Interrupted);
        let error = RunError::NotHealthy {
            waited_s: 1,
            unhealthy: vec![],
        };
        assert_eq!(explain(&error.into()), Exit::NotUp);
        assert_eq!(explain(&anyhow::anyhow!("a bug")), Exit::Own);
        assert_eq!(Exit::from(Verdict::Unproven) as u8, 2);
    }
}
