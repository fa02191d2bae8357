//! One request of one user, as 32 bytes.

use std::io::{self, Read};

use drill::Class;
use thiserror::Error;

use crate::{
    Offset, Span,
    records::{HEADER_BYTES, Records},
    span::{SPAN, SpanKind},
};

/// Length of a record.
pub const RECORD_BYTES: usize = 32;
/// First bytes of a recording: a magic word, the format version and the record length.
pub const HEADER: [u8; HEADER_BYTES] = *b"gameday\x00\x03\x00\x00\x00\x20\x00\x00\x00";
/// The format before this one, which had no spans; it is read all the same.
const OLDER_FORMAT: u32 = 2;
/// In place of a moment that never came.
pub const NEVER: Offset = Offset(u64::MAX);
/// In place of the user in the last record of a complete recording; its `due` then counts the arrivals.
pub const FOOTER_USER: u32 = u32::MAX;
/// Bit of the outcome's byte: the request was sent a second time.
const AGAIN: u8 = 0x80;

/// What became of an arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Outcome {
    /// Answered as expected.
    Ok = 0,
    /// Answered with a refusal: a 4xx status, 429 among them.
    Rejected = 1,
    /// Answered with a 5xx status or an unusable body.
    Failed = 2,
    /// No connection could be made.
    Unreachable = 3,
    /// The connection broke before the answer was complete.
    Broken = 4,
    /// No complete answer within the user's patience.
    TimedOut = 5,
    /// Not sent in time: the generator's own fault.
    NotSent = 6,
    /// Answered with less than was seen before, longer ago than the staleness bound.
    Stale = 7,
    /// An alert that the same clinician was shown before.
    Repeated = 8,
    /// Answered with something else than what was asked for: another patient or ward, another shape, other bytes of an asset.
    Wrong = 9,
    /// Answered without a reading that was acknowledged longer ago than the contract's bound.
    NotVisible = 10,
    /// An alert that was due, and nobody can tell whether it came: its follower left or could not keep up.
    Unobserved = 11,
}

impl Outcome {
    /// Every outcome, in the order of its code.
    pub const ALL: [Self; 12] = [
        Self::Ok,
        Self::Rejected,
        Self::Failed,
        Self::Unreachable,
        Self::Broken,
        Self::TimedOut,
        Self::NotSent,
        Self::Stale,
        Self::Repeated,
        Self::Wrong,
        Self::NotVisible,
        Self::Unobserved,
    ];

    /// The word for reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Rejected => "rejected",
            Self::Failed => "failed",
            Self::Unreachable => "unreachable",
            Self::Broken => "broken",
            Self::TimedOut => "timed out",
            Self::NotSent => "not sent",
            Self::Stale => "stale",
            Self::Repeated => "repeated",
            Self::Wrong => "wrong",
            Self::NotVisible => "not visible",
            Self::Unobserved => "unobserved",
        }
    }
}

/// One request or stream event of one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// The user's number.
    pub user: u32,
    /// Class of traffic.
    pub class: Class,
    /// What became of it.
    pub outcome: Outcome,
    /// Whether it was sent a second time, because a connection broke before anything was answered on it. The outcome is then
    /// that of the second attempt, and the first one failed.
    pub again: bool,
    /// HTTP status, or 0 where there was none.
    pub status: u16,
    /// When the curve wanted it.
    pub due: Offset,
    /// When it was sent, or [`NEVER`].
    pub sent: Offset,
    /// When its answer was complete or given up, or [`NEVER`].
    pub done: Offset,
}

/// Why a recording can't be read.
#[derive(Debug, Error)]
pub enum ArrivalError {
    /// The file can't be read.
    #[error("recording unreadable: {0}")]
    Io(#[from] io::Error),
    /// Not a recording.
    #[error("not a recording of arrivals: it begins with {0:02x?}")]
    Header([u8; HEADER_BYTES]),
    /// A recording of another version.
    #[error(
        "arrivals have format {found}, this build reads 2 and 3: judge them with the build that recorded them"
    )]
    Format {
        /// The version found.
        found: u32,
    },
    /// A record that no generator writes.
    #[error("record {index} is not valid: class {class}, outcome {outcome}")]
    Record {
        /// Position, from 0.
        index: u64,
        /// Class code.
        class: u8,
        /// Outcome code.
        outcome: u8,
    },
}

