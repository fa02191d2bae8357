//! A fault in force, whoever holds it: a member suffers it, or everybody through the load.

use std::time::Duration;

use chaos::Recovery;
use engine::Docker;

use crate::{RunError, press::Press};

/// A fault that is in force until it is healed.
#[derive(Debug)]
pub(crate) enum Affliction {
    /// Done to members.
    Member(chaos::Affliction),
    /// Sent by the load generator.
    Load(Press),
}

impl Affliction {
    /// Says what was seen of its effect.
    ///
    /// # Errors
    /// What was seen instead.
    pub(crate) async fn prove(&self, docker: &Docker) -> Result<String, String> {
        match self {
            Self::Member(affliction) => {
                let proof = affliction.prove(docker).await;
                proof.map_err(|error| error.to_string())
            }
            Self::Load(press) => press.prove().await,
        }
    }

    /// How long to hold it from now on, after its proof. A fault of the load has been on for as long as that took: it ends
    /// by itself, at the time that its order says.
    pub(crate) fn hold(&self, hold: Duration) -> Duration {
        match self {
            Self::Member(_) => hold,
            Self::Load(press) => press.left(),
        }
    }

    /// Undoes it; says in what the members are not as before.
    ///
    /// # Errors
    /// When a member can't be healed.
    pub(crate) async fn heal(
        self,
        docker: &Docker,
        recovery: &Recovery,
    ) -> Result<Vec<String>, RunError> {
        match self {
            Self::Member(affliction) => Ok(affliction.heal(docker, recovery).await?),
            // Dropped, it ends at once.
            Self::Load(_) if recovery.hurry.is_cancelled() => Ok(vec![]),
            Self::Load(press) => Ok(Vec::from_iter(press.ease().await.err())),
        }
    }
}
