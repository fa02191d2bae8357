//! Containers that help: each lives in the namespaces of a member for as long as somebody holds its standard input.
//!
//! The engine closes that input when the connection to whoever attached ends, however it ends: measured 0.2 s after a
//! SIGKILL. So a helper that ends with its input can't outlive its holder.

use std::{fmt, future::Future, pin::Pin, time::Duration};

use bollard::{
    models::{ContainerCreateBody, HostConfig},
    query_parameters::{
        AttachContainerOptionsBuilder, CreateContainerOptionsBuilder,
        RemoveContainerOptionsBuilder, StartContainerOptions,
    },
};
use bytes::Bytes;
use futures_util::{
    Stream, StreamExt,
    stream::{self, BoxStream},
};
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    time::timeout,
};

use crate::{
    COMPONENT_LABEL, Docker, EngineError, PROJECT_LABEL, PROJECT_PREFIX, RUN_LABEL, control_group,
};

/// Longest time for a helper that runs to its end.
const RUN_WITHIN: Duration = Duration::from_secs(20);
/// Most memory of a helper, in bytes: a queue of held packets is the largest thing in it.
const MEMORY_BYTES: i64 = 256 << 20;

/// A helper to be started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HelperSpec {
    /// Name of the container; an older one of that name is an error.
    pub name: String,
    /// Image.
    pub image: String,
    /// Command.
    pub command: Vec<String>,
    /// The project that it belongs to, and goes away with.
    pub project: String,
    /// Id of the container whose network it joins.
    pub network_of: Option<String>,
    /// Id of the container whose processes it sees.
    pub processes_of: Option<String>,
    /// Id of the container whose volumes it mounts.
    pub volumes_of: Option<String>,
    /// Id of the container in whose share of processor and memory it lives.
    pub share_of: Option<String>,
    /// Id of the container whose limits of disks it may change: their files are in `/control-group`.
    #[serde(default)]
    pub control_group_of: Option<String>,
    /// Capabilities, such as `NET_ADMIN`; it has no others.
    pub capabilities: Vec<String>,
}

/// A helper that runs. Dropping it closes its standard input.
pub struct Helper {
    /// Name of the container.
    pub name: String,
    input: Pin<Box<dyn AsyncWrite + Send>>,
    lines: BoxStream<'static, Result<String, EngineError>>,
}

impl fmt::Debug for Helper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Helper")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Helper {
    /// A helper that is written to and read from as given.
    pub fn new(
        name: impl Into<String>,
        input: impl AsyncWrite + Send + 'static,
        lines: impl Stream<Item = Result<String, EngineError>> + Send + 'static,
    ) -> Self {
        Self {
            name: name.into(),
            input: Box::pin(input),
            lines: lines.boxed(),
        }
    }

    /// Writes a line to it.
    ///
    /// # Errors
    /// When it is gone.
    pub async fn say(&mut self, line: &str) -> Result<(), EngineError> {
        let line = format!("{line}\n");
        let said = async {
            self.input.write_all(line.as_bytes()).await?;
            self.input.flush().await
        };
        said.await.map_err(|error| self.gone(&error))
    }

    /// The next line that it writes to either output; none when it has ended.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn hear(&mut self) -> Result<Option<String>, EngineError> {
        self.lines.next().await.transpose()
    }

    /// Closes its standard input: it ends.
    ///
    /// # Errors
    /// When it is gone.
    pub async fn let_go(&mut self) -> Result<(), EngineError> {
        let closed = self.input.shutdown().await;
        closed.map_err(|error| self.gone(&error))
    }

    fn gone(&self, error: &std::io::Error) -> EngineError {
        EngineError::Refused {
            action: "speak to",
            object: self.name.clone(),
            reason: error.to_string(),
        }
    }
}

