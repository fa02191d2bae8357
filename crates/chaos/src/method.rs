//! How each fault is done to one member: what must be known before, the strike, the proof, the way back.
//!
//! Four families, by who takes a fault back: the engine starts or lets go on what it killed or froze; it gives back
//! limits and networks; a command inside the member undoes what a command did; and what an agent holds ends with the
//! agent, which ends with its holder.

mod adjust;
mod held;
mod life;
mod ready;
mod recreate;
mod script;
mod slow_disk;

use drill::{Fault, Rolling};
use engine::{Life, Member};

use crate::{ChaosError, Engine, agent::Agent, digest::Digest, undo::UndoAction};

pub(crate) use held::Hand;
use held::Plan;
pub(crate) use ready::ready;
use script::Script;

/// How a member was before the fault, as far as its proof and its undo need it.
#[derive(Debug, Clone)]
pub(crate) struct Before {
    pub(crate) life: Life,
    pub(crate) digest: Digest,
    /// What a script read.
    said: String,
    /// Who is to hold it.
    plan: Option<Plan>,
    pub(crate) undo: UndoAction,
}

impl Before {
    /// Whether an agent holds the fault.
    pub(crate) fn is_held(&self) -> bool {
        self.plan.is_some()
    }
}

/// What undoes a fault, in words.
pub fn way_back(fault: &Fault) -> &'static str {
    match fault {
        Fault::Kill { .. } | Fault::Stop { .. } | Fault::Restart {} | Fault::RollingRestart(_) => {
            "the engine starts what does not run"
        }
        Fault::Recreate {} => "the engine makes it anew from its description, if it is missing",
        Fault::Pause {} => "the engine lets the processes go on",
        Fault::Cpu { .. } | Fault::Memory { .. } => "the engine gives back the limits of before",
        Fault::Cut { .. } => "the engine puts it back on the network, with its address and names",
        Fault::FlushCache {} | Fault::FailOver {} | Fault::MoveLeader { .. } => {
            "nothing: the platform goes on from there"
        }
        Fault::SlowDisk { .. } => "a helper takes the limit away",
        load if load.pressure().is_some() => "the load generator, whose order ends by itself",
        held if held::is_held(held) => "the agent that holds it ends with its holder",
        _ => "a command in the member",
    }
}

/// Looks at a member that runs, and at what will have to be undone. Changes nothing.
///
/// # Errors
/// When the engine refuses, or the member is not as the fault needs it.
pub(crate) async fn prepare<E: Engine>(
    engine: &E,
    fault: &Fault,
    member: &Member,
    life: Life,
    hand: &Hand,
) -> Result<Before, ChaosError> {
    let (mut said, mut plan) = (String::new(), None);
    let digest = Digest::take(engine, &member.id).await?;
    let undo = match fault {
        Fault::Kill { .. } | Fault::Restart {} => UndoAction::Start,
        Fault::Stop { grace } | Fault::RollingRestart(Rolling { grace, .. }) => {
            UndoAction::StartAfter { grace: *grace }
        }
        Fault::Recreate {} => recreate::undo(engine, member).await?,
        Fault::Pause {} => UndoAction::Unpause,
        Fault::Cpu { .. } | Fault::Memory { .. } => {
            UndoAction::Limit(engine.limits(&member.id).await?)
        }
        Fault::Cut { network } => {
            UndoAction::Connect(adjust::endpoint(engine, member, network).await?)
        }
        Fault::SlowDisk { .. } => slow_disk::undo(member, hand),
        load if load.pressure().is_some() => {
            return Err(ChaosError::Unfit {
                member: member.service.clone(),
                reason: format!("{load} comes with the load, and is done to no member"),
            });
        }
        held if held::is_held(held) => {
            let made = held::plan(engine, held, member, hand).await?;
            plan.insert(made).undo(member, hand)
        }
        other => {
            let script = Script::of(other);
            said = script.look(engine, member).await?;
            script.undo(&said)
        }
    };
    Ok(Before {
        life,
        digest,
        said,
        plan,
        undo,
    })
}

/// Does it. The agent holds it, where there is one.
///
/// # Errors
/// When the engine or the member refuses; the fault may be in force all the same.
pub(crate) async fn strike<E: Engine>(
    engine: &E,
    fault: &Fault,
    member: &Member,
    before: &Before,
) -> Result<Option<Agent>, ChaosError> {
    if let Some(Plan { spec, order }) = &before.plan {
        let undo = before.undo.clone();
        let agent = Agent::start(engine, spec, order, undo, member).await?;
        return Ok(Some(agent));
    }
    match fault {
        Fault::Kill { .. } | Fault::Stop { .. } | Fault::Restart {} | Fault::Pause {} => {
            life::strike(engine, fault, member).await?;
        }
        Fault::Cpu { .. } | Fault::Memory { .. } => {
            adjust::squeeze(engine, fault, member, before).await?;
        }
        Fault::Cut { .. } => adjust::cut(engine, member, before).await?,
        Fault::SlowDisk {
            directory,
            writes_per_s,
        } => {
            let how = (directory.as_str(), *writes_per_s);
            slow_disk::strike(engine, member, &before.undo, how).await?;
        }
        Fault::Recreate {} => recreate::strike(engine, member, before).await?,
        // Its members are not struck at once, but by a round of its own.
        Fault::RollingRestart(_) => {}
        other => {
            let script = Script::of(other);
            script.strike(engine, member, &before.said).await?;
        }
    }
    Ok(None)
}

/// What a fault that no agent holds does to the member now, in words.
///
/// # Errors
/// What is seen instead, completing "it is ".
pub(crate) async fn effect<E: Engine>(
    engine: &E,
    fault: &Fault,
    member: &Member,
    before: &Before,
) -> Result<String, String> {
    let unknown = |error: engine::EngineError| format!("unknown: {error}");
    match fault {
        Fault::Kill { .. } | Fault::Stop { .. } | Fault::Restart {} | Fault::Pause {} => {
            let now = engine.life(&member.id).await.map_err(unknown)?;
            life::effect(fault, &before.life, &now)
        }
        Fault::Cpu { .. } | Fault::Memory { .. } => adjust::squeezed(engine, fault, member).await,
        Fault::Cut { network } => adjust::is_cut(engine, member, network).await,
        Fault::SlowDisk {
            directory,
            writes_per_s,
        } => slow_disk::effect(engine, member, (directory, *writes_per_s)).await,
        Fault::Recreate {} => recreate::effect(engine, member, before).await,
        other => Script::of(other).effect(engine, member, &before.said).await,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use drill::Surge;

    use super::*;
    use crate::{
        UndoLedger, apply,
        fake::{FakeEngine, Folder, member},
    };

    #[tokio::test(start_paused = true)]
    async fn what_comes_with_the_load_is_done_to_no_member() {
        let folder = Folder::new();
        let engine = FakeEngine::running(&["haproxy-1"]);
        let ledger = UndoLedger::open(&folder.path, "p").unwrap();
        let surge = Fault::Surge(Surge { users: 5 });
        let hold = Duration::from_secs(5);
        let refused = apply(&engine, &ledger, &surge, &[member("haproxy-1")], hold).await;
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("comes with the load"), "{error}");
        assert_eq!(folder.undo_files(), 0);
    }
}
