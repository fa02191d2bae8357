//! Everything between a machine and a running topology: makes the machine able to run drills, builds the
//! images, raises a topology and lowers it again.
//!
//! Nothing here waits for health: a topology counts as raised when every container of it has started.
//! Programs of the machine that are called: `docker`, either generation of Compose, `cargo`, and `apt-get`
//! when asked to provision.

mod compose;
mod compose_file;
mod doctor;
mod error;
pub mod images;
mod lower;
mod password;
mod prices;
mod program;
mod provision;
mod raise;
mod settings;
mod subnets;
#[cfg(test)]
mod testing;
mod topology;
mod version;
mod watchdog;

pub use doctor::{Check, doctor, prepare};
pub use error::{ErrorKind, StageError};
pub use images::Images;
pub use lower::{lower, save_logs};
pub use password::Password;
pub use prices::{Price, Prices, bill};
pub use raise::{RaiseRequest, Raised, raise};
pub use settings::settings;
pub use subnets::Subnets;
pub use topology::{Service, Topology, topologies};
pub use version::platform_version;

/// Where progress goes, one line at a time. It must not block.
pub type Say<'a> = &'a (dyn Fn(String) + Send + Sync);
