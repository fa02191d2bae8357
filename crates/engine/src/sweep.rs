//! Finding and removing whole projects: what earlier runs left, and what this one raised.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    time::Duration,
};

use bollard::{
    models::ContainerSummary,
    query_parameters::{
        InspectNetworkOptions, ListNetworksOptions, ListVolumesOptions,
        RemoveContainerOptionsBuilder, RemoveVolumeOptionsBuilder,
    },
};
use tokio::time::{Instant, sleep};

use crate::{Docker, EngineError, PROJECT_LABEL, RUN_LABEL, label};

/// How long the removal of containers, or of volumes, is tried again: thirty containers take ten seconds, and half a minute on
/// a busy disk.
const REMOVAL: Duration = Duration::from_secs(90);

/// How long the removal of networks may take once their containers are gone. It takes two seconds, or the engine has lost
/// count of who is on one, and then no waiting helps.
const NETWORK_REMOVAL: Duration = Duration::from_secs(20);

/// Time between two attempts. A network stays busy for a moment after its last container is gone.
const AGAIN: Duration = Duration::from_millis(200);

/// A project of ours that is on the engine, whole or in remains.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Project {
    /// Name.
    pub name: String,
    /// The run it was raised for, by the label `gameday.run`.
    pub run: String,
}

/// How much was removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    /// Containers.
    pub containers: usize,
    /// Networks.
    pub networks: usize,
    /// Named volumes.
    pub volumes: usize,
}

/// Finds and removes whole projects.
pub trait Sweep {
    /// Every project that is ours: with a container labelled `gameday.run`, running or not, or with networks or volumes
    /// labelled so and no container left. A name makes nothing ours. Sorted by project.
    ///
    /// # Errors
    /// When the engine does not answer.
    fn projects(&self) -> impl Future<Output = Result<Vec<Project>, EngineError>> + Send;

    /// Removes the containers of a project with their anonymous volumes, then its networks and its named
    /// volumes, and nothing that lacks the project's label or the label `gameday.run`. Nothing to remove is success.
    ///
    /// # Errors
    /// When a container of the project lacks the label `gameday.run` (nothing is removed then), or when
    /// something is still there after 90 s, or a network 20 s after its containers are gone.
    fn remove_project(
        &self,
        name: &str,
    ) -> impl Future<Output = Result<Removed, EngineError>> + Send;

    /// Every IPv4 and IPv6 subnet that a network on the engine uses, such as `10.90.1.0/24`.
    ///
    /// # Errors
    /// When the engine does not answer.
    fn subnets(&self) -> impl Future<Output = Result<Vec<String>, EngineError>> + Send;
}

impl Sweep for Docker {
    async fn projects(&self) -> Result<Vec<Project>, EngineError> {
        let containers = self.containers(PROJECT_LABEL).await?;
        let mut remains = self.labelled(Kind::Network, PROJECT_LABEL).await?;
        remains.extend(self.labelled(Kind::Volume, PROJECT_LABEL).await?);
        Ok(ours(&containers, remains))
    }

    async fn remove_project(&self, name: &str) -> Result<Removed, EngineError> {
        let filter = format!("{PROJECT_LABEL}={name}");
        let containers = self.containers(&filter).await?;
        let is_ours = |container: &&ContainerSummary| {
            let labels = container.labels.as_ref();
            labels.is_some_and(|labels| labels.contains_key(RUN_LABEL))
        };
        if let Some(stranger) = containers.iter().find(|one| !is_ours(one)) {
            return Err(EngineError::NotOurs {
                project: name.to_owned(),
                container: stranger.id.clone().unwrap_or_default(),
            });
        }
        let containers = self.remove_all(Kind::Container, &filter).await?;
        let networks = self.remove_all(Kind::Network, &filter).await;
        // Also beside a network that stays.
        let volumes = self.remove_all(Kind::Volume, &filter).await;
        Ok(Removed {
            containers,
            networks: networks?,
            volumes: volumes?,
        })
    }

    async fn subnets(&self) -> Result<Vec<String>, EngineError> {
        let networks = self.client.list_networks(None::<ListNetworksOptions>).await;
        let networks = networks.map_err(EngineError::refused("list", "networks"))?;
        let configs = networks
            .into_iter()
            .filter_map(|network| network.ipam?.config)
            .flatten();
        let subnets: BTreeSet<_> = configs.filter_map(|config| config.subnet).collect();
        Ok(subnets.into_iter().collect())
    }
}

/// Which projects are ours, given every container of any project, and every network and volume of ours.
fn ours(containers: &[ContainerSummary], remains: Vec<Found>) -> Vec<Project> {
    let mut runs: BTreeMap<String, Option<String>> = BTreeMap::new();
    for labels in containers
        .iter()
        .filter_map(|container| container.labels.as_ref())
    {
        if let Some(project) = labels.get(PROJECT_LABEL) {
            let run = labels.get(RUN_LABEL).cloned();
            let known = runs.entry(project.clone()).or_default();
            *known = known.take().or(run);
        }
    }
    for found in remains {
        // Where containers are left, they tell whose the project is.
        runs.entry(found.project).or_insert(Some(found.run));
    }
    let ours = runs.into_iter();
    ours.filter_map(|(name, run)| run.map(|run| Project { name, run }))
        .collect()
}

/// What a project consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Container,
    Network,
    Volume,
}

