//! The timeline as lines of JSON, and which versions of it can be read.
//!
//! A field or an event that is new has a default, and leaves the format's number as it is: older runs stay
//! readable. The number rises when something old changes its meaning. Then [`OLDEST_FORMAT`] rises with it,
//! unless the older lines are translated while they are read.

use std::io::{self, BufRead, Write};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{Entry, Event, sequence::Sequence};

/// Version of the format that this build writes.
pub const FORMAT: u32 = 1;
/// Oldest version that this build still reads.
pub const OLDEST_FORMAT: u32 = 1;

/// Why a timeline can't be read or written.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The file can't be read or written.
    #[error("timeline: {0}")]
    Io(#[from] io::Error),
    /// A line that is not an entry.
    #[error(
        "timeline line {line} is unknown to this build, a newer one may have recorded it: {said}"
    )]
    Line {
        /// Line, counted from 1.
        line: usize,
        /// What the parser says.
        said: serde_json::Error,
    },
    /// No header in the first line.
    #[error("timeline does not begin with a header")]
    NoHeader,
    /// Written by a build of another time.
    #[error(
        "timeline has format {found}, this build reads {}: judge it with the build that recorded it",
        range()
    )]
    Format {
        /// The version found.
        found: u32,
    },
}

fn range() -> String {
    match OLDEST_FORMAT == FORMAT {
        true => FORMAT.to_string(),
        false => format!("{OLDEST_FORMAT} to {FORMAT}"),
    }
}

/// As much of a header as every version has, so that a version that can't be read can still be named.
#[derive(Deserialize)]
struct AnyHeader {
    event: String,
    format: u32,
}

/// Appends one entry as a line.
///
/// # Errors
/// When the line can't be written.
pub fn write_entry(mut out: impl Write, entry: &Entry) -> Result<(), StoreError> {
    let mut line = serde_json::to_vec(entry).map_err(io::Error::from)?;
    line.push(b'\n');
    Ok(out.write_all(&line)?)
}

/// A line with its number, counted from 0 for the header.
#[derive(Serialize)]
struct NumberedRef<'a> {
    n: u64,
    #[serde(flatten)]
    entry: &'a Entry,
}

/// A line as it is read; builds that did not number their lines wrote none.
#[derive(Deserialize)]
struct Numbered {
    n: Option<u64>,
    #[serde(flatten)]
    entry: Entry,
}

/// Appends one entry as a line that tells its number: its position in the timeline, 0 for the header.
///
/// # Errors
/// When the line can't be written.
pub fn write_numbered(mut out: impl Write, n: u64, entry: &Entry) -> Result<(), StoreError> {
    let line = NumberedRef { n, entry };
    let mut line = serde_json::to_vec(&line).map_err(io::Error::from)?;
    line.push(b'\n');
    Ok(out.write_all(&line)?)
}

/// A timeline as it was read, with what its lines tell of themselves.
#[derive(Debug)]
pub struct Recorded {
    /// The entries, in the order of the lines.
    pub entries: Vec<Entry>,
    /// Whether the lines are numbered; those of older builds are not.
    pub numbered: bool,
    /// Lines that are missing, repeated, out of order or, where that is asked for, unknown; in words.
    pub doubts: Vec<String>,
}

/// What becomes of a line that is not an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unknown {
    /// It is an error: a newer build may have recorded it.
    Error,
    /// It is a doubt: the file is known to have changed.
    Doubt,
}

/// Reads a whole timeline. A last line cut short by a crash is dropped: it was never complete.
///
/// # Errors
/// When the source can't be read, a line is not an entry, or the format is another.
pub fn read_entries(source: impl BufRead) -> Result<Vec<Entry>, StoreError> {
    Ok(read_recorded(source, Unknown::Error)?.entries)
}

/// Reads a whole timeline and follows the numbers of its lines. A last line cut short by a crash is dropped.
///
/// # Errors
/// When the source can't be read, there is no header, the format is another, or a line is not an entry and that is to
/// be an error.
pub fn read_recorded(source: impl BufRead, unknown: Unknown) -> Result<Recorded, StoreError> {
    let mut lines = source.split(b'\n').collect::<Result<Vec<_>, _>>()?;
    check_format(lines.first().map_or(&[], Vec::as_slice))?;
    // A build may have ended its lines as other systems do.
    lines.iter_mut().for_each(|line| {
        line.pop_if(|byte| *byte == b'\r');
    });
    let last = lines.len().saturating_sub(1);
    let mut sequence = Sequence::default();
    let mut entries = Vec::with_capacity(lines.len());
    for (index, line) in lines.iter().enumerate() {
        match serde_json::from_slice::<Numbered>(line) {
            Ok(read) => {
                sequence.follow(index + 1, read.n);
                entries.push(read.entry);
            }
            Err(error) if index == last && error.is_eof() && index > 0 => {}
            Err(_) if unknown == Unknown::Doubt && index > 0 => sequence.unknown(index + 1),
            Err(said) => {
                return Err(StoreError::Line {
                    line: index + 1,
                    said,
                });
            }
        }
    }
    match entries.first().map(|entry| &entry.event) {
        Some(Event::Started(_)) => Ok(Recorded {
            entries,
            numbered: sequence.numbered,
            doubts: sequence.doubts,
        }),
        _ => Err(StoreError::NoHeader),
    }
}