impl Arrival {
    /// The record: due, sent, done (u64 nanoseconds), user (u32), status (u16), class, outcome; little-endian. The highest bit of
    /// the outcome says that it was sent a second time.
    pub fn encode(&self) -> [u8; RECORD_BYTES] {
        let class = Class::ALL
            .iter()
            .position(|c| *c == self.class)
            .unwrap_or(0);
        record(
            [self.due.0, self.sent.0, self.done.0],
            self.user,
            self.status,
            [
                class as u8,
                self.outcome as u8 | if self.again { AGAIN } else { 0 },
            ],
        )
    }

    /// The footer of a complete recording of `count` arrivals.
    pub fn footer(count: u64) -> [u8; RECORD_BYTES] {
        record([count, 0, 0], FOOTER_USER, 0, [0, 0])
    }

    /// Latency from the due time, where there was an answer or a giving up.
    pub fn latency(&self) -> Option<std::time::Duration> {
        (self.done != NEVER).then(|| self.done.since(self.due))
    }

    /// How late the generator itself was.
    pub fn lateness(&self) -> Option<std::time::Duration> {
        (self.sent != NEVER).then(|| self.sent.since(self.due))
    }

    fn decode(bytes: &[u8; RECORD_BYTES], index: u64) -> Result<Self, ArrivalError> {
        let (class, outcome) = (bytes[30], bytes[31] & !AGAIN);
        let bad = || ArrivalError::Record {
            index,
            class,
            outcome,
        };
        Ok(Self {
            due: Offset(word(bytes, 0)),
            sent: Offset(word(bytes, 8)),
            done: Offset(word(bytes, 16)),
            user: user_of(bytes),
            status: u16::from_le_bytes([bytes[28], bytes[29]]),
            class: *Class::ALL.get(usize::from(class)).ok_or_else(bad)?,
            outcome: *Outcome::ALL.get(usize::from(outcome)).ok_or_else(bad)?,
            again: bytes[31] & AGAIN != 0,
        })
    }
}

fn record(times: [u64; 3], user: u32, status: u16, codes: [u8; 2]) -> [u8; RECORD_BYTES] {
    let mut bytes = [0; RECORD_BYTES];
    for (slot, time) in bytes.chunks_exact_mut(8).zip(times) {
        slot.copy_from_slice(&time.to_le_bytes());
    }
    bytes[24..28].copy_from_slice(&user.to_le_bytes());
    bytes[28..30].copy_from_slice(&status.to_le_bytes());
    bytes[30..].copy_from_slice(&codes);
    bytes
}

impl Span {
    /// The record: begin, begin for sure, end (u64 nanoseconds), user (u32), two zero bytes, kind with the highest bit set, a
    /// zero byte; little-endian.
    pub fn encode(&self) -> [u8; RECORD_BYTES] {
        record(
            [self.from.0, self.sure.0, self.until.0],
            self.user,
            0,
            [SPAN | self.kind as u8, 0],
        )
    }

    /// The span of a record that is one.
    fn decode(bytes: &[u8; RECORD_BYTES]) -> Option<Self> {
        let kind = (bytes[30] & SPAN != 0).then(|| SpanKind::of(bytes[30] & !SPAN))??;
        Some(Self {
            user: user_of(bytes),
            kind,
            from: Offset(word(bytes, 0)),
            sure: Offset(word(bytes, 8)),
            until: Offset(word(bytes, 16)),
        })
    }
}

