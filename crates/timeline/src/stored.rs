//! What the database holds after a run: one reading as 40 bytes, in no particular order.

use std::io::{self, Read};

use thiserror::Error;
use uuid::Uuid;
use wire::Reading;

use crate::records::{HEADER_BYTES, Records};

/// Length of a record.
pub const STORED_BYTES: usize = 40;
/// First bytes of a ledger: a magic word, the format version and the record length.
pub const STORED_HEADER: [u8; HEADER_BYTES] = *b"gameday\x01\x01\x00\x00\x00\x28\x00\x00\x00";
/// In place of the id in the last record of a complete ledger; its time then counts the readings.
const FOOTER_ID: u128 = u128::MAX;

/// Why a ledger can't be read.
#[derive(Debug, Error)]
pub enum StoredError {
    /// The file can't be read.
    #[error("ledger unreadable: {0}")]
    Io(#[from] io::Error),
    /// Not a ledger, or one of another version.
    #[error("not a ledger of format 1: it begins with {0:02x?}")]
    Header([u8; HEADER_BYTES]),
}

/// The record: id (u128), time taken (i64 milliseconds since the Unix epoch), patient (u32), heart rate,
/// oxygen saturation, systolic pressure (i32 each); little-endian.
pub fn encode_stored(reading: &Reading) -> [u8; STORED_BYTES] {
    record(
        reading.reading_id.as_u128(),
        reading.taken_at_ms,
        [
            reading.patient_id,
            reading.heart_rate.cast_unsigned(),
            reading.spo2.cast_unsigned(),
            reading.systolic.cast_unsigned(),
        ],
    )
}

/// The footer of a complete ledger of `count` readings.
pub fn stored_footer(count: u64) -> [u8; STORED_BYTES] {
    record(FOOTER_ID, count.cast_signed(), [0; 4])
}

fn record(id: u128, taken_at_ms: i64, words: [u32; 4]) -> [u8; STORED_BYTES] {
    let mut bytes = [0; STORED_BYTES];
    bytes[..16].copy_from_slice(&id.to_le_bytes());
    bytes[16..24].copy_from_slice(&taken_at_ms.to_le_bytes());
    for (slot, word) in bytes[24..].chunks_exact_mut(4).zip(words) {
        slot.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

/// Reads a ledger, one reading at a time.
#[derive(Debug)]
pub struct StoredReadings<R>(Records<R, STORED_BYTES>);

impl<R: Read> StoredReadings<R> {
    /// Starts reading; `source` should be buffered.
    ///
    /// # Errors
    /// When the header is not ours.
    pub fn open(source: R) -> Result<Self, StoredError> {
        match Records::open(source)? {
            (STORED_HEADER, records) => Ok(Self(records)),
            (header, _) => Err(StoredError::Header(header)),
        }
    }

    /// Whether the ledger has its footer and nothing is missing. Meaningful after the last item.
    pub fn is_complete(&self) -> bool {
        self.0.is_complete()
    }
}

impl<R: Read> Iterator for StoredReadings<R> {
    type Item = Result<Reading, StoredError>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = self.0.next(counted)?.map_err(StoredError::from);
        Some(record.map(|(_, bytes)| decode(&bytes)))
    }
}

/// What the record counts, where it is the footer.
fn counted(bytes: &[u8; STORED_BYTES]) -> Option<u64> {
    (id_of(bytes) == FOOTER_ID).then(|| taken_of(bytes).cast_unsigned())
}

fn decode(bytes: &[u8; STORED_BYTES]) -> Reading {
    let word = |at: usize| u32::from_le_bytes(field(bytes, at));
    Reading {
        reading_id: Uuid::from_u128(id_of(bytes)),
        taken_at_ms: taken_of(bytes),
        patient_id: word(24),
        heart_rate: word(28).cast_signed(),
        spo2: word(32).cast_signed(),
        systolic: word(36).cast_signed(),
    }
}

fn id_of(bytes: &[u8; STORED_BYTES]) -> u128 {
    u128::from_le_bytes(field(bytes, 0))
}

fn taken_of(bytes: &[u8; STORED_BYTES]) -> i64 {
    i64::from_le_bytes(field(bytes, 16))
}

fn field<const N: usize>(bytes: &[u8; STORED_BYTES], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[at..at + N]);
    field
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(bytes: &[u8]) -> (Vec<Reading>, bool) {
        let mut stored = StoredReadings::open(bytes).unwrap();
        let readings = stored.by_ref().map(Result::unwrap).collect();
        (readings, stored.is_complete())
    }

    #[test]
    fn what_is_no_ledger_is_refused() {
        let error = StoredReadings::open(crate::HEADER.as_slice()).unwrap_err();
        assert!(error.to_string().contains("not a ledger"), "{error}");
        assert!(StoredReadings::open([].as_slice()).is_err());
    }

    proptest! {
        #[test]
        fn readings_survive_and_a_cut_shows(
            all in prop::collection::vec((any::<u64>(), any::<u32>(), any::<i64>(), any::<i32>()), 0..20),
            cut in 1_usize..STORED_BYTES * 2,
        ) {
            let readings: Vec<_> = all.iter().map(|(id, patient_id, taken_at_ms, value)| Reading {
                reading_id: Uuid::from_u128(u128::from(*id)),
                patient_id: *patient_id,
                taken_at_ms: *taken_at_ms,
                heart_rate: *value,
                spo2: value.wrapping_add(1),
                systolic: value.wrapping_mul(3),
            }).collect();
            let mut bytes = STORED_HEADER.to_vec();
            readings.iter().for_each(|reading| bytes.extend(encode_stored(reading)));
            bytes.extend(stored_footer(readings.len() as u64));
            prop_assert_eq!(read(&bytes), (readings, true));
            bytes.truncate(bytes.len().saturating_sub(cut).max(STORED_HEADER.len()));
            prop_assert!(!read(&bytes).1);
        }
    }
}