/// Looks at the version before anything else: a header of another version may not have the fields of ours.
fn check_format(first: &[u8]) -> Result<(), StoreError> {
    match serde_json::from_slice::<AnyHeader>(first) {
        Ok(header) if header.event != "started" => Err(StoreError::NoHeader),
        Ok(header) if !(OLDEST_FORMAT..=FORMAT).contains(&header.format) => {
            Err(StoreError::Format {
                found: header.format,
            })
        }
        Ok(_) => Ok(()),
        Err(_) => Err(StoreError::NoHeader),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first line of a run that was recorded before the header named the members.
    const WITHOUT_MEMBERS: &str = r#"{"at":0,"event":"started","format":1,"run":"1124-060732-31682","started_at":"2026-11-24T06:08:13.216269705Z","drill":{"name":"small","about":"a","lesson":"l","topology":"ha","seed":2026,"traffic":{"baseline_users":500,"peak_users":1450,"span":"2days","speed":360.0,"monitors_percent":60,"monitor_every":"5s","clinician_every":"6s","request_timeout":"2s"},"pace":{"warm_up":"15s","settle":"4s","recover_within":"1m 30s"},"episodes":[{"name":"server","target":{"any":{"component":"api","count":1}},"fault":{"kill":{"signal":"KILL"}},"hold":"10s"}],"contract":{"availability_percent":99.99,"window":"2days","classes":["ingest","read"],"latency":[{"percentile":95.0,"at_most":"100ms"}],"monthly_usd":600.0}},"project":"gameday-1124-060732-31682","machine":{"cores":"2"},"bill":[{"row":"cdn","title":"CDN node","count":2,"unit_usd":20.0}]}"#;

    fn error(text: &str) -> String {
        read_entries(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn an_older_run_opens_and_is_written_back_as_it_was() {
        let entries = read_entries(WITHOUT_MEMBERS.as_bytes()).unwrap();
        let Event::Started(header) = &entries[0].event else {
            panic!("no header");
        };
        assert!(header.members.is_empty());
        let mut written = vec![];
        write_entry(&mut written, &entries[0]).unwrap();
        assert_eq!(
            String::from_utf8(written).unwrap().trim_end(),
            WITHOUT_MEMBERS
        );
    }

    #[test]
    fn a_version_that_can_not_be_read_is_named_even_when_nothing_else_is_known() {
        let newer = r#"{"at":0,"event":"started","format":2,"who_knows":true}"#;
        assert_eq!(
            error(newer),
            "timeline has format 2, this build reads 1: judge it with the build that recorded it"
        );
    }

    #[test]
    fn what_is_no_timeline_is_refused() {
        for text in ["", "not json", r#"{"at":1,"event":"load-started"}"#] {
            assert!(error(text).contains("header"), "{text}");
        }
        let unknown = format!("{WITHOUT_MEMBERS}\n{{\"at\":1,\"event\":\"flood\"}}");
        let error = error(&unknown);
        assert!(error.starts_with("timeline line 2 is unknown"), "{error}");
        assert!(error.contains("unknown variant `flood`"), "{error}");
    }

    #[test]
    fn a_last_line_cut_short_is_dropped() {
        let cut = format!("{WITHOUT_MEMBERS}\n{{\"at\":1,\"eve");
        assert_eq!(read_entries(cut.as_bytes()).unwrap().len(), 1);
    }

    fn numbered(numbers: &[u64]) -> String {
        let header = &read_entries(WITHOUT_MEMBERS.as_bytes()).unwrap()[0];
        let mut written = vec![];
        for n in numbers {
            let entry = match n {
                0 => header.clone(),
                n => Entry {
                    at: crate::Offset(*n),
                    event: Event::LoadStarted,
                },
            };
            write_numbered(&mut written, *n, &entry).unwrap();
        }
        String::from_utf8(written).unwrap()
    }

    #[test]
    fn a_line_that_was_taken_out_is_told() {
        let recorded =
            |numbers: &[u64]| read_recorded(numbered(numbers).as_bytes(), Unknown::Error).unwrap();
        let whole = recorded(&[0, 1, 2, 3]);
        assert!(whole.numbered && whole.doubts.is_empty());
        assert_eq!(whole.entries[3].at.0, 3);
        let holed = recorded(&[0, 1, 3]);
        assert_eq!(holed.entries.len(), 3);
        assert_eq!(holed.doubts, ["entry 2 is missing before line 3"]);
        let older = read_recorded(WITHOUT_MEMBERS.as_bytes(), Unknown::Error).unwrap();
        assert!(!older.numbered && older.doubts.is_empty());
    }

    #[test]
    fn what_is_unknown_is_a_doubt_where_that_is_asked_for() {
        let mut bytes = numbered(&[0, 1, 2]).into_bytes();
        let second = bytes.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        // No longer text at all.
        bytes[second] |= 0x80;
        let read = |unknown| read_recorded(bytes.as_slice(), unknown);
        let recorded = read(Unknown::Doubt).unwrap();
        assert_eq!(recorded.doubts, ["line 2 can't be read"]);
        assert_eq!(recorded.entries.len(), 2);
        let error = read(Unknown::Error).unwrap_err().to_string();
        assert!(error.starts_with("timeline line 2 is unknown"), "{error}");
    }
}
