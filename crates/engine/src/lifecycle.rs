//! Changing what a container does.
//!
//! Every call is idempotent: when the engine refuses, the container is looked at, and a container that
//! is already as wanted counts as success.

use std::{future::Future, time::Duration};

use bollard::{
    errors::Error,
    query_parameters::{
        KillContainerOptionsBuilder, StartContainerOptions, StopContainerOptionsBuilder,
    },
};

use crate::{Docker, EngineError, Inspect, State};

/// Starts, stops and freezes containers, each named by its id.
///
/// Every call returns when the engine has confirmed it, and fails when the engine does not answer, there
/// is no such container, or the container can't be brought into the wanted state.
pub trait Lifecycle {
    /// Sends a signal, such as `KILL`, to the main process.
    ///
    /// # Errors
    /// As for the trait.
    fn kill(&self, id: &str, signal: &str) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Sends the container's stop signal, then KILL after the grace, which counts in whole seconds,
    /// rounded up.
    ///
    /// # Errors
    /// As for the trait.
    fn stop(
        &self,
        id: &str,
        grace: Duration,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Starts a container that does not run.
    ///
    /// # Errors
    /// As for the trait.
    fn start(&self, id: &str) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Kills the container with KILL and starts it again at once. The engine's own restart would send
    /// the stop signal first, which a crash does not.
    ///
    /// # Errors
    /// As for the trait.
    fn restart(&self, id: &str) -> impl Future<Output = Result<(), EngineError>> + Send
    where
        Self: Sync,
    {
        async move {
            self.kill(id, "KILL").await?;
            self.start(id).await
        }
    }

    /// Freezes every process of the container.
    ///
    /// # Errors
    /// As for the trait.
    fn pause(&self, id: &str) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Lets the processes of a frozen container go on.
    ///
    /// # Errors
    /// As for the trait.
    fn unpause(&self, id: &str) -> impl Future<Output = Result<(), EngineError>> + Send;
}

impl Lifecycle for Docker {
    async fn kill(&self, id: &str, signal: &str) -> Result<(), EngineError> {
        let options = KillContainerOptionsBuilder::default()
            .signal(signal)
            .build();
        let answer = self.client.kill_container(id, Some(options)).await;
        self.or_already("kill", id, answer, is_stopped).await
    }

    async fn stop(&self, id: &str, grace: Duration) -> Result<(), EngineError> {
        let seconds = grace.as_secs() + u64::from(grace.subsec_nanos() > 0);
        let options = StopContainerOptionsBuilder::default()
            .t(i32::try_from(seconds).unwrap_or(i32::MAX))
            .build();
        let answer = self.patient(grace).stop_container(id, Some(options)).await;
        self.or_already("stop", id, answer, is_stopped).await
    }

    async fn start(&self, id: &str) -> Result<(), EngineError> {
        let answer = self
            .client
            .start_container(id, None::<StartContainerOptions>)
            .await;
        self.or_already("start", id, answer, |state| state == State::Running)
            .await
    }

    async fn pause(&self, id: &str) -> Result<(), EngineError> {
        let answer = self.client.pause_container(id).await;
        self.or_already("pause", id, answer, |state| state == State::Paused)
            .await
    }

    async fn unpause(&self, id: &str) -> Result<(), EngineError> {
        let answer = self.client.unpause_container(id).await;
        self.or_already("unpause", id, answer, |state| state == State::Running)
            .await
    }
}

fn is_stopped(state: State) -> bool {
    matches!(state, State::Stopped { .. })
}

impl Docker {
    /// Forgives a refusal when the container is already as wanted.
    async fn or_already(
        &self,
        action: &'static str,
        id: &str,
        answer: Result<(), Error>,
        wanted: impl Fn(State) -> bool,
    ) -> Result<(), EngineError> {
        let Err(error) = answer else {
            return Ok(());
        };
        match self.state(id).await {
            Ok(state) if wanted(state) => Ok(()),
            _ => Err(EngineError::refused(action, id)(error)),
        }
    }
}
