//! The way back of one member, as it is written down before the fault.

use std::time::Duration;

use engine::{Endpoint, EngineError, HelperSpec, Limits, Recipe, State};
use serde::{Deserialize, Serialize};

use crate::{
    Engine,
    vet::{Vetted, vet},
};

/// What undoes a fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum UndoAction {
    /// A member that does not run is started.
    Start,
    /// A member that does not run, or was asked to stop and will, is started.
    StartAfter {
        /// How long it may take to stop.
        grace: Duration,
    },
    /// A member that is missing is made anew, and started.
    Make {
        /// Its project: where nothing of that is left, there is nothing to come back to.
        project: String,
        /// What it is made of.
        recipe: Recipe,
    },
    /// A frozen member is let go on.
    Unpause,
    /// It may use again what it might before.
    Limit(Limits),
    /// It is put back on a network.
    Connect(Endpoint),
    /// A command in it.
    Run {
        /// The command; safe to run twice.
        command: Vec<String>,
    },
    /// An agent is ended, and what a killed one leaves is swept up.
    Release {
        /// Name of its container.
        helper: String,
        /// The helper that sweeps; none where nothing stays behind a killed agent.
        sweep: Option<Box<HelperSpec>>,
    },
    /// Nothing: what was done has no way back, or finds it by itself.
    Nothing,
}

/// What one look at a member led to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing: it runs. When somebody else's kill may be on its way, look again.
    Runs,
    /// The way back is done, whatever was the case before.
    Done,
    /// It was in this state, and the engine has confirmed the way back.
    Acted(State),
    /// Nothing: it is in a state that the fault does not lead to.
    NotOurs(String),
    /// Nothing, and never: something that the undo touches is not the run's own.
    Foreign(String),
}

impl UndoAction {
    /// Whether a fault that was asked for just before its holder died can come after this.
    pub(crate) fn can_be_overtaken(&self) -> bool {
        matches!(
            self,
            Self::Limit(_) | Self::Connect(_) | Self::Run { .. } | Self::Release { .. }
        )
    }

    /// The same for an agent that has compared its victim's state with what it was.
    pub(crate) fn without_sweeping(self) -> Self {
        match self {
            Self::Release { helper, .. } => Self::Release {
                helper,
                sweep: None,
            },
            other => other,
        }
    }

    /// How long what a dead holder had asked for may take beyond any other call.
    pub(crate) fn slowest(&self) -> Duration {
        match self {
            Self::StartAfter { grace } => *grace,
            _ => Duration::ZERO,
        }
    }

    /// What the engine knows the member by: what is made anew has a new id, and the old name.
    pub(crate) fn subject<'a>(&'a self, id: &'a str) -> &'a str {
        match self {
            Self::Make { recipe, .. } => &recipe.name,
            _ => id,
        }
    }

    /// Looks at the member and does what is missing, if the member and all else that is touched belong to this project.
    ///
    /// # Errors
    /// When the engine refuses; asking again is harmless.
    pub(crate) async fn step<E: Engine>(
        &self,
        engine: &E,
        project: &str,
        id: &str,
    ) -> Result<Step, EngineError> {
        // What was vetted is what is acted on: an id stays with its container, a name does not.
        match vet(engine, project, self, id).await? {
            Vetted::Foreign(reason) => Ok(Step::Foreign(reason)),
            Vetted::Ours(Some(id)) => self.act(engine, &id, engine.state(&id).await?).await,
            Vetted::Ours(None) => self.act(engine, self.subject(id), State::Missing).await,
        }
    }

    async fn act<E: Engine>(
        &self,
        engine: &E,
        id: &str,
        state: State,
    ) -> Result<Step, EngineError> {
        let left = || Step::NotOurs(format!("is {state} and was left so"));
        match (self, state) {
            (Self::Nothing, _) => Ok(Step::Done),
            (Self::Release { helper, sweep }, state) => {
                engine.remove_helper(helper).await?;
                // A namespace ends with the last process in it, and its rules with it.
                if let Some(spec) = sweep.as_ref().filter(|_| lives(state)) {
                    // A holder that died while it swept leaves a sweeper that was made and never started.
                    engine.remove_helper(&spec.name).await?;
                    swept(helper, &engine.run_helper(spec).await?)?;
                }
                Ok(Step::Done)
            }
            (Self::Make { project, recipe }, State::Missing | State::Stopped { .. }) => {
                if engine.members(project).await?.is_empty() {
                    return Ok(left());
                }
                engine.make(recipe).await?;
                Ok(Step::Acted(state))
            }
            (_, State::Missing) => Ok(left()),
            (
                Self::Start | Self::StartAfter { .. } | Self::Make { .. } | Self::Unpause,
                State::Running,
            ) => Ok(Step::Runs),
            (Self::Start | Self::StartAfter { .. }, State::Stopped { .. }) => {
                engine.start(id).await?;
                Ok(Step::Acted(state))
            }
            (Self::Unpause, State::Paused) => {
                engine.unpause(id).await?;
                Ok(Step::Acted(state))
            }
            (Self::Start | Self::StartAfter { .. } | Self::Make { .. } | Self::Unpause, _) => {
                Ok(left())
            }
            (Self::Limit(limits), _) => {
                engine.limit(id, *limits).await?;
                Ok(Step::Done)
            }
            (Self::Connect(endpoint), _) => {
                engine.connect(id, endpoint).await?;
                Ok(Step::Done)
            }
            // What a command changed in a process is gone with the process.
            (Self::Run { .. }, State::Stopped { .. }) => Ok(left()),
            (Self::Run { command }, _) => run(engine, id, command).await,
        }
    }
}

fn lives(state: State) -> bool {
    matches!(state, State::Running | State::Paused)
}

/// What an agent says when it can't do what it should begins with its name.
fn swept(helper: &str, said: &[String]) -> Result<(), EngineError> {
    let Some(problem) = said.iter().find(|line| line.starts_with("agent: ")) else {
        return Ok(());
    };
    Err(EngineError::Refused {
        action: "sweep after",
        object: helper.to_owned(),
        reason: problem.clone(),
    })
}

async fn run<E: Engine>(engine: &E, id: &str, command: &[String]) -> Result<Step, EngineError> {
    let ran = engine.exec(id, command).await?;
    match ran.exit_code {
        0 => Ok(Step::Done),
        code => Err(EngineError::Refused {
            action: "undo in",
            object: id.to_owned(),
            reason: format!("the command ended with {code}: {}", ran.output),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_agent_could_not_sweep_is_an_error() {
        let said = |line: &str| swept("h", &[line.to_owned()]);
        assert_eq!(said("254:0"), Ok(()));
        assert_eq!(swept("h", &[]), Ok(()));
        let error = said("agent: io.max: Permission denied").unwrap_err();
        assert!(error.to_string().contains("Permission denied"), "{error}");
    }
}