/// Starts and removes helpers.
pub trait Helpers {
    /// Starts a helper and attaches to it.
    ///
    /// # Errors
    /// When the engine does not answer or refuses, for example because the member that it should join does not run; and
    /// when that member shares a namespace with the host.
    fn start_helper(
        &self,
        spec: &HelperSpec,
    ) -> impl Future<Output = Result<Helper, EngineError>> + Send;

    /// Kills and removes a helper; one that does not exist counts as removed.
    ///
    /// # Errors
    /// When the engine does not answer or refuses.
    fn remove_helper(&self, name: &str) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Runs a helper to its end, 20 s at most, and returns what it said.
    ///
    /// # Errors
    /// As [`Helpers::start_helper`], and when it does not end.
    fn run_helper(
        &self,
        spec: &HelperSpec,
    ) -> impl Future<Output = Result<Vec<String>, EngineError>> + Send
    where
        Self: Sync,
    {
        async move {
            let mut helper = self.start_helper(spec).await?;
            let hearing = async {
                let mut said = Vec::new();
                while let Some(line) = helper.hear().await? {
                    said.push(line);
                }
                Ok(said)
            };
            let said = timeout(RUN_WITHIN, hearing).await;
            self.remove_helper(&spec.name).await?;
            said.unwrap_or_else(|_| {
                Err(EngineError::Refused {
                    action: "run",
                    object: spec.name.clone(),
                    reason: format!("it did not end within {RUN_WITHIN:?}"),
                })
            })
        }
    }
}

impl Helpers for Docker {
    async fn start_helper(&self, spec: &HelperSpec) -> Result<Helper, EngineError> {
        let refused = |action| EngineError::refused(action, &spec.name);
        self.refuse_host(spec).await?;
        let group = match spec.share_of.as_ref().or(spec.control_group_of.as_ref()) {
            Some(id) => self.control_group(id).await?,
            None => String::new(),
        };
        let options = CreateContainerOptionsBuilder::default()
            .name(&spec.name)
            .build();
        let created = self
            .client
            .create_container(
                Some(options),
                body(spec, &group, &self.info().cgroup_version),
            )
            .await;
        created.map_err(refused("create"))?;
        let options = AttachContainerOptionsBuilder::default()
            .stdin(true)
            .stdout(true)
            .stderr(true)
            .stream(true)
            .build();
        // Attached before it starts, so that none of its words is missed.
        let attached = self
            .client
            .attach_container(&spec.name, Some(options))
            .await;
        let attached = attached.map_err(refused("attach to"))?;
        let started = self
            .client
            .start_container(&spec.name, None::<StartContainerOptions>)
            .await;
        if let Err(error) = started {
            self.remove_helper(&spec.name).await?;
            return Err(refused("start")(error));
        }
        let name = spec.name.clone();
        let pieces = attached.output.map(move |piece| {
            let piece = piece.map_err(EngineError::refused("hear", name.clone()))?;
            Ok(piece.into_bytes())
        });
        let lines = lines(pieces);
        Ok(Helper::new(&spec.name, attached.input, lines))
    }

    async fn remove_helper(&self, name: &str) -> Result<(), EngineError> {
        let options = RemoveContainerOptionsBuilder::default().force(true).build();
        match self.client.remove_container(name, Some(options)).await {
            Err(bollard::errors::Error::DockerResponseServerError {
                // Not there, or going away already.
                status_code: 404 | 409,
                ..
            }) => Ok(()),
            answer => answer.map_err(EngineError::refused("remove", name)),
        }
    }
}

/// Lines out of pieces: the engine hands on what was written at once, be it half a line or two of them.
fn lines(
    pieces: impl Stream<Item = Result<Bytes, EngineError>> + Send + 'static,
) -> impl Stream<Item = Result<String, EngineError>> + Send + 'static {
    let state = (pieces.boxed(), String::new());
    stream::try_unfold(state, |(mut pieces, mut rest)| async move {
        loop {
            if let Some(end) = rest.find('\n') {
                let line = rest.drain(..=end).collect::<String>().trim().to_owned();
                return Ok(Some((line, (pieces, rest))));
            }
            match pieces.next().await.transpose()? {
                Some(piece) => rest.push_str(&String::from_utf8_lossy(&piece)),
                None if rest.trim().is_empty() => return Ok(None),
                None => rest.push('\n'),
            }
        }
    })
}

