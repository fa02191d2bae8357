//! What can go wrong on the way to a running topology, and what to do about it.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use engine::EngineError;
use thiserror::Error;

/// Whose mistake an error is. It decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The topology or the price list as given; exit code 64.
    BadTopology,
    /// The machine, its engine, or a container that did not come up; exit code 69.
    Machine,
    /// Our own failure; exit code 70.
    Own,
}

/// Why a topology was not raised or lowered. Each names the thing and, where there is one, the fix.
#[derive(Debug, Error)]
pub enum StageError {
    /// No such topology.
    #[error("no topology {name:?} in {}; there are: {known}", dir.display())]
    UnknownTopology {
        /// The name asked for.
        name: String,
        /// Where it was looked for.
        dir: PathBuf,
        /// Names that exist, separated by commas.
        known: String,
    },
    /// A Compose file or the price list is not as it should be.
    #[error("{}: {reason}", path.display())]
    BadFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A variable that would be a setting of the platform, and is none: mistyped, it would change nothing and be believed.
    #[error("{name} is no setting of a platform; there are: {known}")]
    UnknownSetting {
        /// Its name.
        name: String,
        /// Those that there are, separated by commas.
        known: String,
    },
    /// A variable of ours whose value can't be read.
    #[error("{name} is not readable: its value is no UTF-8")]
    UnreadableSetting {
        /// Its name.
        name: String,
    },
    /// A service's price label has no row.
    #[error(
        "service {service} of topology {topology} has the label gameday.price: {price}, but the price list has no row [{price}]"
    )]
    NoPrice {
        /// The topology.
        topology: String,
        /// The service.
        service: String,
        /// The row that its label names.
        price: String,
    },
    /// The container engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A program that is needed is not installed.
    #[error("{program} is not installed: {fix}")]
    NoProgram {
        /// The program.
        program: String,
        /// How to get it.
        fix: String,
    },
    /// The machine is not able to run drills; one line for each thing that is missing.
    #[error("this machine is not able to run drills:{}", lines(.0.iter().map(String::as_str)))]
    Unable(Vec<String>),
    /// A program ended with a failure.
    #[error("{action} failed ({status}){}{}", place(.log.as_deref()), lines(.tail.iter().map(String::as_str)))]
    Failed {
        /// What was being done.
        action: String,
        /// Exit status of the program.
        status: String,
        /// Its whole output, where that was kept.
        log: Option<PathBuf>,
        /// Its last lines.
        tail: Vec<String>,
    },
    /// A program did not end in time and was killed.
    #[error("{action} did not end within {} s", within.as_secs())]
    TooSlow {
        /// What was being done.
        action: String,
        /// How long it was waited for.
        within: Duration,
    },
    /// The services do not compile, or a binary that belongs into the image is missing.
    #[error("failed to compile the services: {0}")]
    Compile(String),
    /// The base image can neither be pulled nor made.
    #[error("no base image: pulling {image} failed ({pull}), and {make}")]
    NoBase {
        /// What was pulled.
        image: &'static str,
        /// Why that failed.
        pull: String,
        /// Why it can't be made, and what to run.
        make: String,
    },
    /// Every subnet that may be used is in use.
    #[error(
        "no three free /24 subnets in a row among {tried}: remove unused networks with `docker network prune`"
    )]
    NoSubnet {
        /// The ranges that were searched.
        tried: &'static str,
    },
    /// A container ended while its topology was raised.
    #[error("{service} ended while the topology was raised ({state}):{}", lines(.log.lines()))]
    Died {
        /// Its service.
        service: String,
        /// How it ended.
        state: String,
        /// Its last lines.
        log: String,
    },
    /// Compose was content, but not every service has a container.
    #[error("compose made no container for {0}")]
    Incomplete(String),
    /// Something of a project is still there after its removal.
    #[error(
        "project {project} keeps coming back: something else raises it; stop that, then run `gameday heal`"
    )]
    Left {
        /// The project.
        project: String,
    },
    /// A file or folder of ours.
    #[error("failed to {action} {}: {source}", path.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

impl StageError {
    /// Whose mistake it is.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::UnknownTopology { .. }
            | Self::UnknownSetting { .. }
            | Self::UnreadableSetting { .. }
            | Self::BadFile { .. }
            | Self::NoPrice { .. } => ErrorKind::BadTopology,
            Self::Engine(EngineError::NotOurs { .. })
            | Self::Compile(_)
            | Self::Left { .. }
            | Self::File { .. } => ErrorKind::Own,
            _ => ErrorKind::Machine,
        }
    }

    /// An adapter for `map_err` that names the file.
    pub(crate) fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }
}

fn lines<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    lines.map(|line| format!("\n  {line}")).collect()
}

fn place(log: Option<&Path>) -> String {
    log.map(|path| format!(", all of it in {}", path.display()))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_tell_whose_mistake_it_is() {
        let bad = StageError::NoPrice {
            topology: "ha".into(),
            service: "api-1".into(),
            price: "servr".into(),
        };
        assert_eq!(bad.kind(), ErrorKind::BadTopology);
        assert!(bad.to_string().contains("api-1") && bad.to_string().contains("[servr]"));
        assert_eq!(StageError::Unable(vec![]).kind(), ErrorKind::Machine);
        assert_eq!(StageError::Compile("no".into()).kind(), ErrorKind::Own);
    }

    #[test]
    fn a_failed_program_shows_its_last_lines_and_where_the_rest_is() {
        let error = StageError::Failed {
            action: "building image redis".into(),
            status: "exit status: 100".into(),
            log: Some("/logs/build-redis.log".into()),
            tail: vec!["E: no such package".into()],
        };
        let expected = "building image redis failed (exit status: 100), all of it in /logs/build-redis.log\n  E: no such package";
        assert_eq!(error.to_string(), expected);
    }
}
