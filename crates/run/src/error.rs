//! Why a run did not come to a verdict.

use std::{io, path::PathBuf};

use thiserror::Error;

/// Why a run did not come to a verdict. Everything started was put down again before it is returned.
#[derive(Debug, Error)]
pub enum RunError {
    /// The machine, the images or the topology.
    #[error(transparent)]
    Stage(#[from] stage::StageError),
    /// The container engine.
    #[error(transparent)]
    Engine(#[from] engine::EngineError),
    /// The platform did not reach full health in time.
    #[error("{} not healthy after {waited_s} s:{}", names(.unhealthy), details(.unhealthy))]
    NotHealthy {
        /// Seconds waited.
        waited_s: u64,
        /// Each member that is not healthy: name, what the observer saw, last log lines.
        unhealthy: Vec<(String, String, String)>,
    },
    /// An instrument of ours does not answer.
    #[error("{instrument} does not answer: {reason}")]
    Instrument {
        /// `observer` or `loadgen`.
        instrument: &'static str,
        /// Why.
        reason: String,
    },
    /// A fault could not be undone: the undo is still on disk.
    #[error(transparent)]
    Chaos(#[from] chaos::ChaosError),
    /// The recording can't be judged.
    #[error(transparent)]
    Judge(#[from] judge::JudgeError),
    /// The timeline can't be written or read.
    #[error(transparent)]
    Timeline(#[from] timeline::StoreError),
    /// The recording of arrivals can't be read.
    #[error(transparent)]
    Arrivals(#[from] timeline::ArrivalError),
    /// The stored readings can't be read.
    #[error(transparent)]
    Stored(#[from] timeline::StoredError),
    /// What is left of the record after a change can't be judged.
    #[error("record changed ({changed}), and what is left can't be judged: {source}")]
    Changed {
        /// The files, and what differs.
        changed: String,
        /// Why it can't be judged.
        source: Box<Self>,
    },
    /// The load that was asked for can't be.
    #[error(transparent)]
    Traffic(#[from] drill::TrafficError),
    /// A file of the run folder.
    #[error("{}: {source}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// No recorded run of that name.
    #[error("no run {id:?} under {}; there are: {known}", home.display())]
    NoRun {
        /// The name asked for.
        id: String,
        /// Where it was looked for.
        home: PathBuf,
        /// Names that exist.
        known: String,
    },
    /// Another process holds the run.
    #[error("run {run} is held by another process: one fault at a time, by one holder")]
    Held {
        /// The run.
        run: String,
    },
    /// The target means nobody.
    #[error(transparent)]
    Target(#[from] drill::Unresolved),
    /// Ctrl-C; everything is healed and put down.
    #[error("interrupted")]
    Interrupted,
}

impl RunError {
    /// An adapter for `map_err` that names the file.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }
}

fn names(unhealthy: &[(String, String, String)]) -> String {
    let names: Vec<_> = unhealthy.iter().map(|(name, ..)| name.as_str()).collect();
    names.join(", ")
}

fn details(unhealthy: &[(String, String, String)]) -> String {
    let mut text = String::new();
    for (name, detail, log) in unhealthy {
        text.push_str(&format!("\n  {name}: {detail}"));
        for line in log.lines() {
            text.push_str(&format!("\n    | {line}"));
        }
    }
    text
}
