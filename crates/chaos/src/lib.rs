//! Faults: who suffers, the undo on disk before the first side effect, the proof, and the way back.
//!
//! The order is the point. [`apply`] writes an undo file and syncs it to disk, and only then touches a
//! container; the file goes away only after the container was seen running again. So a controller that
//! is killed at any moment leaves a file for every fault that may be in force, and [`heal_left`] of any
//! later process mends it.
//!
//! Healing looks at each container and does what is missing, however often it is asked.

mod abilities;
mod afflict;
mod agent;
mod digest;
mod error;
mod heal;
mod ledger;
mod method;
mod resolve;
mod rolling;
pub mod trust;
mod undo;
mod vet;
pub mod watchdog;

#[cfg(test)]
mod fake;

pub use abilities::abilities;
pub use afflict::{Affliction, Recovery, apply};
pub use error::ChaosError;
pub use heal::heal_left;
pub use ledger::{AGENTS, UndoLedger};
pub use method::way_back;
pub use resolve::resolve;

/// An engine that a fault can be applied to and that can be handed to a task of its own: healing goes on
/// when whoever asked for it is cancelled.
pub trait Engine:
    engine::Inspect
    + engine::Lifecycle
    + engine::Adjust
    + engine::Exec
    + engine::Helpers
    + engine::Rebuild
    + engine::Own
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<E> Engine for E where
    E: engine::Inspect
        + engine::Lifecycle
        + engine::Adjust
        + engine::Exec
        + engine::Helpers
        + engine::Rebuild
        + engine::Own
        + Clone
        + Send
        + Sync
        + 'static
{
}
