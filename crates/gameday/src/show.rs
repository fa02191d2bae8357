//! Progress on the terminal: lines that stay, and one status line that is replaced.

use std::{
    io::{IsTerminal, Write},
    sync::Mutex,
    time::Duration,
};

use run::{LoadNow, Progress};
use tracing_subscriber::EnvFilter;

/// Seconds of load between two status lines where the output is no terminal.
const QUIET_EVERY_S: u64 = 10;

/// Starts the log on standard error. It is for our own troubles; progress does not pass through it.
pub(crate) fn start_log(verbose: bool) {
    let default = if verbose { "debug" } else { "warn" };
    let filter = EnvFilter::try_from_env("GAMEDAY_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .without_time()
        .init();
}

/// Says that an interruption was noticed.
pub(crate) fn interrupted(again: bool) {
    eprintln!();
    if again {
        eprintln!("still healing; this takes some seconds");
    } else {
        eprintln!("interrupted: healing and putting everything down");
    }
}

/// Shows progress on standard error.
#[derive(Debug, Default)]
pub(crate) struct Screen {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The status line now on the terminal.
    status: String,
    phases: Vec<(&'static str, Duration)>,
}

impl Screen {
    /// Shows one piece of progress.
    pub(crate) fn say(&self, progress: Progress) {
        let Ok(mut state) = self.state.lock() else {
            return;
        };
        match progress {
            Progress::Phase(name) => state.keep(&format!("== {name}")),
            Progress::PhaseEnded(name, took) => {
                state.phases.push((name, took));
                state.keep(&format!("== {name} took {:.1} s", took.as_secs_f64()));
            }
            Progress::Line(line) => state.keep(&line),
            Progress::Status(line) => state.replace(line),
            Progress::Load(load) => {
                let rarely = !load.elapsed.as_secs().is_multiple_of(QUIET_EVERY_S);
                if std::io::stderr().is_terminal() || !rarely {
                    state.replace(load_line(&load));
                }
            }
        }
    }

    /// How long each phase took, in one line.
    pub(crate) fn phases(&self) -> String {
        let Ok(state) = self.state.lock() else {
            return String::new();
        };
        let part = |(name, took): &(&str, Duration)| format!("{name} {:.1} s", took.as_secs_f64());
        state.phases.iter().map(part).collect::<Vec<_>>().join(", ")
    }
}

impl State {
    /// Prints a line that stays.
    fn keep(&mut self, line: &str) {
        let mut err = std::io::stderr().lock();
        // A closed terminal must not end a run that has faults to heal.
        let _ = match self.status.is_empty() {
            true => writeln!(err, "{line}"),
            false => writeln!(err, "\r\x1b[K{line}"),
        };
        self.status.clear();
    }

    /// Replaces the status line; where there is no terminal, prints it if it is new.
    fn replace(&mut self, line: String) {
        let mut err = std::io::stderr().lock();
        if err.is_terminal() {
            let short: String = line.chars().take(110).collect();
            let _ = write!(err, "\r\x1b[K{short}");
            let _ = err.flush();
            self.status = line;
        } else {
            let _ = writeln!(err, "{line}");
        }
    }
}

fn load_line(load: &LoadNow) -> String {
    format!(
        "[{:>4}/{} s] {:>5} users {:>4} req/s  {} of {} bad",
        load.elapsed.as_secs(),
        load.total.as_secs(),
        load.users,
        load.requests_per_second,
        load.bad,
        load.arrivals,
    )
}
