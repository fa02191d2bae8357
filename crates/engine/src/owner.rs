//! Whose a thing on the engine is: by the labels that it carries, never by its name.

use std::{collections::HashMap, future::Future};

use bollard::{
    errors::Error,
    query_parameters::{InspectContainerOptions, InspectNetworkOptions},
};

use crate::{COMPONENT_LABEL, Docker, EngineError, PROJECT_LABEL, PROJECT_PREFIX, RUN_LABEL};

/// A thing that the engine may have, by its id or name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Thing<'a> {
    /// A container.
    Container(&'a str),
    /// A network.
    Network(&'a str),
    /// A named volume.
    Volume(&'a str),
}

impl std::fmt::Display for Thing<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Container(name) => write!(f, "container {name}"),
            Self::Network(name) => write!(f, "network {name}"),
            Self::Volume(name) => write!(f, "volume {name}"),
        }
    }
}

/// Whose a thing is, as its labels say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owner {
    /// The engine's id of the thing; a volume's is its name.
    pub id: String,
    /// Its Compose project, if it has one.
    pub project: Option<String>,
    /// The run that it was raised for, if it is ours.
    pub run: Option<String>,
    /// Its component, if it has one.
    pub component: Option<String>,
}

impl Owner {
    /// Whether the thing belongs to the run of this project: it carries the project's label and the run's.
    pub fn is_of(&self, project: &str) -> bool {
        let run = project.strip_prefix(PROJECT_PREFIX).unwrap_or(project);
        self.project.as_deref() == Some(project) && self.run.as_deref() == Some(run)
    }

    fn read(id: String, labels: Option<HashMap<String, String>>) -> Self {
        let mut labels = labels.unwrap_or_default();
        Self {
            id,
            project: labels.remove(PROJECT_LABEL),
            run: labels.remove(RUN_LABEL),
            component: labels.remove(COMPONENT_LABEL),
        }
    }
}

/// Tells whose a thing is.
pub trait Own {
    /// Whose a thing is; none where the engine has no such thing.
    ///
    /// # Errors
    /// When the engine does not answer.
    fn owner(
        &self,
        thing: Thing<'_>,
    ) -> impl Future<Output = Result<Option<Owner>, EngineError>> + Send;
}

impl Own for Docker {
    async fn owner(&self, thing: Thing<'_>) -> Result<Option<Owner>, EngineError> {
        let read = match thing {
            Thing::Container(id) => {
                let options = None::<InspectContainerOptions>;
                let answer = self.client.inspect_container(id, options).await;
                answer.map(|found| {
                    let labels = found.config.and_then(|config| config.labels);
                    Owner::read(found.id.unwrap_or_default(), labels)
                })
            }
            Thing::Network(id) => {
                let options = None::<InspectNetworkOptions>;
                let answer = self.client.inspect_network(id, options).await;
                answer.map(|found| Owner::read(found.id.unwrap_or_default(), found.labels))
            }
            Thing::Volume(name) => {
                let answer = self.client.inspect_volume(name).await;
                answer.map(|found| Owner::read(found.name, Some(found.labels)))
            }
        };
        match read {
            Ok(owner) => Ok(Some(owner)),
            Err(Error::DockerResponseServerError {
                status_code: 404, ..
            }) => Ok(None),
            Err(error) => Err(EngineError::refused("inspect", thing.to_string())(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(project: &str, run: &str) -> Owner {
        let labels = [(PROJECT_LABEL, project), (RUN_LABEL, run)];
        let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Owner::read("c1".into(), Some(labels.into()))
    }

    #[test]
    fn a_thing_of_the_run_carries_both_labels() {
        assert!(owner("gameday-7", "7").is_of("gameday-7"));
        assert!(!owner("gameday-7", "8").is_of("gameday-7"));
        assert!(!owner("gameday-77", "7").is_of("gameday-7"));
        assert!(!Owner::read("gameday-7".into(), None).is_of("gameday-7"));
    }
}
