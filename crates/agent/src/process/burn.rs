//! Uses the processor up.

use std::{
    hint, io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use nix::sys::resource::{UsageWho, getrusage};

use crate::{
    Ended, Event,
    backend::{Backend, Say},
    clock::now,
    lifetime::{Lease, Wake},
};

/// How long the use is measured.
const LOOK: Duration = Duration::from_millis(500);
/// Rounds between two looks at whether to stop: about a tenth of a millisecond.
const ROUNDS: u32 = 100_000;

/// Threads that spin.
#[derive(Debug)]
pub(super) struct Burn {
    threads: u16,
    stop: Arc<AtomicBool>,
    spinning: Vec<JoinHandle<()>>,
}

impl Burn {
    pub(super) fn new(threads: u16) -> Self {
        Self {
            threads,
            stop: Arc::new(AtomicBool::new(false)),
            spinning: Vec::new(),
        }
    }
}

impl Backend for Burn {
    fn apply(&mut self) -> Result<String, String> {
        for _ in 0..self.threads {
            let stop = Arc::clone(&self.stop);
            let spin = move || {
                while !stop.load(Ordering::Relaxed) {
                    for round in 0..ROUNDS {
                        hint::black_box(round);
                    }
                }
            };
            let started = thread::Builder::new().spawn(spin);
            self.spinning
                .push(started.map_err(|error| format!("can't start a thread: {error}"))?);
        }
        Ok(format!(
            "{} threads spin in the agent's cgroup",
            self.threads
        ))
    }

    fn hold(&mut self, lease: &Lease, say: Say) -> io::Result<Ended> {
        let (begin, used) = (now(), used());
        if let Wake::Ended(ended) = lease.wait(None, Some(begin + LOOK))? {
            return Ok(ended);
        }
        say(&Event::Measured {
            what: "processors in use by the agent".into(),
            expected: None,
            seen: (self::used() - used).as_secs_f64() / begin.elapsed().as_secs_f64(),
            unit: "processors".into(),
        });
        loop {
            if let Wake::Ended(ended) = lease.wait(None, None)? {
                return Ok(ended);
            }
        }
    }

    fn heal(&mut self) -> Result<(), String> {
        self.stop.store(true, Ordering::Relaxed);
        let joined = self.spinning.drain(..).map(JoinHandle::join);
        let all = joined.collect::<Result<Vec<_>, _>>();
        all.map(drop)
            .map_err(|_| "a spinning thread ended in a panic".into())
    }
}

/// Processor time of this process so far.
fn used() -> Duration {
    getrusage(UsageWho::RUSAGE_SELF).map_or(Duration::ZERO, |usage| {
        let (user, system) = (usage.user_time(), usage.system_time());
        let us = (user.tv_sec() + system.tv_sec()) * 1_000_000 + user.tv_usec() + system.tv_usec();
        Duration::from_micros(u64::try_from(us).unwrap_or(0))
    })
}
