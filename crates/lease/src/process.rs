//! What can be done to processes and their resources.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// Each ends when the agent does, however it ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ProcessFault {
    /// Every thread of the target stands still; connects still succeed, answers never come. Needs the target's PID
    /// namespace with SYS_PTRACE.
    Freeze {},
    /// Threads that do nothing but use the processor. Starves the target when the agent's cgroup lies within the target's.
    CpuBurn {
        /// How many; two for each processor take as much as there is.
        threads: u16,
    },
    /// Memory that is allocated and touched, in the agent's cgroup.
    MemoryHold {
        /// How much.
        bytes: u64,
    },
    /// A file without a name takes the space. Needs the volume mounted, or the target's PID namespace with SYS_PTRACE
    /// and a path below `/proc/1/root`; and DAC_OVERRIDE where the directory belongs to somebody else.
    DiskFill {
        /// A directory on the file system that is filled. Overlays are refused: they are the host's disk.
        directory: String,
        /// What is left.
        leave_bytes: u64,
    },
    /// TCP connections that are opened and held, and never used.
    ConnectionsHold {
        /// Where to.
        address: SocketAddr,
        /// How many.
        count: u32,
    },
}

impl ProcessFault {
    /// What it asks for that can't be done anywhere.
    ///
    /// # Errors
    /// A value out of its range, in words.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Self::CpuBurn { threads: 0 } => Err("0 threads burn nothing".into()),
            Self::MemoryHold { bytes: 0 } => Err("0 bytes hold nothing".into()),
            Self::ConnectionsHold { count: 0, .. } => Err("0 connections hold nothing".into()),
            Self::DiskFill { directory, .. } if !directory.starts_with('/') => {
                Err(format!("{directory:?} is not an absolute path"))
            }
            _ => Ok(()),
        }
    }
}
