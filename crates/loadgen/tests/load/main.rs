//! Loads a tiny platform over real TCP, and reads what was recorded.

#![allow(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as its functions may"
)]

mod content;
mod control;
mod cost;
mod live;
mod outcomes;
mod press;
mod probes;
mod spans;
mod stall;
mod support;
