//! From nothing to a platform in full health.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    time::Duration,
};

use clock::Clock;
use drill::Component;
use engine::{Docker, Inspect, Member, State};
use stage::{Images, RaiseRequest, Raised};
use timeline::{WatchList, Watched};
use tokio_util::sync::CancellationToken;

use crate::{
    Progress, RunError, RunFolder, Say,
    lookout::{Lookout, Unhealthy, full_health, look},
};

/// Longest time from the containers' start to full health.
const HEALTH_WITHIN: Duration = Duration::from_secs(240);
/// Full health without a break that counts as raised.
const HEALTH_FOR: Duration = Duration::from_secs(3);
/// Time between two looks at a member.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Time between two looks for containers that have ended.
const LOOK_FOR_DEAD_EVERY: Duration = Duration::from_secs(2);
/// Longest time for an instrument to answer after its container started.
const INSTRUMENT_WITHIN: Duration = Duration::from_secs(60);

/// A platform in full health.
#[derive(Debug)]
pub struct Platform {
    /// What the stage raised.
    pub raised: Raised,
    /// Image of the agents that hold faults.
    pub agents: String,
    /// The observer's published address.
    pub observer: SocketAddr,
    /// The load generator's published address.
    pub loadgen: SocketAddr,
    /// Whom the observer watches.
    pub watch_list: WatchList,
}

/// Builds what is missing, raises the topology and waits for full health. Whatever it started, the
/// caller lowers, also after an error.
///
/// # Errors
/// When the machine, an image or the topology fails, or full health is not reached in time.
pub async fn raise(
    docker: &Docker,
    root: &Path,
    folder: &RunFolder,
    topology: &str,
    say: Say<'_>,
    interrupted: &CancellationToken,
) -> Result<Platform, RunError> {
    let clock = Clock::start().0;
    let images = phase("images", clock, say, build(docker, root, folder, say));
    let images = unless(interrupted, images).await?;
    let agents = images
        .get(stage::images::AGENT)
        .unwrap_or_default()
        .to_owned();
    let request = RaiseRequest {
        compose_dir: root.join("compose"),
        topology: topology.to_owned(),
        run: folder.id().to_owned(),
        folder: folder.path().to_owned(),
        logs: folder.logs(),
        images,
    };
    let status = |line: String| say(Progress::Status(line));
    let raised = phase("raise", clock, say, async {
        Ok(stage::raise(&request, docker, &status).await?)
    });
    let raised = unless(interrupted, raised).await?;
    let platform = Platform::of(raised, agents)?;
    let healthy = phase("health", clock, say, platform.healthy(docker, say));
    unless(interrupted, healthy).await?;
    Ok(platform)
}

async fn build(
    docker: &Docker,
    root: &Path,
    folder: &RunFolder,
    say: Say<'_>,
) -> Result<Images, RunError> {
    let line = |line: String| say(Progress::Line(line));
    Ok(stage::images::ensure(docker, root, &folder.logs(), &line).await?)
}

/// Reports how long a phase took.
async fn phase<T>(
    name: &'static str,
    clock: Clock,
    say: Say<'_>,
    work: impl Future<Output = Result<T, RunError>>,
) -> Result<T, RunError> {
    say(Progress::Phase(name));
    let begin = clock.now();
    let result = work.await;
    say(Progress::PhaseEnded(name, clock.now().since(begin)));
    result
}

async fn unless<T>(
    interrupted: &CancellationToken,
    work: impl Future<Output = Result<T, RunError>>,
) -> Result<T, RunError> {
    tokio::select! {
        result = work => result,
        () = interrupted.cancelled() => Err(RunError::Interrupted),
    }
}