fn body(spec: &HelperSpec, group: &str, generation: &str) -> ContainerCreateBody {
    let of = |id: &Option<String>| id.as_ref().map(|id| format!("container:{id}"));
    let labels = [
        (PROJECT_LABEL, spec.project.as_str()),
        (RUN_LABEL, spec.project.trim_start_matches(PROJECT_PREFIX)),
        (COMPONENT_LABEL, "instrument"),
    ];
    ContainerCreateBody {
        image: Some(spec.image.clone()),
        cmd: Some(spec.command.clone()),
        user: Some("0:0".into()),
        labels: Some(
            labels
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
        ),
        open_stdin: Some(true),
        stdin_once: Some(true),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        host_config: Some(HostConfig {
            auto_remove: Some(true),
            network_mode: of(&spec.network_of).or_else(|| Some("none".into())),
            pid_mode: of(&spec.processes_of),
            cgroup_parent: spec.share_of.as_ref().map(|_| group.to_owned()),
            mounts: spec
                .control_group_of
                .as_ref()
                .map(|_| vec![control_group::mount(group, generation)]),
            volumes_from: spec.volumes_of.clone().map(|id| vec![id]),
            cap_drop: Some(vec!["ALL".into()]),
            cap_add: Some(spec.capabilities.clone()),
            security_opt: Some(vec!["no-new-privileges:true".into()]),
            memory: Some(MEMORY_BYTES),
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_helper_has_no_capability_but_those_it_needs_and_goes_away_with_its_project() {
        let spec = HelperSpec {
            name: "gameday-1-agent-1".into(),
            image: "gameday/agent".into(),
            command: vec!["agent".into()],
            project: "gameday-1".into(),
            network_of: Some("c1".into()),
            processes_of: None,
            volumes_of: None,
            share_of: None,
            control_group_of: None,
            capabilities: vec!["NET_ADMIN".into()],
        };
        let body = body(&spec, "", "1");
        let host = body.host_config.unwrap();
        assert_eq!(host.cap_drop.unwrap(), ["ALL"]);
        assert_eq!(host.cap_add.unwrap(), ["NET_ADMIN"]);
        assert_eq!(host.network_mode.unwrap(), "container:c1");
        assert_eq!(host.auto_remove, Some(true));
        assert_eq!(host.mounts, None);
        assert_eq!(body.stdin_once, Some(true));
        assert_eq!(body.labels.unwrap()[PROJECT_LABEL], "gameday-1");
    }

    #[tokio::test]
    async fn lines_come_out_whole_however_they_are_cut() {
        let pieces = ["{\"a\":", "1}\n{\"b\":2}\n", "\n", "last"];
        let pieces = stream::iter(pieces.map(|piece| Ok(Bytes::from(piece))));
        let all: Vec<_> = lines(pieces).map(|line| line.unwrap()).collect().await;
        assert_eq!(all, ["{\"a\":1}", "{\"b\":2}", "", "last"]);
    }

    #[tokio::test]
    async fn words_go_in_and_lines_come_out_until_it_ends() {
        let (near, mut far) = tokio::io::duplex(64);
        let lines = stream::iter([Ok("applied".to_owned())]);
        let mut helper = Helper::new("h", near, lines);
        helper.say("order").await.unwrap();
        assert_eq!(helper.hear().await.unwrap().as_deref(), Some("applied"));
        assert_eq!(helper.hear().await.unwrap(), None);
        helper.let_go().await.unwrap();
        let mut said = String::new();
        tokio::io::AsyncReadExt::read_to_string(&mut far, &mut said)
            .await
            .unwrap();
        assert_eq!(said, "order\n");
    }
}
