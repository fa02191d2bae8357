//! What was observed in a run, when, and how it is stored.
//!
//! Two files make a timeline: `timeline.jsonl`, one [`Entry`] a line, and `arrivals.bin`, one fixed-width
//! [`Arrival`] per request of every user. Both are append-only and on one clock: nanoseconds since the
//! run's start. A third, `stored.bin`, holds what the database kept once everything had healed: see
//! [`StoredReadings`]. This crate is pure; it takes readers and writers.

mod arrival;
mod clocks;
mod disk_stall;
mod event;
mod fate;
mod instrument;
mod limits;
mod processors;
mod records;
mod sequence;
mod span;
mod store;
mod stored;

pub use arrival::{
    Arrival, ArrivalError, Arrivals, FOOTER_USER, HEADER, NEVER, Outcome, RECORD_BYTES,
};
pub use clocks::{ClockReading, ClocksCompared, Instrument};
pub use disk_stall::DiskStall;
pub use event::{BillLine, Entry, Event, Header, Offset, Placed};
pub use fate::{FIRST_ABUSER, FIRST_PROBE, Fates};
pub use instrument::{
    Address, LedgerRequest, LoadPlan, MemberHealth, PagesRequest, PressOrder, Pressed, ProbePlan,
    Sighted, Sighting, WatchList, Watched,
};
pub use limits::StoredThresholds;
pub use processors::Processors;
pub use span::{Span, SpanKind};
pub use store::{
    FORMAT, OLDEST_FORMAT, Recorded, StoreError, Unknown, read_entries, read_recorded, write_entry,
    write_numbered,
};
pub use stored::{
    STORED_BYTES, STORED_HEADER, StoredError, StoredReadings, encode_stored, stored_footer,
};
