//! A node that is replaced: its container is removed, and another is made in its place.

use engine::{EngineError, Life, Member, State};

use super::Before;
use crate::{ChaosError, Engine, undo::UndoAction};

/// What it is made of.
///
/// # Errors
/// When the engine refuses, and when the member is made of what would be refused on the way back: it must not be removed then.
pub(super) async fn undo<E: Engine>(engine: &E, member: &Member) -> Result<UndoAction, ChaosError> {
    let recipe = engine.recipe(&member.id).await?;
    let vetted = recipe.vet(&member.project).map(drop);
    vetted.map_err(|reason| ChaosError::Unfit {
        member: member.service.clone(),
        reason,
    })?;
    Ok(UndoAction::Make {
        project: member.project.clone(),
        recipe,
    })
}

pub(super) async fn strike<E: Engine>(
    engine: &E,
    member: &Member,
    before: &Before,
) -> Result<(), EngineError> {
    let UndoAction::Make { recipe, .. } = &before.undo else {
        return Ok(());
    };
    engine.remove(&member.id).await?;
    engine.make(recipe).await
}

/// Looks for both: the old one by its id, the new one by its name.
pub(super) async fn effect<E: Engine>(
    engine: &E,
    member: &Member,
    before: &Before,
) -> Result<String, String> {
    let UndoAction::Make { recipe, .. } = &before.undo else {
        return Err("not told how it was made".to_owned());
    };
    let look = async |id| engine.life(id).await.map_err(|e| format!("unknown: {e}"));
    let (old, new) = (look(&member.id).await?, look(&recipe.name).await?);
    replaced(&before.life, old, new)
}

fn replaced(before: &Life, old: Life, new: Life) -> Result<String, String> {
    match (old.state, new.state) {
        (State::Missing, State::Running) => {
            let after = new
                .started_at_unix_ns
                .saturating_sub(before.started_at_unix_ns);
            let seconds = after as f64 / 1e9;
            Ok(format!("replaced {seconds:.1} s into its life"))
        }
        (State::Missing, state) => Err(format!("gone, and its replacement is {state}")),
        (state, _) => Err(format!("{state}, and the same container as before")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn life(state: State, started_at_unix_ns: u64) -> Life {
        Life {
            state,
            started_at_unix_ns,
        }
    }

    #[test]
    fn only_another_container_that_runs_is_a_replacement() {
        let before = life(State::Running, 1_000_000_000);
        let (gone, new) = (life(State::Missing, 0), life(State::Running, 3_500_000_000));
        assert_eq!(
            replaced(&before, gone, new).unwrap(),
            "replaced 2.5 s into its life"
        );
        let error = replaced(&before, new, new).unwrap_err();
        assert!(error.contains("the same container"), "{error}");
        let error = replaced(&before, gone, gone).unwrap_err();
        assert!(error.contains("its replacement is missing"), "{error}");
    }
}
