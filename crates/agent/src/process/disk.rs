//! Fills a file system with a file that has no name: it is gone when the agent is.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::OpenOptionsExt,
    path::PathBuf,
    time::Duration,
};

use nix::{
    errno::Errno,
    fcntl::{FallocateFlags, OFlag, fallocate},
    sys::{
        statfs::{OVERLAYFS_SUPER_MAGIC, statfs},
        statvfs::fstatvfs,
    },
};

use crate::{
    Ended, Event,
    backend::{Backend, Say},
    clock::now,
    lifetime::{Lease, Wake},
};

/// Time between two looks at whether the target made room.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The file and how long it is.
#[derive(Debug)]
pub(super) struct Disk {
    directory: PathBuf,
    leave_bytes: u64,
    file: Option<File>,
    length: i64,
}

impl Disk {
    pub(super) fn new(directory: &str, leave_bytes: u64) -> Self {
        Self {
            directory: directory.into(),
            leave_bytes,
            file: None,
            length: 0,
        }
    }

    /// Takes what is above the rest that is to be left.
    fn fill(&mut self) -> io::Result<()> {
        let Some(file) = &self.file else {
            return Ok(());
        };
        let above = free(file)?.saturating_sub(self.leave_bytes);
        let above = i64::try_from(above).unwrap_or(i64::MAX);
        if above == 0 {
            return Ok(());
        }
        match fallocate(file, FallocateFlags::empty(), self.length, above) {
            Ok(()) => self.length += above,
            // Somebody else was quicker; the next look takes the rest.
            Err(Errno::ENOSPC) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

impl Backend for Disk {
    fn apply(&mut self) -> Result<String, String> {
        let place = self.directory.display().to_string();
        let kind = statfs(&self.directory).map_err(|error| format!("{place}: {error}"))?;
        if kind.filesystem_type() == OVERLAYFS_SUPER_MAGIC {
            return Err(format!(
                "{place} is on an overlay: filling it would fill the host's disk"
            ));
        }
        let file = OpenOptions::new()
            .write(true)
            .mode(0o600)
            .custom_flags(OFlag::O_TMPFILE.bits())
            .open(&self.directory)
            .map_err(|error| format!("can't make a file without a name in {place}: {error}"))?;
        self.file = Some(file);
        self.fill()
            .map_err(|error| format!("can't fill {place}: {error}"))?;
        Ok(format!(
            "a file of {} bytes without a name in {place}",
            self.length
        ))
    }

    fn hold(&mut self, lease: &Lease, say: Say) -> io::Result<Ended> {
        let free = self.file.as_ref().map_or(Ok(0), free)?;
        say(&Event::Measured {
            what: format!("free in {}", self.directory.display()),
            expected: Some(self.leave_bytes as f64),
            seen: free as f64,
            unit: "bytes".into(),
        });
        loop {
            if let Wake::Ended(ended) = lease.wait(None, Some(now() + LOOK_EVERY))? {
                return Ok(ended);
            }
            self.fill()?;
        }
    }

    fn heal(&mut self) -> Result<(), String> {
        self.file = None;
        Ok(())
    }
}

/// What an unprivileged process may still take.
fn free(file: &File) -> io::Result<u64> {
    let stat = fstatvfs(file)?;
    Ok(stat.blocks_available().saturating_mul(stat.fragment_size()))
}
