//! An engine in memory that fails when told to, for the tests of this crate.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use drill::Target;
use engine::{
    Adjust, Endpoint, EngineError, Exec, Helper, HelperSpec, Helpers, Inspect, Life, Lifecycle,
    Limits, Member, Own, Owner, Ran, Rebuild, Recipe, State, Thing,
};
use tokio::io::{AsyncBufReadExt, BufReader};

/// A member of project `p` whose id is `c-` and its name; the observer is an instrument.
pub(crate) fn member(name: &str) -> Member {
    let component = Target::Container(name.to_owned()).component();
    Member {
        id: format!("c-{name}"),
        project: "p".to_owned(),
        service: name.to_owned(),
        component: component
            .map_or("instrument", drill::Component::name)
            .to_owned(),
        zone: None,
        addresses: BTreeMap::new(),
        published: BTreeMap::new(),
    }
}

/// A new empty folder that goes away with its guard.
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
}

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("gameday-chaos-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self { path }
    }

    /// How many undo files are in it.
    pub(crate) fn undo_files(&self) -> usize {
        crate::ledger::left_in(&self.path).unwrap().len()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// The engine. Copies share their containers.
#[derive(Clone)]
pub(crate) struct FakeEngine(Arc<Mutex<World>>);

#[derive(Default)]
pub(crate) struct World {
    lives: BTreeMap<String, Life>,
    ticks: u64,
    /// Every changing call, as `kill c-api-1`.
    pub(crate) calls: Vec<String>,
    /// Calls that fail, with how often they still do; `*` stands for every call.
    pub(crate) failures: BTreeMap<String, usize>,
    /// Ids whose process ignores everything but KILL.
    pub(crate) deaf: BTreeSet<String>,
    /// Ids that die by a kill that was on its way, after so many looks.
    pub(crate) dying: BTreeMap<String, usize>,
    /// Ids that stop again right after each start.
    pub(crate) stillborn: BTreeSet<String>,
    /// What each may use; the default where nothing was said.
    pub(crate) limits: BTreeMap<String, Limits>,
    /// Networks that each is off.
    pub(crate) off: BTreeSet<(String, String)>,
    /// Containers, networks and volumes of others, by id or name.
    pub(crate) foreign: BTreeSet<String>,
    /// When set, every changing call must find an undo file there.
    pub(crate) undo_first: Option<PathBuf>,
}

impl FakeEngine {
    /// An engine on which these members run.
    pub(crate) fn running(names: &[&str]) -> Self {
        let mut world = World::default();
        for name in names {
            world.set(&member(name).id, State::Running);
        }
        Self(Arc::new(Mutex::new(world)))
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap()
    }

    pub(crate) fn put(&self, name: &str, state: State) {
        self.world().set(&member(name).id, state);
    }

    /// Whether nobody is limited, off a network, or not running.
    pub(crate) fn all_well(&self) -> bool {
        let world = self.world();
        let limited = world.limits.values().any(|limits| *limits != LIMITS);
        drop(world);
        !limited && self.world().off.is_empty() && self.all_run()
    }

    pub(crate) fn all_run(&self) -> bool {
        self.world()
            .lives
            .values()
            .all(|life| life.state == State::Running)
    }

    fn call(&self, action: &str, id: &str) -> Result<MutexGuard<'_, World>, EngineError> {
        let mut world = self.world();
        if let Some(dir) = &world.undo_first {
            assert!(
                !crate::ledger::left_in(dir).unwrap().is_empty(),
                "{action} {id} came before its undo"
            );
        }
        let call = format!("{action} {id}");
        for key in [call.as_str(), "*"] {
            if let Some(left) = world.failures.get_mut(key).filter(|left| **left > 0) {
                *left -= 1;
                return Err(refused(id));
            }
        }
        world.calls.push(call);
        Ok(world)
    }
}

pub(crate) fn killed() -> State {
    State::Stopped {
        exit_code: 137,
        oom_killed: false,
    }
}

fn refused(id: &str) -> EngineError {
    EngineError::Refused {
        action: "reach",
        object: id.to_owned(),
        reason: "told to fail".to_owned(),
    }
}

