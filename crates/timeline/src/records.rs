//! Records of one length behind a header, and a last one that counts them: the shape of every binary file of a run.

use std::io::{self, Read};

/// Length of a header: a magic word, the format version and the record length.
pub(crate) const HEADER_BYTES: usize = 16;

/// Reads records of `N` bytes, one at a time.
#[derive(Debug)]
pub(crate) struct Records<R, const N: usize> {
    source: R,
    read: u64,
    footer: Option<u64>,
}

impl<R: Read, const N: usize> Records<R, N> {
    /// Starts reading, and hands out the header for the caller to judge.
    ///
    /// # Errors
    /// When the source can't be read or is shorter than a header.
    pub(crate) fn open(mut source: R) -> io::Result<([u8; HEADER_BYTES], Self)> {
        let mut header = [0; HEADER_BYTES];
        source.read_exact(&mut header)?;
        let records = Self {
            source,
            read: 0,
            footer: None,
        };
        Ok((header, records))
    }

    /// The next record with its position, from 0; none after the last. `counted` tells a footer by what it counts.
    pub(crate) fn next(
        &mut self,
        counted: impl Fn(&[u8; N]) -> Option<u64>,
    ) -> Option<io::Result<(u64, [u8; N])>> {
        let mut bytes = [0; N];
        match self.source.read_exact(&mut bytes) {
            Ok(()) => {}
            // Cut short: it ends here without a footer, incomplete and not unreadable.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return None,
            Err(error) => return Some(Err(error)),
        }
        self.footer = counted(&bytes);
        if self.footer.is_some() {
            return None;
        }
        self.read += 1;
        Some(Ok((self.read - 1, bytes)))
    }

    /// Records read so far.
    pub(crate) fn read(&self) -> u64 {
        self.read
    }

    /// Whether there was a footer and nothing is missing. Meaningful after the last record.
    pub(crate) fn is_complete(&self) -> bool {
        self.footer == Some(self.read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails where a disk would.
    struct Torn;

    impl Read for Torn {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }

    /// Records of two bytes; the footer begins with 255 and counts in its second.
    fn counted(bytes: &[u8; 2]) -> Option<u64> {
        (bytes[0] == 255).then(|| bytes[1].into())
    }

    fn read(rest: &[u8]) -> (Vec<u64>, bool) {
        let bytes = [[0; HEADER_BYTES].as_slice(), rest].concat();
        let (_, mut records) = Records::<_, 2>::open(bytes.as_slice()).unwrap();
        let positions = std::iter::from_fn(|| records.next(counted));
        let positions = positions.map(|record| record.unwrap().0).collect();
        (positions, records.is_complete())
    }

    #[test]
    fn only_a_footer_that_counts_right_makes_it_complete() {
        assert_eq!(read(&[1, 0, 2, 0, 255, 2]), (vec![0, 1], true));
        assert_eq!(read(&[255, 0]), (vec![], true));
        assert_eq!(read(&[1, 0, 255, 2]), (vec![0], false));
        assert_eq!(read(&[1, 0, 2]), (vec![0], false));
        assert_eq!(read(&[]), (vec![], false));
    }

    #[test]
    fn a_source_that_fails_is_no_end() {
        let source = [0; HEADER_BYTES].as_slice().chain(Torn);
        let (_, mut records) = Records::<_, 2>::open(source).unwrap();
        assert!(records.next(counted).unwrap().is_err());
        assert!(Records::<_, 2>::open([0; 3].as_slice()).is_err());
    }
}
