//! What can be done to processes and their resources.

mod burn;
mod connections;
mod disk;
mod freeze;
mod memory;

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::backend::Backend;

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
    pub(crate) fn check(&self) -> Result<(), String> {
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

/// The mechanism of a fault.
pub(crate) fn backend(fault: &ProcessFault) -> Box<dyn Backend> {
    match fault {
        ProcessFault::Freeze {} => Box::new(freeze::Freeze::default()),
        ProcessFault::CpuBurn { threads } => Box::new(burn::Burn::new(*threads)),
        ProcessFault::MemoryHold { bytes } => Box::new(memory::Memory::new(*bytes)),
        ProcessFault::DiskFill {
            directory,
            leave_bytes,
        } => Box::new(disk::Disk::new(directory, *leave_bytes)),
        ProcessFault::ConnectionsHold { address, count } => {
            Box::new(connections::Connections::new(*address, *count))
        }
    }
}