impl Kind {
    /// How long the removal of everything of this kind may take.
    fn patience(self) -> Duration {
        match self {
            Self::Container | Self::Volume => REMOVAL,
            Self::Network => NETWORK_REMOVAL,
        }
    }
}

/// Something of ours: it carries a project's label and a run's.
struct Found {
    id: String,
    project: String,
    run: String,
}

impl Docker {
    /// Removes everything of a kind with the label; returns how much that was. Whether it is gone is
    /// decided by looking again, so something that vanishes in between is no failure.
    async fn remove_all(&self, kind: Kind, filter: &str) -> Result<usize, EngineError> {
        let deadline = Instant::now() + kind.patience();
        let mut most = 0;
        loop {
            let left = self.labelled(kind, filter).await?;
            if left.is_empty() {
                return Ok(most);
            }
            most = most.max(left.len());
            if let Err(error) = self.remove_each(kind, &left).await {
                if Instant::now() >= deadline {
                    return Err(self.explain(error).await);
                }
                sleep(AGAIN).await;
            }
        }
    }

    /// Looks for who keeps a network in use, if that is what an error says.
    async fn explain(&self, error: EngineError) -> EngineError {
        let Some(network) = error.busy_network() else {
            return error;
        };
        let options = None::<InspectNetworkOptions>;
        let Ok(network) = self.client.inspect_network(network, options).await else {
            return error;
        };
        let guests = network.containers.unwrap_or_default().into_values();
        error.explained(guests.filter_map(|guest| guest.name).collect())
    }

    /// Asks for the removal of one after the other, whatever becomes of those before; returns the first refusal.
    ///
    /// The engine (seen with 20.10) counts who is on a network, and of containers that leave it in the same moment it may count
    /// one too few: the network then "has active endpoints" although nobody is on it, and stays until the engine is restarted.
    async fn remove_each(&self, kind: Kind, all: &[Found]) -> Result<(), EngineError> {
        let mut first = Ok(());
        for found in all {
            first = first.and(self.remove(kind, &found.id).await);
        }
        first
    }

    /// Everything of a kind that has the label and is ours.
    async fn labelled(&self, kind: Kind, text: &str) -> Result<Vec<Found>, EngineError> {
        let found =
            |id: Option<String>, labels: Option<&std::collections::HashMap<String, String>>| {
                let label = |name: &str| labels?.get(name).cloned();
                Some(Found {
                    id: id?,
                    project: label(PROJECT_LABEL)?,
                    run: label(RUN_LABEL)?,
                })
            };
        let all = match kind {
            Kind::Container => {
                let all = self.containers(text).await?;
                all.into_iter()
                    .filter_map(|c| found(c.id, c.labels.as_ref()))
                    .collect()
            }
            Kind::Network => {
                let options = ListNetworksOptions {
                    filters: label(text),
                };
                let all = self.client.list_networks(Some(options)).await;
                let all = all.map_err(EngineError::refused("list networks with", text))?;
                all.into_iter()
                    .filter_map(|n| found(n.id, n.labels.as_ref()))
                    .collect()
            }
            Kind::Volume => {
                let options = ListVolumesOptions {
                    filters: label(text),
                };
                let all = self.client.list_volumes(Some(options)).await;
                let all = all.map_err(EngineError::refused("list volumes with", text))?;
                let all = all.volumes.unwrap_or_default().into_iter();
                all.filter_map(|v| found(Some(v.name), Some(&v.labels)))
                    .collect()
            }
        };
        Ok(all)
    }

    async fn remove(&self, kind: Kind, id: &str) -> Result<(), EngineError> {
        match kind {
            Kind::Container => {
                let options = RemoveContainerOptionsBuilder::default()
                    .force(true)
                    .v(true)
                    .build();
                let answer = self.client.remove_container(id, Some(options)).await;
                answer.map_err(EngineError::refused("remove container", id))
            }
            Kind::Network => {
                let answer = self.client.remove_network(id).await;
                answer.map_err(EngineError::refused("remove network", id))
            }
            Kind::Volume => {
                let options = RemoveVolumeOptionsBuilder::default().build();
                let answer = self.client.remove_volume(id, Some(options)).await;
                answer.map_err(EngineError::refused("remove volume", id))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(labels: &[(&str, &str)]) -> ContainerSummary {
        let labels = labels
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        ContainerSummary {
            labels: Some(labels.collect()),
            ..ContainerSummary::default()
        }
    }

    fn names(containers: &[ContainerSummary], remains: &[(&str, &str)]) -> Vec<String> {
        let remains = remains.iter().map(|(project, run)| Found {
            id: "v".into(),
            project: (*project).to_owned(),
            run: (*run).to_owned(),
        });
        let all = ours(containers, remains.collect()).into_iter();
        all.map(|project| format!("{}:{}", project.name, project.run))
            .collect()
    }

    #[test]
    fn the_run_label_makes_a_project_ours_whatever_its_name() {
        let labelled = container(&[(PROJECT_LABEL, "mine"), (RUN_LABEL, "by-hand")]);
        let names = names(&[labelled], &[("mine", "by-hand"), ("rest", "9")]);
        assert_eq!(names, ["mine:by-hand", "rest:9"]);
    }

    #[test]
    fn a_name_makes_nothing_ours_and_a_strangers_container_makes_a_project_a_strangers() {
        let foreign = container(&[(PROJECT_LABEL, "gameday-shop")]);
        assert!(names(&[foreign], &[("gameday-shop", "shop")]).is_empty());
    }
}
