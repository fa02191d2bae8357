//! Running a command inside a container.

use std::{future::Future, time::Duration};

use bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};
use futures_util::TryStreamExt;
use tokio::time::timeout;

use crate::{Docker, EngineError};

/// Longest time for a command; what takes longer is started in the background by the command itself.
const WITHIN: Duration = Duration::from_secs(20);

/// What a command said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// 0 is success.
    pub exit_code: i64,
    /// Both its outputs.
    pub output: String,
}

/// Runs commands inside containers, each named by its id.
pub trait Exec {
    /// Runs a command as the container's own user and waits for its end, 20 s at most.
    ///
    /// # Errors
    /// When the engine does not answer, the container does not run, or the command does not end. A command that fails is
    /// no error: see [`Ran::exit_code`].
    fn exec(
        &self,
        id: &str,
        command: &[String],
    ) -> impl Future<Output = Result<Ran, EngineError>> + Send;
}

impl Exec for Docker {
    async fn exec(&self, id: &str, command: &[String]) -> Result<Ran, EngineError> {
        match timeout(WITHIN, self.run_in(id, command)).await {
            Ok(ran) => ran,
            Err(_) => Err(EngineError::Refused {
                action: "run in",
                object: id.to_owned(),
                reason: format!("{} did not end within {WITHIN:?}", command.join(" ")),
            }),
        }
    }
}

impl Docker {
    async fn run_in(&self, id: &str, command: &[String]) -> Result<Ran, EngineError> {
        let refused = || EngineError::refused("run in", id);
        let options = CreateExecOptions {
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(command.to_vec()),
            ..Default::default()
        };
        let created = self.client.create_exec(id, options).await;
        let exec = created.map_err(refused())?.id;
        let started = self.client.start_exec(&exec, None::<StartExecOptions>);
        let mut output = Vec::new();
        if let StartExecResults::Attached { output: pieces, .. } =
            started.await.map_err(refused())?
        {
            let pieces: Vec<_> = pieces.try_collect().await.map_err(refused())?;
            for piece in pieces {
                output.extend_from_slice(&piece.into_bytes());
            }
        }
        let ended = self.client.inspect_exec(&exec).await.map_err(refused())?;
        Ok(Ran {
            exit_code: ended.exit_code.unwrap_or(-1),
            output: String::from_utf8_lossy(&output).trim().to_owned(),
        })
    }
}
