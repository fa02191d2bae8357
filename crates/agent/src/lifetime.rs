//! What keeps the agent alive: its standard input, until its deadline, unless it is told to stop.

use std::{
    io,
    os::fd::{AsFd, BorrowedFd},
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    poll::{PollFd, PollFlags, ppoll},
    sys::{
        signal::{SigSet, Signal},
        signalfd::SignalFd,
        time::TimeSpec,
    },
    unistd::read,
};

use crate::{Ended, clock::now};

/// Longest line that is taken for an order.
const LONGEST_LINE_BYTES: usize = 64 * 1024;

/// The hold on a fault. While it is not over, the fault stays.
#[derive(Debug)]
pub(crate) struct Lease {
    signals: SignalFd,
    deadline: Instant,
}

/// Why a wait is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wake {
    /// The fault has to go.
    Ended(Ended),
    /// There is something to read.
    Ready,
    /// The time has come.
    Due,
}

impl Lease {
    /// Takes SIGTERM and SIGINT over; as the first process of a container the agent would not see them otherwise.
    pub(crate) fn new(longest: Duration) -> io::Result<Self> {
        let stop = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT]);
        stop.thread_block()?;
        Ok(Self {
            signals: SignalFd::new(&stop)?,
            deadline: now() + longest,
        })
    }

    /// Moves the deadline to this long from now.
    pub(crate) fn last(&mut self, longest: Duration) {
        self.deadline = now() + longest;
    }

    /// The first line of standard input, or nothing when that ends, or the deadline comes, before the line does.
    pub(crate) fn line(&self) -> io::Result<Option<String>> {
        let (input, mut line, mut byte) = (io::stdin(), Vec::new(), [0]);
        while line.len() < LONGEST_LINE_BYTES {
            let mut fds = [PollFd::new(input.as_fd(), PollFlags::POLLIN), self.told()];
            poll(&mut fds, self.deadline.saturating_duration_since(now()))?;
            if !any(&fds[0]) || read(input.as_fd(), &mut byte)? == 0 {
                return Ok(None);
            }
            if byte == *b"\n" {
                return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
            }
            line.extend(byte);
        }
        Ok(None)
    }

    /// Waits until the lease is over, `ready` can be read, or `until` has come.
    pub(crate) fn wait(
        &self,
        ready: Option<BorrowedFd<'_>>,
        until: Option<Instant>,
    ) -> io::Result<Wake> {
        let input = io::stdin();
        loop {
            let mut fds = vec![PollFd::new(input.as_fd(), PollFlags::POLLIN), self.told()];
            fds.extend(ready.map(|fd| PollFd::new(fd, PollFlags::POLLIN)));
            let next = until.map_or(self.deadline, |until| until.min(self.deadline));
            poll(&mut fds, next.saturating_duration_since(now()))?;
            if any(&fds[1]) {
                return Ok(Wake::Ended(Ended::Signal));
            }
            if any(&fds[0]) && read(input.as_fd(), &mut [0; 512]).unwrap_or(0) == 0 {
                return Ok(Wake::Ended(Ended::LetGo));
            }
            if now() >= self.deadline {
                return Ok(Wake::Ended(Ended::Deadline));
            }
            if fds.get(2).is_some_and(any) {
                return Ok(Wake::Ready);
            }
            if until.is_some_and(|until| now() >= until) {
                return Ok(Wake::Due);
            }
        }
    }

    fn told(&self) -> PollFd<'_> {
        PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)
    }
}

/// Waits to the nanosecond: a held packet is due between two milliseconds.
fn poll(fds: &mut [PollFd<'_>], longest: Duration) -> io::Result<()> {
    match ppoll(fds, Some(TimeSpec::from_duration(longest)), None) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn any(fd: &PollFd<'_>) -> bool {
    fd.any().unwrap_or(false)
}
