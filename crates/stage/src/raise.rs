//! Raising a topology: from a Compose file to one running container for each service.

use std::{
    collections::BTreeSet, convert::Infallible, net::Ipv4Addr, path::PathBuf, time::Duration,
};

use engine::{Docker, Inspect, Member, PROJECT_PREFIX, State, Sweep};

use crate::{
    Images, Password, Say, StageError, Subnets, Topology,
    compose::{self, Compose},
    lower,
    subnets::{self, Block},
    watchdog,
};

/// Time between two looks at how many containers have started.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How many of its last lines a container that ended is reported with.
const LAST_LINES: u32 = 20;

/// What is to be raised.
#[derive(Debug, Clone)]
pub struct RaiseRequest {
    /// Folder of the Compose files.
    pub compose_dir: PathBuf,
    /// Name of the topology.
    pub topology: String,
    /// Id of the run; the project is called `gameday-<run>`.
    pub run: String,
    /// The run's folder, which the watchdog watches.
    pub folder: PathBuf,
    /// Folder for `compose-up.log`.
    pub logs: PathBuf,
    /// Tags to use.
    pub images: Images,
}

/// A topology whose containers have all started. Nobody has asked yet whether they are healthy.
#[derive(Debug, Clone)]
pub struct Raised {
    /// Compose project.
    pub project: String,
    /// One for each service, sorted by service.
    pub members: Vec<Member>,
    /// The password of every store.
    pub password: Password,
    /// The networks' address space.
    pub subnets: Subnets,
}

impl Raised {
    /// The virtual address on the network `edge`, `app` or `data`; any other name is answered with the edge's.
    pub fn vip(&self, network: &str) -> Ipv4Addr {
        self.subnets.vip(network)
    }
}

/// Starts every container of a topology, on subnets of its own. When another run takes the same subnets
/// first, it tries once more with others. Whatever it started, the caller lowers, also after an error or
/// when the returned future was dropped.
///
/// # Errors
/// When the topology or the machine is not as it should be, or a container ends: the error shows its last lines.
pub async fn raise(
    request: &RaiseRequest,
    docker: &Docker,
    say: Say<'_>,
) -> Result<Raised, StageError> {
    let topology = Topology::load(&request.compose_dir, &request.topology)?;
    let compose = Compose::find(docker.host()).await?;
    let attempt = Attempt {
        request,
        docker,
        compose,
        project: format!("{PROJECT_PREFIX}{}", request.run),
        password: Password::random(),
        services: topology.services.len(),
    };
    tokio::fs::create_dir_all(&request.logs)
        .await
        .map_err(StageError::file("make", &request.logs))?;
    let mut taken = taken(docker).await?;
    let mut subnets = Subnets::choose(&request.run, &taken)?;
    if attempt.up(&subnets, say).await? == Up::Overlap {
        say(format!(
            "{} was taken by another run meanwhile, trying others",
            subnets.blocks()[0]
        ));
        lower(docker, &attempt.project).await?;
        taken.extend(subnets.blocks());
        subnets = Subnets::choose(&request.run, &taken)?;
        if attempt.up(&subnets, say).await? == Up::Overlap {
            return Err(StageError::NoSubnet {
                tried: "two choices, both taken by other runs meanwhile",
            });
        }
    }
    let members = docker.members(&attempt.project).await?;
    complete(&topology, &members)?;
    alive(docker, &members).await?;
    Ok(Raised {
        project: attempt.project,
        members,
        password: attempt.password,
        subnets,
    })
}

/// Address space that is in use: by the engine's networks, and by whatever the machine has a route to.
async fn taken(docker: &Docker) -> Result<Vec<Block>, StageError> {
    let networks = docker.subnets().await?;
    let mut taken: Vec<Block> = networks
        .iter()
        .filter_map(|text| Block::parse(text))
        .collect();
    let table = tokio::fs::read_to_string("/proc/net/route").await;
    taken.extend(subnets::routes(&table.unwrap_or_default()));
    Ok(taken)
}

/// How Compose ended, where that is no failure.
#[derive(Debug, PartialEq, Eq)]
enum Up {
    Started,
    Overlap,
}

/// What stays the same from one try to the next.
struct Attempt<'a> {
    request: &'a RaiseRequest,
    docker: &'a Docker,
    compose: Compose,
    project: String,
    password: Password,
    services: usize,
}