impl World {
    /// The id of whoever has this id or this name; the word itself where nobody has.
    fn id_of(&self, word: &str) -> String {
        let ids = ["", "c-", "n-"].map(|prefix| format!("{prefix}{word}"));
        let found = ids.into_iter().find(|id| self.lives.contains_key(id));
        found.unwrap_or_else(|| word.to_owned())
    }

    fn set(&mut self, id: &str, state: State) {
        let was = self.lives.get(id).copied();
        let starts = state == State::Running && was.is_none_or(|was| was.state != State::Paused);
        self.ticks += 1_000_000_000;
        let started_at_unix_ns = match was {
            Some(was) if !starts => was.started_at_unix_ns,
            _ => self.ticks,
        };
        let life = Life {
            state,
            started_at_unix_ns,
        };
        self.lives.insert(id.to_owned(), life);
    }
}

impl Inspect for FakeEngine {
    async fn members(&self, _project: &str) -> Result<Vec<Member>, EngineError> {
        let world = self.world();
        let names = world.lives.keys().filter_map(|id| id.get(2..));
        Ok(names.map(member).collect())
    }

    async fn life(&self, id: &str) -> Result<Life, EngineError> {
        let mut world = self.world();
        let id = &world.id_of(id);
        if let Some(left) = world.dying.get_mut(id) {
            *left = left.saturating_sub(1);
            if *left == 0 {
                world.dying.remove(id);
                world.set(id, killed());
            }
        }
        let missing = Life {
            state: State::Missing,
            started_at_unix_ns: 0,
        };
        Ok(world.lives.get(id).copied().unwrap_or(missing))
    }

    async fn logs(&self, id: &str, _tail_lines: u32) -> Result<String, EngineError> {
        Err(refused(id))
    }
}

impl Lifecycle for FakeEngine {
    async fn kill(&self, id: &str, signal: &str) -> Result<(), EngineError> {
        let mut world = self.call("kill", id)?;
        if signal == "KILL" || !world.deaf.contains(id) {
            world.set(id, killed());
        }
        Ok(())
    }

    async fn stop(&self, id: &str, _grace: Duration) -> Result<(), EngineError> {
        self.call("stop", id)?.set(id, killed());
        Ok(())
    }

    async fn start(&self, id: &str) -> Result<(), EngineError> {
        let mut world = self.call("start", id)?;
        let id = &world.id_of(id);
        let stillborn = world.stillborn.contains(id);
        world.set(id, if stillborn { killed() } else { State::Running });
        Ok(())
    }

    async fn pause(&self, id: &str) -> Result<(), EngineError> {
        self.call("pause", id)?.set(id, State::Paused);
        Ok(())
    }

    async fn unpause(&self, id: &str) -> Result<(), EngineError> {
        self.call("unpause", id)?.set(id, State::Running);
        Ok(())
    }
}

/// Whatever is not a stranger's is of project `p`.
impl Own for FakeEngine {
    async fn owner(&self, thing: Thing<'_>) -> Result<Option<Owner>, EngineError> {
        let world = self.world();
        let (Thing::Container(name) | Thing::Network(name) | Thing::Volume(name)) = thing;
        let id = world.id_of(name);
        let is_there = world.lives.contains_key(&id);
        if matches!(thing, Thing::Container(_)) && !is_there {
            return Ok(None);
        }
        let of = (!world.foreign.contains(&id)).then(|| "p".to_owned());
        Ok(Some(Owner {
            id,
            project: of.clone(),
            run: of,
            component: None,
        }))
    }
}

/// A container's name is its service's; one that was made anew has an id that begins with `n-`.
impl Rebuild for FakeEngine {
    async fn recipe(&self, id: &str) -> Result<Recipe, EngineError> {
        Ok(Recipe {
            name: id.trim_start_matches("c-").to_owned(),
            body: serde_json::json!({
                "Env": ["PASSWORD=secret"],
                "Image": "gameday/services:1",
                "Labels": { engine::PROJECT_LABEL: "p", engine::RUN_LABEL: "p" },
                "HostConfig": { "NetworkMode": "none" },
            }),
            endpoints: vec![],
        })
    }

    async fn remove(&self, id: &str) -> Result<(), EngineError> {
        self.call("remove", id)?.lives.remove(id);
        Ok(())
    }