impl Platform {
    fn of(raised: Raised, agents: String) -> Result<Self, RunError> {
        let published = |instrument: &'static str, port: u16| {
            let member = raised.members.iter().find(|m| m.service == instrument);
            let port = member.and_then(|m| m.published.get(&port));
            let address = port.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, *port)));
            address.ok_or_else(|| RunError::Instrument {
                instrument,
                reason: format!("port {port:?} is not published on loopback"),
            })
        };
        Ok(Self {
            observer: published("observer", 7100)?,
            loadgen: published("loadgen", 7000)?,
            watch_list: watch_list(&raised),
            agents,
            raised,
        })
    }

    /// Watches without a recorder.
    ///
    /// # Errors
    /// When the observer does not answer within a minute.
    pub(crate) async fn lookout(&self) -> Result<Lookout, RunError> {
        let asking = async {
            loop {
                match look(self.observer, &self.watch_list, None, clock::unix_ns()).await {
                    Ok(lookout) => return lookout,
                    Err(error) => tracing::debug!(%error, "observer not there yet"),
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        };
        tokio::time::timeout(INSTRUMENT_WITHIN, asking)
            .await
            .map_err(|_| RunError::Instrument {
                instrument: "observer",
                reason: format!("no answer within {} s", INSTRUMENT_WITHIN.as_secs()),
            })
    }

    async fn healthy(&self, docker: &Docker, say: Say<'_>) -> Result<(), RunError> {
        let mut lookout = self.lookout().await?;
        let total = self.watch_list.members.len();
        let mut shown = lookout.clone();
        let telling = async {
            while shown.changed().await.is_ok() {
                let waiting = shown.borrow_and_update().board.unhealthy();
                let healthy = total - waiting.len();
                let names: Vec<_> = waiting.iter().map(|(name, _)| name.as_str()).collect();
                let line = format!(
                    "{healthy} of {total} healthy; waiting for {}",
                    names.join(" ")
                );
                say(Progress::Status(line));
            }
        };
        let mut waited = lookout.clone();
        let health = tokio::select! {
            health = full_health(&mut lookout, HEALTH_FOR, HEALTH_WITHIN) => health,
            dead = self.dead(docker, &mut waited) => Err(Unhealthy(dead)),
            () = telling => Err(Unhealthy(vec![])),
        };
        match health {
            Ok(()) => Ok(()),
            Err(unhealthy) => Err(self.not_healthy(docker, unhealthy.0).await),
        }
    }

    /// Waits for a member whose container has ended: it will never get healthy, so nobody waits for it.
    async fn dead(&self, docker: &Docker, lookout: &mut Lookout) -> Vec<(String, String)> {
        loop {
            tokio::time::sleep(LOOK_FOR_DEAD_EVERY).await;
            let waiting = lookout.borrow_and_update().board.unhealthy();
            let mut dead = Vec::new();
            for (name, _) in waiting {
                let member = self.raised.members.iter().find(|m| m.service == name);
                let Some(member) = member else { continue };
                if let Ok(State::Stopped { exit_code, .. }) = docker.state(&member.id).await {
                    dead.push((
                        name,
                        format!("its container ended with exit code {exit_code}"),
                    ));
                }
            }
            if !dead.is_empty() {
                return dead;
            }
        }
    }

    /// Adds the last words of each member that is not healthy.
    async fn not_healthy(&self, docker: &Docker, unhealthy: Vec<(String, String)>) -> RunError {
        let mut with_logs = Vec::with_capacity(unhealthy.len());
        for (name, detail) in unhealthy {
            let member = self.raised.members.iter().find(|m| m.service == name);
            let log = match member {
                Some(member) => docker.logs(&member.id, 5).await.unwrap_or_default(),
                None => String::new(),
            };
            with_logs.push((name, detail, log));
        }
        RunError::NotHealthy {
            waited_s: HEALTH_WITHIN.as_secs(),
            unhealthy: with_logs,
        }
    }

    /// Addresses of a component on one network, in service order.
    pub(crate) fn addresses(&self, component: Component, network: &str) -> Vec<Ipv4Addr> {
        let of = |member: &&Member| member.component == component.name();
        let members = self.raised.members.iter().filter(of);
        members
            .filter_map(|m| m.addresses.get(network).copied())
            .collect()
    }
}

/// Everyone but the instruments; the observer shares every network, so any address will do.
fn watch_list(raised: &Raised) -> WatchList {
    let watched = |member: &Member| {
        let component = Component::from_name(&member.component)?;
        let address = ["data", "app", "edge"]
            .iter()
            .find_map(|n| member.addresses.get(*n))?;
        (component != Component::Instrument).then(|| Watched {
            name: member.service.clone(),
            component,
            address: address.to_string(),
        })
    };
    WatchList {
        members: raised.members.iter().filter_map(watched).collect(),
        vip: raised.vip("edge").to_string(),
        password: raised.password.reveal().to_owned(),
        every: LOOK_EVERY,
        // The caller that starts the watch sets the clock's zero.
        zero_unix_ns: 0,
    }
}
