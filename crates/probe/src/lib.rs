//! The observer: it looks at every server of the platform through that server's own interface, from inside
//! the networks, and says who is healthy, who plays which role, what their own counters read, and what is left of the machine under them.
//!
//! [`serve`] is the instrument that stands in the networks: `POST /watch` with a
//! [`timeline::WatchList`] answers with one [`timeline::Sighted`] a line until the caller hangs up, which
//! ends every look at once. [`watch`] is the caller's side, and [`Board`] folds the sightings into the
//! present state of the platform. `POST /ledger`, or [`ledger`], answers with every stored reading, `POST /thresholds`, or
//! [`thresholds`], with every patient's limits, and `POST /pages`, or [`pages`], with what the third party took. The observer only reads: it opens no pool and writes nothing anywhere.

mod board;
mod check;
mod client;
mod disks;
mod error;
mod http;
mod ledger;
mod limits;
mod look;
mod machine;
mod metrics;
mod pages;
mod patrol;
mod ports;
mod reporter;
mod resp;
mod server;
mod site;
mod sql;

pub use board::Board;
pub use client::{clocks, ledger, pages, thresholds, watch};
pub use error::ProbeError;
pub use ports::Ports;
pub use server::serve;
