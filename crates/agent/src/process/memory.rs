//! Takes memory and keeps it.

use std::{fs, io};

use crate::{
    Ended, Event,
    backend::{Backend, Say},
    lifetime::{Lease, Wake},
};

/// How much is taken at a time.
const PIECE_BYTES: u64 = 16 << 20;
/// The smallest unit that the kernel backs with memory, on every machine here.
const PAGE_BYTES: usize = 4096;

/// Memory that is taken.
#[derive(Debug)]
pub(super) struct Memory {
    bytes: u64,
    held: Vec<Vec<u8>>,
}

impl Memory {
    pub(super) fn new(bytes: u64) -> Self {
        Self {
            bytes,
            held: Vec::new(),
        }
    }
}

impl Backend for Memory {
    fn apply(&mut self) -> Result<String, String> {
        let mut left = self.bytes;
        while left > 0 {
            let size = usize::try_from(left.min(PIECE_BYTES)).unwrap_or(usize::MAX);
            let mut piece: Vec<u8> = Vec::new();
            piece.try_reserve_exact(size).map_err(|error| {
                format!("{left} of {} bytes are not to be had: {error}", self.bytes)
            })?;
            piece.resize(size, 0);
            // Anything but zero in every page: the kernel backs it, and can't merge it with its page of zeroes.
            piece
                .iter_mut()
                .step_by(PAGE_BYTES)
                .for_each(|byte| *byte = 1);
            self.held.push(piece);
            left -= size as u64;
        }
        Ok(format!(
            "{} bytes taken and touched in the agent's cgroup",
            self.bytes
        ))
    }

    fn hold(&mut self, lease: &Lease, say: Say) -> io::Result<Ended> {
        say(&Event::Measured {
            what: "memory resident in the agent".into(),
            expected: Some(self.bytes as f64),
            seen: resident_bytes().unwrap_or(0) as f64,
            unit: "bytes".into(),
        });
        loop {
            if let Wake::Ended(ended) = lease.wait(None, None)? {
                return Ok(ended);
            }
        }
    }

    fn heal(&mut self) -> Result<(), String> {
        self.held.clear();
        Ok(())
    }
}

fn resident_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kib * 1024)
}
