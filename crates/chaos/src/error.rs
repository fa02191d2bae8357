//! Why a fault was not applied, not proven or not healed.

use std::{io, path::PathBuf};

use engine::{EngineError, State};

/// Why a fault was not applied, not proven or not healed.
#[derive(Debug, thiserror::Error)]
pub enum ChaosError {
    /// The target is part of the testbed.
    #[error("{member} is an instrument of the testbed and never a target")]
    Instrument {
        /// The member.
        member: String,
    },
    /// The member belongs to another project than the ledger.
    #[error("{member} belongs to project {project}, but this ledger to {expected}")]
    ForeignMember {
        /// The member.
        member: String,
        /// Its project.
        project: String,
        /// The ledger's project.
        expected: String,
    },
    /// A fault on nobody.
    #[error("no member to {fault}")]
    Nobody {
        /// The fault.
        fault: &'static str,
    },
    /// The member does not run, so a fault would change nothing.
    #[error("{member} is {state} already, so a {fault} would show nothing")]
    NotRunning {
        /// The member.
        member: String,
        /// Its state.
        state: State,
        /// The fault.
        fault: &'static str,
    },
    /// The member is not as the fault needs it, or did not take it.
    #[error("{member}: {reason}")]
    Unfit {
        /// The member.
        member: String,
        /// Why.
        reason: String,
    },
    /// The engine refused for at least one member. The undo file is left: heal what was done.
    #[error("{fault} failed for {}; the undo is left in {}", failed.join("; "), undo.display())]
    Partly {
        /// The fault.
        fault: &'static str,
        /// Each failed member with the reason.
        failed: Vec<String>,
        /// The undo file.
        undo: PathBuf,
    },
    /// The engine's state does not show the fault.
    #[error("{fault} not proven: {}", unproven.join("; "))]
    NotProven {
        /// The fault.
        fault: &'static str,
        /// Each member with what was seen instead.
        unproven: Vec<String>,
    },
    /// A member could not be brought back in time. The undo file is left.
    #[error("{fault} not healed: {}; the undo is left in {}", unhealed.join("; "), undo.display())]
    NotHealed {
        /// The fault.
        fault: String,
        /// Each member with the reason.
        unhealed: Vec<String>,
        /// The undo file.
        undo: PathBuf,
    },
    /// Some of what was left could not be healed; everything else was.
    #[error("not everything was healed: {}", problems.join("; "))]
    Left {
        /// What was healed, in words.
        healed: Vec<String>,
        /// What was not, and why.
        problems: Vec<String>,
    },
    /// The undo file can't be read as one.
    #[error("undo file {} is not readable: {reason}", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A folder or file of a run may be somebody else's.
    #[error("{} is not trusted: {reason}", path.display())]
    NotTrusted {
        /// The folder or file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// An undo file is for another project than the folder that it lies in.
    #[error("undo file {} is for project {project}, not for {expected}", path.display())]
    ForeignUndo {
        /// The file.
        path: PathBuf,
        /// The project that it names.
        project: String,
        /// The folder's project.
        expected: String,
    },
    /// The folder of undo files can't be used.
    #[error("failed to {action} {}: {source}", path.display())]
    Disk {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's reason.
        source: io::Error,
    },
    /// The engine does not answer.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Our own work was cut short, such as by the end of the runtime. The undo file is left.
    #[error("{what} was cut short: {reason}")]
    CutShort {
        /// What was being done.
        what: &'static str,
        /// Why.
        reason: String,
    },
}

impl ChaosError {
    pub(crate) fn cut_short(what: &'static str, error: &tokio::task::JoinError) -> Self {
        Self::CutShort {
            what,
            reason: error.to_string(),
        }
    }
}
