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
/// Widest status line: a longer one would wrap, and could not be replaced.
const WIDTH: usize = 110;

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

/// Prints a verdict with its figures, in colour where somebody looks at it.
pub(crate) fn judgement(judgement: &judge::Judgement) {
    println!("{}", report::styled_text(judgement, style()));
}

/// Prints two runs side by side.
pub(crate) fn comparison(comparison: &judge::Comparison) {
    print!("{}", report::comparison(comparison, style()));
}

/// Prints a survival matrix.
pub(crate) fn survival(matrix: &judge::survival::Matrix) {
    print!("{}", report::survival_text(matrix, style()));
}

fn style() -> report::Style {
    report::Style {
        colour: std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
    }
}

/// Shows progress on standard error.
#[derive(Debug, Default)]
pub(crate) struct Screen {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// The status line shown last; empty once a lasting line has followed it.
    status: String,
    /// In which of the [`QUIET_EVERY_S`] the load was shown last.
    load_shown: Option<u64>,
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
                let part = Some(load.elapsed.as_secs() / QUIET_EVERY_S);
                if std::io::stderr().is_terminal() || state.load_shown != part {
                    state.load_shown = part;
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
        let _ = match err.is_terminal() && !self.status.is_empty() {
            true => writeln!(err, "\r\x1b[K{line}"),
            false => writeln!(err, "{line}"),
        };
        self.status.clear();
    }

    /// Replaces the status line; where there is no terminal, prints it if it is new.
    fn replace(&mut self, line: String) {
        if line == self.status {
            return;
        }
        let mut err = std::io::stderr().lock();
        let _ = match err.is_terminal() {
            true => {
                let short: String = line.chars().take(WIDTH).collect();
                write!(err, "\r\x1b[K{short}").and_then(|()| err.flush())
            }
            false => writeln!(err, "{line}"),
        };
        self.status = line;
    }
}

fn load_line(load: &LoadNow) -> String {
    format!(
        "[{:>4}/{} s] {:>5} users {:>4} req/s  {} of {} bad, {:.0} % of the budget burned",
        load.elapsed.as_secs(),
        load.total.as_secs(),
        load.users,
        load.requests_per_second,
        load.bad,
        load.arrivals,
        load.burned_percent,
    )
}
