//! The mechanisms of what is done to processes and their resources.

mod burn;
mod connections;
mod disk;
mod freeze;
mod memory;

use lease::ProcessFault;

use crate::backend::Backend;

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