fn word(bytes: &[u8; RECORD_BYTES], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

fn user_of(bytes: &[u8; RECORD_BYTES]) -> u32 {
    u32::from_le_bytes([bytes[24], bytes[25], bytes[26], bytes[27]])
}

/// What the record counts, where it is the footer.
fn counted(bytes: &[u8; RECORD_BYTES]) -> Option<u64> {
    (user_of(bytes) == FOOTER_USER).then(|| word(bytes, 0))
}

/// Reads a recording, one arrival at a time, in the order in which they ended (not in due order).
///
/// Spans of followers lie between the arrivals; they are put aside while the arrivals are read.
#[derive(Debug)]
pub struct Arrivals<R> {
    records: Records<R, RECORD_BYTES>,
    spans: Vec<Span>,
}

impl<R: Read> Arrivals<R> {
    /// Starts reading; `source` should be buffered.
    ///
    /// # Errors
    /// When the header is not ours.
    pub fn open(source: R) -> Result<Self, ArrivalError> {
        let (header, records) = Records::open(source)?;
        let version = u32::from_le_bytes([header[8], header[9], header[10], header[11]]);
        match header[..8] == HEADER[..8] && header[12..] == HEADER[12..] {
            true if header == HEADER || version == OLDER_FORMAT => Ok(Self {
                records,
                spans: vec![],
            }),
            true => Err(ArrivalError::Format { found: version }),
            false => Err(ArrivalError::Header(header)),
        }
    }

    /// Whether the generator closed the recording and nothing is missing. Meaningful after the last item.
    pub fn is_complete(&self) -> bool {
        self.records.is_complete()
    }

    /// The spans read so far, in the order in which they ended.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// Records read so far, spans among them: what the footer counts.
    pub fn records(&self) -> u64 {
        self.records.read()
    }
}

impl<R: Read> Iterator for Arrivals<R> {
    type Item = Result<Arrival, ArrivalError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (index, bytes) = match self.records.next(counted)? {
                Ok(record) => record,
                Err(error) => return Some(Err(error.into())),
            };
            match Span::decode(&bytes) {
                Some(span) => self.spans.push(span),
                None => return Some(Arrival::decode(&bytes, index)),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_arrival() -> impl Strategy<Value = Arrival> {
        let codes = (0..Class::ALL.len(), 0..Outcome::ALL.len());
        let times = (any::<u64>(), any::<u64>(), any::<u64>());
        let rest = (0..FOOTER_USER, any::<u16>(), any::<bool>());
        (codes, times, rest).prop_map(|(codes, times, (user, status, again))| Arrival {
            user,
            again,
            class: Class::ALL[codes.0],
            outcome: Outcome::ALL[codes.1],
            status,
            due: Offset(times.0),
            sent: Offset(times.1),
            done: Offset(times.2),
        })
    }

    fn read_all(bytes: &[u8]) -> (Vec<Arrival>, bool) {
        let mut arrivals = Arrivals::open(bytes).unwrap();
        let all = arrivals.by_ref().map(Result::unwrap).collect();
        (all, arrivals.is_complete())
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(all in prop::collection::vec(any_arrival(), 0..50)) {
            let mut bytes = HEADER.to_vec();
            all.iter().for_each(|arrival| bytes.extend(arrival.encode()));
            prop_assert_eq!(read_all(&bytes), (all.clone(), false));
            bytes.extend(Arrival::footer(all.len() as u64));
            prop_assert_eq!(read_all(&bytes), (all, true));
        }
    }

    #[test]
    fn spans_are_put_aside_and_counted() {
        let span = Span {
            user: 7,
            kind: SpanKind::Gap,
            from: Offset(1),
            sure: Offset(2),
            until: Offset(3),
        };
        let bytes = [HEADER.as_slice(), &span.encode(), &Arrival::footer(1)].concat();
        let mut arrivals = Arrivals::open(bytes.as_slice()).unwrap();
        assert!(arrivals.next().is_none());
        assert!(arrivals.is_complete());
        assert_eq!(
            (arrivals.spans(), arrivals.records()),
            ([span].as_slice(), 1)
        );
    }

    #[test]
    fn a_recording_without_spans_opens() {
        let mut older = HEADER;
        older[8] = 2;
        let bytes = [older.as_slice(), &Arrival::footer(0)].concat();
        assert_eq!(read_all(&bytes), (vec![], true));
    }

    #[test]
    fn a_missing_record_makes_it_incomplete() {
        let bytes = [HEADER.as_slice(), &Arrival::footer(1)].concat();
        assert_eq!(read_all(&bytes), (vec![], false));
    }

    #[test]
    fn other_files_are_refused() {
        assert!(Arrivals::open(b"PNG.............".as_slice()).is_err());
        let mut newer = HEADER;
        newer[8] = 4;
        let error = Arrivals::open(newer.as_slice()).unwrap_err().to_string();
        assert!(
            error.contains("format 4, this build reads 2 and 3"),
            "{error}"
        );
        let mut bytes = [HEADER.as_slice(), &[0; RECORD_BYTES]].concat();
        bytes[HEADER.len() + 31] = 99;
        assert!(
            Arrivals::open(bytes.as_slice())
                .unwrap()
                .next()
                .unwrap()
                .is_err()
        );
    }
}
