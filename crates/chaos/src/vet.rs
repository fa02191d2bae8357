//! Whether an undo may be done at all: an undo file is only text on disk, and whoever can write one would otherwise act on
//! any container of the machine.

use engine::{EngineError, HelperSpec, Owner, Thing};

use crate::{Engine, undo::UndoAction};

/// Repository of the agents' image.
const AGENT: &str = "gameday/agent";
/// Every capability of a sweeper.
const CAPABILITIES: [&str; 4] = ["NET_ADMIN", "NET_RAW", "SYS_PTRACE", "DAC_OVERRIDE"];
/// The component of whatever belongs to the testbed itself.
const INSTRUMENT: &str = "instrument";

/// What a look at the owners of everything that an undo touches led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Vetted {
    /// All of it is the run's own. The engine's id of the member; none when it is missing.
    Ours(Option<String>),
    /// Something is not, and why.
    Foreign(String),
}

/// Asks the engine whose everything is that an undo touches.
///
/// # Errors
/// When the engine does not answer.
pub(crate) async fn vet<E: Engine>(
    engine: &E,
    project: &str,
    action: &UndoAction,
    id: &str,
) -> Result<Vetted, EngineError> {
    let member = match lookup(engine, project, Thing::Container(action.subject(id))).await? {
        Ok(member) => member,
        Err(reason) => return Ok(Vetted::Foreign(reason)),
    };
    let refused = match action {
        UndoAction::Connect(endpoint) => {
            let network = Thing::Network(&endpoint.network);
            lookup(engine, project, network).await?.err()
        }
        UndoAction::Make {
            project: named,
            recipe,
        } => match (named == project, recipe.vet(project)) {
            (false, _) => Some(format!("its recipe is for {named}")),
            (true, Err(reason)) => Some(format!("{} is not made: {reason}", recipe.name)),
            (true, Ok(things)) => first_foreign(engine, project, &things).await?,
        },
        UndoAction::Release { helper, sweep } => {
            let spec = sweep.as_deref();
            match spec.map_or(Ok(()), |spec| sweeper(spec, project, id)) {
                Err(reason) => Some(reason),
                Ok(()) => {
                    let names = [Some(helper), spec.map(|spec| &spec.name)];
                    foreign_helper(engine, project, names.into_iter().flatten()).await?
                }
            }
        }
        _ => None,
    };
    Ok(match refused {
        Some(reason) => Vetted::Foreign(reason),
        None => Vetted::Ours(member.map(|member| member.id)),
    })
}

/// The owner of a thing of this project, none when it is missing; or the reason why it is not the project's.
async fn lookup<E: Engine>(
    engine: &E,
    project: &str,
    thing: Thing<'_>,
) -> Result<Result<Option<Owner>, String>, EngineError> {
    Ok(match engine.owner(thing).await? {
        Some(owner) if !owner.is_of(project) => {
            Err(format!("{thing} does not carry the labels of {project}"))
        }
        owner => Ok(owner),
    })
}

async fn first_foreign<E: Engine>(
    engine: &E,
    project: &str,
    things: &[Thing<'_>],
) -> Result<Option<String>, EngineError> {
    for thing in things {
        if let Err(reason) = lookup(engine, project, *thing).await? {
            return Ok(Some(reason));
        }
    }
    Ok(None)
}

/// A helper is an instrument: a member of the platform has no way back from being removed.
async fn foreign_helper<E: Engine>(
    engine: &E,
    project: &str,
    names: impl Iterator<Item = &String>,
) -> Result<Option<String>, EngineError> {
    for name in names {
        match lookup(engine, project, Thing::Container(name)).await? {
            Err(reason) => return Ok(Some(reason)),
            Ok(Some(owner)) if owner.component.as_deref() != Some(INSTRUMENT) => {
                return Ok(Some(format!("container {name} is no agent")));
            }
            Ok(_) => {}
        }
    }
    Ok(None)
}

/// A sweeper is an agent, with an agent's capabilities, in the namespaces of the member and of nobody else.
fn sweeper(spec: &HelperSpec, project: &str, id: &str) -> Result<(), String> {
    let name = &spec.name;
    if spec.project != project {
        return Err(format!("{name} is for {}", spec.project));
    }
    if spec.image.split(':').next() != Some(AGENT) {
        return Err(format!(
            "{name} has the image {:?}, not {AGENT}",
            spec.image
        ));
    }
    let joined = [
        &spec.network_of,
        &spec.processes_of,
        &spec.volumes_of,
        &spec.share_of,
        &spec.control_group_of,
    ];
    if let Some(other) = joined.into_iter().flatten().find(|joined| *joined != id) {
        return Err(format!("{name} joins container {other}"));
    }
    let is_new = |capability: &&String| !CAPABILITIES.contains(&capability.as_str());
    match spec.capabilities.iter().find(is_new) {
        Some(capability) => Err(format!("{name} asks for the capability {capability}")),
        None => Ok(()),
    }
}