impl Attempt<'_> {
    async fn up(&self, subnets: &Subnets, say: Say<'_>) -> Result<Up, StageError> {
        let log = self.request.logs.join("compose-up.log");
        let file = self
            .request
            .compose_dir
            .join(format!("{}.yml", self.request.topology));
        let (run, images) = (&self.request.run, &self.request.images);
        let mut variables = compose::variables(run, subnets, &self.password, images);
        variables.extend(watchdog::variables(
            &self.request.folder,
            self.docker.host(),
        )?);
        let parent = self.docker.info().parent_beside_host();
        variables.push(("GAMEDAY_CGROUP_PARENT".into(), parent.into()));
        let up = variables.into_iter().fold(
            self.compose.up(self.docker.host(), &file, &self.project),
            |up, (name, value)| up.env(name, value),
        );
        let mut overlap = false;
        let watch_for_overlap = |line: &str| overlap |= compose::is_overlap(line);
        let mut ended = tokio::select! {
            ended = up.logged(&log, watch_for_overlap) => ended?,
            never = self.count(say) => match never {},
        };
        if ended.ok {
            return Ok(Up::Started);
        }
        if overlap {
            return Ok(Up::Overlap);
        }
        for line in &mut ended.tail {
            *line = self.password.hide_in(line);
        }
        let action = format!("{} up of {}", self.compose.name(), self.project);
        Err(ended.failed(action, Some(&log)))
    }

    /// Reports how many containers have started, without end.
    async fn count(&self, say: Say<'_>) -> Infallible {
        let mut started = BTreeSet::new();
        loop {
            // A busy engine may miss a look: this is only for show.
            for member in self.docker.members(&self.project).await.unwrap_or_default() {
                if !started.contains(&member.id)
                    && self.docker.state(&member.id).await == Ok(State::Running)
                {
                    started.insert(member.id);
                }
            }
            say(format!(
                "{} of {} containers started",
                started.len(),
                self.services
            ));
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// Every service has a container.
fn complete(topology: &Topology, members: &[Member]) -> Result<(), StageError> {
    let missing: Vec<_> = topology
        .services
        .iter()
        .map(|service| service.name.as_str())
        .filter(|name| !members.iter().any(|member| member.service == *name))
        .collect();
    match missing.is_empty() {
        true => Ok(()),
        false => Err(StageError::Incomplete(missing.join(", "))),
    }
}

/// Every container still runs.
async fn alive(engine: &impl Inspect, members: &[Member]) -> Result<(), StageError> {
    for member in members {
        let state = engine.life(&member.id).await?.state;
        if state != State::Running {
            let log = engine.logs(&member.id, LAST_LINES).await;
            return Err(StageError::Died {
                service: member.service.clone(),
                state: state.to_string(),
                log: log.unwrap_or_else(|error| error.to_string()),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use drill::Component;
    use engine::{EngineError, Life};

    use super::*;
    use crate::{ErrorKind, Service};

    fn member(service: &str) -> Member {
        Member {
            id: service.into(),
            project: "p".into(),
            service: service.into(),
            component: "api".into(),
            zone: None,
            addresses: [].into(),
            published: [].into(),
        }
    }

    #[test]
    fn services_without_a_container_are_named() {
        let service = |name: &str| Service {
            name: name.into(),
            component: Component::Api,
            zone: None,
            price: None,
            labels: [].into(),
        };
        let topology = Topology {
            name: "t".into(),
            services: ["api-1", "api-2", "api-3"].map(service).into(),
        };
        let error = complete(&topology, &[member("api-2")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "compose made no container for api-1, api-3"
        );
        let all = ["api-3", "api-1", "api-2"].map(member);
        assert!(complete(&topology, &all).is_ok());
    }

    /// Everyone runs but `api-2`.
    struct OneDead;

    impl Inspect for OneDead {
        async fn members(&self, _: &str) -> Result<Vec<Member>, EngineError> {
            Ok(vec![])
        }
        async fn life(&self, id: &str) -> Result<Life, EngineError> {
            let dead = State::Stopped {
                exit_code: 64,
                oom_killed: false,
            };
            Ok(Life {
                state: if id == "api-2" { dead } else { State::Running },
                started_at_unix_ns: 1,
            })
        }
        async fn logs(&self, _: &str, _: u32) -> Result<String, EngineError> {
            Ok("LISTEN is not an address\n".into())
        }
    }

    #[tokio::test]
    async fn a_container_that_ended_is_reported_with_its_last_words() {
        let members = ["api-1", "api-2", "api-3"].map(member);
        let error = alive(&OneDead, &members).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Machine);
        let expected = "api-2 ended while the topology was raised (stopped with exit code 64):\n  LISTEN is not an address";
        assert_eq!(error.to_string(), expected);
        assert!(alive(&OneDead, &members[..1]).await.is_ok());
    }
}
