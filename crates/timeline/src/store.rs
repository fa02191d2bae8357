//! The timeline as lines of JSON.

use std::io::{self, BufRead, Write};

use thiserror::Error;

use crate::{Entry, Event};

/// Version of the format that this build writes.
pub const FORMAT: u32 = 1;

/// Why a timeline can't be read or written.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The file can't be read or written.
    #[error("timeline: {0}")]
    Io(#[from] io::Error),
    /// A line that is not an entry.
    #[error("timeline line {line}: {source}")]
    Line {
        /// Line, counted from 1.
        line: usize,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// No header in the first line.
    #[error("timeline does not begin with a header")]
    NoHeader,
    /// Written by another version.
    #[error("timeline has format {found}, this build reads {FORMAT}")]
    Format {
        /// The version found.
        found: u32,
    },
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

/// Reads a whole timeline. A last line cut short by a crash is dropped: it was never complete.
///
/// # Errors
/// When the source can't be read, a line is not an entry, or the format is another.
pub fn read_entries(source: impl BufRead) -> Result<Vec<Entry>, StoreError> {
    let lines = source.lines().collect::<Result<Vec<_>, _>>()?;
    let last = lines.len().saturating_sub(1);
    let mut entries = Vec::with_capacity(lines.len());
    for (index, line) in lines.iter().enumerate() {
        match serde_json::from_str::<Entry>(line) {
            Ok(entry) => entries.push(entry),
            Err(error) if index == last && error.is_eof() && index > 0 => {}
            Err(source) => {
                return Err(StoreError::Line {
                    line: index + 1,
                    source,
                });
            }
        }
    }
    match entries.first().map(|entry| &entry.event) {
        Some(Event::Started(header)) if header.format == FORMAT => Ok(entries),
        Some(Event::Started(header)) => Err(StoreError::Format {
            found: header.format,
        }),
        _ => Err(StoreError::NoHeader),
    }
}
