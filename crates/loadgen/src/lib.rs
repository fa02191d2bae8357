//! The load: users who follow the curve, and a record of how each of their requests fared.
//!
//! The loop is open. When a request is due follows from the plan alone, never from an answer; latency
//! counts from that moment, and what the generator could not send in time is recorded as its own fault.
//! The generator runs as a program inside the platform's edge network (`POST /drive`, see [`serve`]);
//! the controller starts it with [`drive`] and reads the recording as it grows. Who hangs up stops the load.

mod alerts;
mod backoff;
mod content;
mod drive;
mod flood;
mod gaps;
mod http;
mod linger;
mod live;
mod ports;
mod press;
mod probes;
mod pulse;
mod recording;
mod schedule;
mod server;
mod tally;
mod told;
mod user;
mod versions;
mod visible;
mod world;

pub use drill::behaviour::{self, Action, action, probe_action, ward_followed};
pub use drive::{LoadError, drive, press};
pub use probes::probes;
pub use schedule::{Kind, Schedule, Slot, User};
pub use server::serve;