    async fn make(&self, recipe: &Recipe) -> Result<(), EngineError> {
        let mut world = self.call("make", &recipe.name)?;
        let id = match world.id_of(&recipe.name) {
            missing if missing == recipe.name => format!("n-{missing}"),
            there => there,
        };
        world.set(&id, State::Running);
        Ok(())
    }
}

/// What every member may use at first.
const LIMITS: Limits = Limits {
    nano_cpus: 1_000_000_000,
    memory_bytes: 256 << 20,
    memory_and_swap_bytes: 512 << 20,
};

impl Adjust for FakeEngine {
    async fn limits(&self, id: &str) -> Result<Limits, EngineError> {
        Ok(self.world().limits.get(id).copied().unwrap_or(LIMITS))
    }

    async fn limit(&self, id: &str, limits: Limits) -> Result<(), EngineError> {
        self.call("limit", id)?.limits.insert(id.to_owned(), limits);
        Ok(())
    }

    async fn endpoints(&self, id: &str) -> Result<Vec<Endpoint>, EngineError> {
        let world = self.world();
        let all = ["p_app", "p_data"].map(|network| Endpoint {
            network: network.to_owned(),
            address: None,
            aliases: vec![],
        });
        let on = |e: &Endpoint| !world.off.contains(&(id.to_owned(), e.network.clone()));
        Ok(all.into_iter().filter(on).collect())
    }

    async fn disconnect(&self, id: &str, network: &str) -> Result<(), EngineError> {
        let mut world = self.call("disconnect", id)?;
        world.off.insert((id.to_owned(), network.to_owned()));
        Ok(())
    }

    async fn connect(&self, id: &str, endpoint: &Endpoint) -> Result<(), EngineError> {
        let mut world = self.call("connect", id)?;
        world.off.remove(&(id.to_owned(), endpoint.network.clone()));
        Ok(())
    }
}

/// Every command succeeds. The spin is given what the limit says.
impl Exec for FakeEngine {
    async fn exec(&self, id: &str, command: &[String]) -> Result<Ran, EngineError> {
        let world = self.call("exec", id)?;
        let limits = world.limits.get(id).copied().unwrap_or(LIMITS);
        let script = command.get(2).map_or("", String::as_str);
        let output = match script.contains("memory.max") {
            true => limits.memory_bytes.to_string(),
            false => format!("{:.2}", limits.nano_cpus as f64 / 1e9),
        };
        Ok(Ran {
            exit_code: 0,
            output,
        })
    }
}

/// Every agent applies, measures two of two, and heals when it is let go.
impl Helpers for FakeEngine {
    async fn start_helper(&self, spec: &HelperSpec) -> Result<Helper, EngineError> {
        drop(self.call("start", &spec.name)?);
        let (near, far) = tokio::io::duplex(4096);
        let (tell, lines) = tokio::sync::mpsc::channel(8);
        tokio::spawn(async move {
            let mut order = BufReader::new(far).lines();
            if order.next_line().await.is_ok_and(|line| line.is_some()) {
                for line in [APPLIED, MEASURED] {
                    let _ = tell.send(Ok(line.to_owned())).await;
                }
            }
            while order.next_line().await.is_ok_and(|line| line.is_some()) {}
            let _ = tell.send(Ok(HEALED.to_owned())).await;
        });
        let lines = futures_util::stream::unfold(lines, |mut lines| async move {
            let line = lines.recv().await?;
            Some((line, lines))
        });
        Ok(Helper::new(&spec.name, near, lines))
    }

    async fn remove_helper(&self, name: &str) -> Result<(), EngineError> {
        self.call("remove", name).map(drop)
    }
}

const APPLIED: &str = r#"{"event":"applied","how":"as told","fail_open":true}"#;
const MEASURED: &str = r#"{"event":"measured","what":"threads that stand still","expected":2.0,"seen":2.0,"unit":"threads"}"#;
const HEALED: &str = r#"{"event":"healed","ended":"let-go","digest_before":"a","digest_after":"a",
    "figures":{"packets":0,"affected":0,"deepest":0,"late":0,"latest_us":0,"overflowed":0}}"#;
