//! Stands every thread of the target still by tracing it. When the tracer ends, the kernel lets them go.

use std::{collections::BTreeSet, fs, io, path::PathBuf, process, thread, time::Duration};

use nix::{
    errno::Errno,
    sys::{
        ptrace,
        wait::{WaitPidFlag, WaitStatus, waitpid},
    },
    unistd::Pid,
};

use crate::{
    Ended, Event, Figures,
    backend::{Backend, Say},
    clock::now,
    lifetime::{Lease, Wake},
};

/// Time between two looks for new threads: whoever enters the container, such as a health check, is stopped as well.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The longest that a thread may take to stand still or to go on.
const PATIENCE: Duration = Duration::from_secs(1);

/// The threads that are traced.
#[derive(Debug, Default)]
pub(super) struct Freeze {
    traced: BTreeSet<i32>,
    most: u64,
}

impl Freeze {
    /// Traces what is new, until a look finds nothing new: a thread may start another one before it stops.
    fn seize(&mut self) -> Result<(), String> {
        loop {
            let new: Vec<_> = threads()
                .into_iter()
                .filter(|thread| !self.traced.contains(thread))
                .collect();
            for &thread in &new {
                let pid = Pid::from_raw(thread);
                let seized = ptrace::seize(pid, ptrace::Options::empty())
                    .and_then(|()| ptrace::interrupt(pid));
                match seized {
                    Ok(()) => drop(self.traced.insert(thread)),
                    // Ended since it was listed.
                    Err(Errno::ESRCH) => {}
                    Err(error) => return Err(format!("can't trace thread {thread}: {error}")),
                }
            }
            self.most = self.most.max(self.traced.len() as u64);
            if new.is_empty() {
                return Ok(());
            }
        }
    }

    /// Takes note of what the kernel reports: stops, and threads that ended.
    fn collect(&mut self) {
        let flags = WaitPidFlag::WNOHANG | WaitPidFlag::__WALL;
        while let Ok(status) = waitpid(None, Some(flags)) {
            match status {
                WaitStatus::StillAlive => return,
                WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..) => {
                    self.traced.remove(&pid.as_raw());
                }
                _ => {}
            }
        }
    }

    fn still(&self) -> usize {
        self.traced
            .iter()
            .filter(|&&thread| state(thread) == Some('t'))
            .count()
    }
}

impl Backend for Freeze {
    fn apply(&mut self) -> Result<String, String> {
        self.seize()?;
        if self.traced.is_empty() {
            return Err("the target has no process that could be traced".into());
        }
        let until = now() + PATIENCE;
        while self.still() < self.traced.len() && now() < until {
            self.collect();
            thread::yield_now();
        }
        Ok(format!("{} threads traced and stopped", self.traced.len()))
    }

    fn hold(&mut self, lease: &Lease, say: Say) -> io::Result<Ended> {
        say(&Event::Measured {
            what: "threads that stand still".into(),
            expected: Some(self.traced.len() as f64),
            seen: self.still() as f64,
            unit: "threads".into(),
        });
        loop {
            if let Wake::Ended(ended) = lease.wait(None, Some(now() + LOOK_EVERY))? {
                return Ok(ended);
            }
            self.collect();
            self.seize().map_err(io::Error::other)?;
            if self.traced.is_empty() {
                return Ok(Ended::Lost);
            }
        }
    }

    fn heal(&mut self) -> Result<(), String> {
        let until = now() + PATIENCE;
        while !self.traced.is_empty() && now() < until {
            self.collect();
            // Only a thread that has stopped can be let go; one that ended is gone.
            self.traced.retain(|&thread| {
                let gone = ptrace::detach(Pid::from_raw(thread), None);
                gone.is_err() && state(thread).is_some()
            });
            thread::yield_now();
        }
        match self.traced.len() {
            0 => Ok(()),
            left => Err(format!(
                "{left} threads are still traced; they go on when the agent ends"
            )),
        }
    }

    fn figures(&self) -> Figures {
        Figures {
            affected: self.most,
            ..Figures::default()
        }
    }
}

/// Every thread of the target: of the processes that share the files of its first one. Other helpers do not.
fn threads() -> Vec<i32> {
    let files = |process: i32| fs::read_link(format!("/proc/{process}/ns/mnt"));
    let Ok(target) = files(1) else {
        return Vec::new();
    };
    let own = i32::try_from(process::id()).unwrap_or(0);
    let processes = numbers("/proc".into()).into_iter();
    let processes = processes.filter(|&process| {
        process != own
            && files(process).is_ok_and(|files| files == target)
            && state(process) != Some('Z')
    });
    processes
        .flat_map(|process| numbers(format!("/proc/{process}/task").into()))
        .collect()
}

fn numbers(folder: PathBuf) -> Vec<i32> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect()
}

/// The state letter of a thread (proc(5)): t is stopped by a tracer.
fn state(thread: i32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{thread}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}
