//! A stretch of time of one follower of a live stream, as 32 bytes between the arrivals.

use crate::Offset;

/// Bit of the class's byte: the record is a span and not an arrival.
pub(crate) const SPAN: u8 = 0x80;

/// What a span says of its follower.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum SpanKind {
    /// Follows a live stream: from the due time of the stay's first opening to its leaving.
    Stay = 0,
    /// Has no working stream: from the last message that came in time to the first that came again. It lies within a stay.
    Gap = 1,
}

/// A stretch of time of one follower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The follower's user number.
    pub user: u32,
    /// What it says.
    pub kind: SpanKind,
    /// When it began, at the earliest.
    pub from: Offset,
    /// When it had begun for sure: the break, or the moment at which a message was overdue. Equal to `from` in a stay. What
    /// lies between the two is the span's resolution.
    pub sure: Offset,
    /// When it ended.
    pub until: Offset,
}

impl SpanKind {
    /// The kind of that code.
    pub(crate) fn of(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Stay),
            1 => Some(Self::Gap),
            _ => None,
        }
    }
}
