//! Reading: who belongs to a project, how a container is, what it said.

use std::future::Future;

use bollard::{
    errors::Error,
    models::{ContainerInspectResponse, ContainerState, ContainerSummary},
    query_parameters::{InspectContainerOptions, ListContainersOptionsBuilder, LogsOptionsBuilder},
};
use futures_util::TryStreamExt;

use crate::{Docker, EngineError, Member, PROJECT_LABEL, label};

/// What a container does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Its main process runs.
    Running,
    /// Every process of it is frozen.
    Paused,
    /// It is there, but nothing runs in it. A container that waits for its restart policy counts, too.
    Stopped {
        /// Exit code of its last main process; 137 after a KILL, 0 when it never ran.
        exit_code: i64,
        /// Whether the kernel killed it for its memory.
        oom_killed: bool,
    },
    /// There is no such container.
    Missing,
}

impl std::fmt::Display for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Running => f.pad("running"),
            Self::Paused => f.pad("paused"),
            Self::Missing => f.pad("missing"),
            Self::Stopped {
                exit_code,
                oom_killed,
            } => {
                let why = if *oom_killed { ", out of memory" } else { "" };
                f.pad(&format!("stopped with exit code {exit_code}{why}"))
            }
        }
    }
}

/// A container's state, and since when it has its main process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Life {
    /// The state.
    pub state: State,
    /// When the main process was last started, by the engine's clock in nanoseconds since the Unix epoch;
    /// 0 when it never was.
    pub started_at_unix_ns: u64,
}

/// Reads containers and changes nothing.
pub trait Inspect {
    /// Every container of a project, also those that do not run, sorted by service.
    ///
    /// # Errors
    /// When the engine does not answer. A project that does not exist has no members.
    fn members(
        &self,
        project: &str,
    ) -> impl Future<Output = Result<Vec<Member>, EngineError>> + Send;

    /// A container's state and start.
    ///
    /// # Errors
    /// When the engine does not answer. A container that does not exist is [`State::Missing`].
    fn life(&self, id: &str) -> impl Future<Output = Result<Life, EngineError>> + Send;

    /// A container's state.
    ///
    /// # Errors
    /// As [`Inspect::life`].
    fn state(&self, id: &str) -> impl Future<Output = Result<State, EngineError>> + Send
    where
        Self: Sync,
    {
        async move { Ok(self.life(id).await?.state) }
    }

    /// The newest lines that a container wrote to both its outputs, each after the engine's time.
    ///
    /// # Errors
    /// When there is no such container or the engine does not answer.
    fn logs(
        &self,
        id: &str,
        tail_lines: u32,
    ) -> impl Future<Output = Result<String, EngineError>> + Send;
}

impl Inspect for Docker {
    async fn members(&self, project: &str) -> Result<Vec<Member>, EngineError> {
        let containers = self
            .containers(&format!("{PROJECT_LABEL}={project}"))
            .await?;
        let mut members: Vec<_> = containers.into_iter().filter_map(Member::read).collect();
        members.sort_by(|a, b| (&a.service, &a.id).cmp(&(&b.service, &b.id)));
        Ok(members)
    }

    async fn life(&self, id: &str) -> Result<Life, EngineError> {
        match self
            .client
            .inspect_container(id, None::<InspectContainerOptions>)
            .await
        {
            Ok(container) => Ok(life(&container.state.unwrap_or_default())),
            Err(Error::DockerResponseServerError {
                status_code: 404, ..
            }) => Ok(Life {
                state: State::Missing,
                started_at_unix_ns: 0,
            }),
            Err(error) => Err(EngineError::refused("inspect", id)(error)),
        }
    }

    async fn logs(&self, id: &str, tail_lines: u32) -> Result<String, EngineError> {
        let options = LogsOptionsBuilder::default()
            .stdout(true)
            .stderr(true)
            .timestamps(true)
            .tail(&tail_lines.to_string())
            .build();
        let text =
            self.client
                .logs(id, Some(options))
                .try_fold(Vec::new(), async |mut text, piece| {
                    text.extend_from_slice(&piece.into_bytes());
                    Ok(text)
                });
        let text = text
            .await
            .map_err(EngineError::refused("read the logs of", id))?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

impl Docker {
    /// All that the engine knows of a container.
    ///
    /// # Errors
    /// When there is no such container or the engine does not answer.
    pub(crate) async fn inspected(
        &self,
        id: &str,
    ) -> Result<ContainerInspectResponse, EngineError> {
        let options = None::<InspectContainerOptions>;
        let answer = self.client.inspect_container(id, options).await;
        answer.map_err(EngineError::refused("inspect", id))
    }

    /// Containers with a label, running or not.
    pub(crate) async fn containers(
        &self,
        text: &str,
    ) -> Result<Vec<ContainerSummary>, EngineError> {
        let mut options = ListContainersOptionsBuilder::default().all(true).build();
        options.filters = label(text);
        let containers = self.client.list_containers(Some(options)).await;
        containers.map_err(EngineError::refused("list containers with", text))
    }
}

fn life(container: &ContainerState) -> Life {
    let is = |flag: Option<bool>| flag.unwrap_or(false);
    let state = if is(container.paused) {
        State::Paused
    } else if is(container.running) && !is(container.restarting) {
        State::Running
    } else {
        State::Stopped {
            exit_code: container.exit_code.unwrap_or(0),
            oom_killed: is(container.oom_killed),
        }
    };
    let started = container
        .started_at
        .as_deref()
        .and_then(|at| at.parse::<jiff::Timestamp>().ok());
    Life {
        state,
        started_at_unix_ns: started
            .and_then(|at| at.as_nanosecond().try_into().ok())
            .unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Life {
        life(&serde_json::from_str(text).unwrap())
    }

    #[test]
    fn a_paused_container_also_says_that_it_runs() {
        let life = read(
            r#"{"Status": "paused", "Running": true, "Paused": true, "StartedAt": "2026-01-02T03:04:05.5Z"}"#,
        );
        assert_eq!(life.state, State::Paused);
        assert_eq!(life.started_at_unix_ns, 1_767_323_045_500_000_000);
    }

    #[test]
    fn a_container_that_never_ran_has_no_start() {
        let life = read(
            r#"{"Status": "created", "Running": false, "ExitCode": 0, "StartedAt": "0001-01-01T00:00:00Z"}"#,
        );
        assert_eq!(life.started_at_unix_ns, 0);
        assert_eq!(life.state.to_string(), "stopped with exit code 0");
    }

    #[test]
    fn waiting_for_a_restart_is_not_running() {
        let life = read(
            r#"{"Status": "restarting", "Running": true, "Restarting": true, "ExitCode": 137, "OOMKilled": true}"#,
        );
        assert_eq!(
            life.state.to_string(),
            "stopped with exit code 137, out of memory"
        );
    }
}
