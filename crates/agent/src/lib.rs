//! Holds one fault in a target's namespaces for as long as somebody holds the agent.
//!
//! The controller starts the agent as a helper container that joins the target's network or PID namespace, and
//! gives it an [`Order`] as the first line of its standard input. The fault lives as long as the agent does; the
//! agent lives as long as its standard input, and at most until its lease ends. Every mechanism is chosen so
//! that the kernel takes the fault back when the agent is killed; where it can't, [`Event::Applied`] says so.
//!
//! The vocabulary is that of the crate `lease`: one JSON value a line, the order in, the events out.

mod backend;
mod clock;
mod command;
mod digest;
mod hold;
mod lifetime;
pub mod measure;
mod packet;
mod probe;
mod process;
mod sweep;
mod throttle;

pub use backend::Chosen;
pub use hold::{Exit, hold};
pub use probe::probe;
pub use sweep::sweep;
pub use throttle::{throttle, unthrottle};

use ::lease::{
    Answer, BackendName, Direction, Effect, Ended, Event, Fault, Figures, NetworkFault, Order,
    PortRange, RunTag,
};
