//! What the engine says of a member: how it was before a fault and has to be after it.

use std::{fmt::Debug, time::Duration};

use engine::EngineError;
use tokio::time::{Instant, sleep};

use crate::Engine;

/// How long a member may take to be as before: what died by its fault is started again by its restart policy.
const SETTLE: Duration = Duration::from_secs(5);
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(200);

/// State, limits and connections, as lines that can be compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Digest(Vec<(&'static str, String)>);

impl Digest {
    /// Looks at a member.
    ///
    /// # Errors
    /// When the engine refuses.
    pub(crate) async fn take<E: Engine>(engine: &E, id: &str) -> Result<Self, EngineError> {
        let said = |value: &dyn Debug| format!("{value:?}");
        let state = engine.state(id).await?;
        Ok(Self(vec![
            ("state", state.to_string()),
            ("limits", said(&engine.limits(id).await?)),
            ("networks", said(&engine.endpoints(id).await?)),
        ]))
    }

    /// Waits until the member is as it was; beyond 5 s, says what differs.
    ///
    /// # Errors
    /// When the engine refuses.
    pub(crate) async fn left<E: Engine>(
        &self,
        engine: &E,
        id: &str,
    ) -> Result<Vec<String>, EngineError> {
        let deadline = Instant::now() + SETTLE;
        loop {
            let differences = self.differences(&Self::take(engine, id).await?);
            if differences.is_empty() || Instant::now() >= deadline {
                return Ok(differences);
            }
            sleep(LOOK).await;
        }
    }

    fn differences(&self, after: &Self) -> Vec<String> {
        let pairs = self.0.iter().zip(&after.0);
        let differ = pairs.filter(|(before, after)| before != after);
        differ
            .map(|((what, before), (_, after))| format!("{what} {after}, and was {before}"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{FakeEngine, killed};
    use engine::{Adjust, Limits};

    #[tokio::test(start_paused = true)]
    async fn what_is_as_before_has_no_difference_and_what_is_not_is_named() {
        let engine = FakeEngine::running(&["api-1"]);
        let before = Digest::take(&engine, "c-api-1").await.unwrap();
        assert!(before.left(&engine, "c-api-1").await.unwrap().is_empty());
        let limits = Limits {
            nano_cpus: 7,
            memory_bytes: 0,
            memory_and_swap_bytes: 0,
        };
        engine.limit("c-api-1", limits).await.unwrap();
        let left = before.left(&engine, "c-api-1").await.unwrap();
        assert_eq!(left.len(), 1);
        assert!(left[0].contains("nano_cpus: 7"), "{left:?}");
        engine.put("api-1", killed());
        let left = before.left(&engine, "c-api-1").await.unwrap();
        assert!(left[0].starts_with("state stopped"), "{left:?}");
    }
}
