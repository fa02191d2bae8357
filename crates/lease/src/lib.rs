//! What an agent is ordered to hold, and what it answers: pure values, one JSON value a line.
//!
//! The order goes in as the first line of the agent's standard input, the events come out. The fault lives as long as
//! the agent does, and the agent as long as its standard input, at most until the lease ends.

mod ability;
mod event;
mod network;
mod order;
mod process;

pub use ability::Ability;
pub use event::{Ended, Event, Figures};
pub use network::{Answer, BackendName, Direction, Effect, Net, NetworkFault, PortRange};
pub use order::{Fault, NotATag, Order, RunTag};
pub use process::ProcessFault;
