//! Whether an undo may be done at all. An undo file is only text on disk: without this check, a user who can write one could
//! act on any container of the machine.

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

#[cfg(test)]
mod tests {
    use engine::{Endpoint, Inspect as _, Recipe};
    use serde_json::json;

    use super::*;
    use crate::{
        ChaosError,
        fake::{FakeEngine, Folder, killed},
        heal_left,
        ledger::{Sufferer, Undo, keep},
    };

    const SHOP: &str = "c-shop";

    /// A stranger's container beside a member of ours; both are stopped.
    fn neighbours() -> FakeEngine {
        let engine = FakeEngine::running(&["api-1", "shop"]);
        for name in ["api-1", "shop"] {
            engine.put(name, killed());
        }
        let mut world = engine.world();
        world
            .foreign
            .extend([SHOP, "shop_net", "shop_data"].map(str::to_owned));
        drop(world);
        engine
    }

    /// What healing says to a forged undo, and the calls that it made.
    async fn heal(project: &str, id: &str, action: UndoAction) -> (String, Vec<String>) {
        let (folder, engine) = (Folder::new(), neighbours());
        let sufferer = Sufferer {
            id: id.to_owned(),
            service: "api-1".to_owned(),
            action,
        };
        let path = folder.path.join("000001-kill.json");
        let undo = Undo::new(project, "kill", vec![sufferer]);
        keep(&path, &undo).await.unwrap();
        let answer = heal_left(&engine, &folder.path, "p").await;
        let calls = engine.world().calls.clone();
        let Err(ChaosError::Left { problems, .. }) = answer else {
            panic!("a forged undo was done: {answer:?}, {calls:?}");
        };
        assert_eq!(engine.state(SHOP).await.unwrap(), killed());
        (problems.join("; "), calls)
    }

    fn spec() -> HelperSpec {
        HelperSpec {
            name: "p-sweep-1-api-1".into(),
            image: "gameday/agent:1".into(),
            command: vec!["sweep".into()],
            project: "p".into(),
            network_of: Some("c-api-1".into()),
            processes_of: None,
            volumes_of: None,
            share_of: None,
            control_group_of: None,
            capabilities: vec!["NET_ADMIN".into()],
        }
    }

    fn release(helper: &str, sweep: Option<HelperSpec>) -> UndoAction {
        UndoAction::Release {
            helper: helper.into(),
            sweep: sweep.map(Box::new),
        }
    }

    fn make(name: &str, host: serde_json::Value) -> UndoAction {
        let labels = json!({ engine::PROJECT_LABEL: "p", engine::RUN_LABEL: "p" });
        UndoAction::Make {
            project: "p".into(),
            recipe: Recipe {
                name: name.into(),
                body: json!({ "Image": "gameday/api:1", "Labels": labels, "HostConfig": host }),
                endpoints: vec![],
            },
        }
    }

    fn connect() -> UndoAction {
        UndoAction::Connect(Endpoint {
            network: "shop_net".into(),
            address: None,
            aliases: vec![],
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_strangers_container_is_never_touched() {
        let run = UndoAction::Run {
            command: vec!["rm".into()],
        };
        for action in [
            UndoAction::Start,
            UndoAction::Unpause,
            run,
            connect(),
            release("p-hold-1-api-1", None),
            make("shop", json!({ "NetworkMode": "none" })),
        ] {
            let (problem, calls) = heal("p", SHOP, action).await;
            assert!(problem.contains("does not carry the labels"), "{problem}");
            assert!(calls.is_empty(), "{calls:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_member_of_ours_is_no_way_to_others() {
        let with = |change: fn(&mut HelperSpec)| {
            let mut spec = spec();
            change(&mut spec);
            release("p-hold-1-api-1", Some(spec))
        };
        for (action, word) in [
            (connect(), "network shop_net"),
            (release("shop", None), "container shop"),
            (release("api-1", None), "no agent"),
            (with(|spec| spec.name = "shop".into()), "container shop"),
            (with(|spec| spec.image = "alpine".into()), "alpine"),
            (with(|spec| spec.project = "q".into()), "is for q"),
            (with(|spec| spec.volumes_of = Some(SHOP.into())), SHOP),
            (
                with(|spec| spec.capabilities.push("SYS_ADMIN".into())),
                "SYS_ADMIN",
            ),
            (
                make("new", json!({ "NetworkMode": "none", "Privileged": true })),
                "privileged",
            ),
            (
                make(
                    "new",
                    json!({ "NetworkMode": "none", "Binds": ["shop_data:/d"] }),
                ),
                "volume shop_data",
            ),
        ] {
            let (problem, calls) = heal("p", "c-api-1", action).await;
            assert!(problem.contains(word), "{problem}");
            assert!(calls.is_empty(), "{calls:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_undo_of_another_project_is_refused_by_name() {
        let (problem, calls) = heal("q", "c-api-1", UndoAction::Start).await;
        assert!(
            problem.contains("000001-kill.json is for project q"),
            "{problem}"
        );
        assert!(calls.is_empty(), "{calls:?}");
    }
}
