//! Removing a container, and making it anew from what it was.

use std::{fmt, future::Future};

use bollard::{
    errors::Error,
    models::{ContainerCreateBody, ContainerInspectResponse, NetworkingConfig},
    query_parameters::{CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Adjust, Docker, Endpoint, EngineError, Lifecycle, adjust};

/// Characters of the id that the engine gives as a host name to whoever has none.
const SHORT_ID: usize = 12;

/// All that a container is made of, so that it can be made anew. Its environment is in it, passwords included.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipe {
    /// Name of the container.
    pub name: String,
    /// What the engine's create call takes, its connections left out.
    pub body: Value,
    /// Its connections; the one that it is made on first.
    pub endpoints: Vec<Endpoint>,
}

/// Leaves out the body: whoever prints a recipe must not print passwords.
impl fmt::Debug for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recipe")
            .field("name", &self.name)
            .field("endpoints", &self.endpoints)
            .finish_non_exhaustive()
    }
}

/// Replaces containers. Every call fails when the engine does not answer or refuses.
pub trait Rebuild {
    /// What the container is made of.
    ///
    /// # Errors
    /// As for the trait, and when there is no such container.
    fn recipe(&self, id: &str) -> impl Future<Output = Result<Recipe, EngineError>> + Send;

    /// Kills a container and removes it with its anonymous volumes; one that does not exist counts as removed.
    ///
    /// # Errors
    /// As for the trait.
    fn remove(&self, id: &str) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Makes the container where none has its name, connects it, and starts it. Whatever of that is done already stays.
    ///
    /// # Errors
    /// As for the trait; asking again goes on where it failed.
    fn make(&self, recipe: &Recipe) -> impl Future<Output = Result<(), EngineError>> + Send;
}

impl Rebuild for Docker {
    async fn recipe(&self, id: &str) -> Result<Recipe, EngineError> {
        let container = self.inspected(id).await?;
        let endpoints = self.endpoints(id).await?;
        recipe(container, endpoints).map_err(|error| not_understood("read", id, &error))
    }

    async fn remove(&self, id: &str) -> Result<(), EngineError> {
        let options = RemoveContainerOptionsBuilder::default()
            .force(true)
            .v(true)
            .build();
        match self.client.remove_container(id, Some(options)).await {
            Err(Error::DockerResponseServerError {
                // Not there, or going away already.
                status_code: 404 | 409,
                ..
            }) => Ok(()),
            answer => answer.map_err(EngineError::refused("remove", id)),
        }
    }

    async fn make(&self, recipe: &Recipe) -> Result<(), EngineError> {
        let name = &recipe.name;
        let body = body(recipe).map_err(|error| not_understood("make", name, &error))?;
        let options = CreateContainerOptionsBuilder::default().name(name).build();
        match self.client.create_container(Some(options), body).await {
            // Somebody has made it, or the old one is still going away: starting tells.
            Ok(_)
            | Err(Error::DockerResponseServerError {
                status_code: 409, ..
            }) => {}
            Err(error) => return Err(EngineError::refused("make", name)(error)),
        }
        // Before it starts, so that it never runs half connected.
        for endpoint in &recipe.endpoints {
            self.connect(name, endpoint).await?;
        }
        self.start(name).await
    }
}

fn recipe(
    container: ContainerInspectResponse,
    mut endpoints: Vec<Endpoint>,
) -> Result<Recipe, serde_json::Error> {
    let id = container.id.unwrap_or_default();
    let mut config = container.config.unwrap_or_default();
    let short = id.get(..SHORT_ID).unwrap_or(&id);
    config.hostname.take_if(|name| name == short);
    let host = container.host_config.unwrap_or_default();
    // The engine makes a container on one network and takes it to the others afterwards.
    endpoints.sort_by_key(|endpoint| host.network_mode.as_ref() != Some(&endpoint.network));
    let mut body = serde_json::to_value(config)?;
    body["HostConfig"] = serde_json::to_value(host)?;
    Ok(Recipe {
        name: container.name.unwrap_or_default().replace('/', ""),
        body,
        endpoints,
    })
}

fn body(recipe: &Recipe) -> Result<ContainerCreateBody, serde_json::Error> {
    let mut body: ContainerCreateBody = serde_json::from_value(recipe.body.clone())?;
    let host = body.host_config.as_ref();
    let on = host.and_then(|host| host.network_mode.as_ref());
    let first = recipe.endpoints.iter().filter(|e| Some(&e.network) == on);
    let first = first.map(|endpoint| (endpoint.network.clone(), adjust::settings(endpoint)));
    body.networking_config = Some(NetworkingConfig {
        endpoints_config: Some(first.collect()),
    });
    Ok(body)
}

fn not_understood(action: &'static str, object: &str, error: &serde_json::Error) -> EngineError {
    EngineError::Refused {
        action,
        object: object.to_owned(),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef";

    fn inspected(hostname: &str) -> ContainerInspectResponse {
        let text = format!(
            r#"{{"Id": "{ID}", "Name": "/p_api-1_1",
                "Config": {{"Hostname": "{hostname}", "Image": "gameday/services", "Env": ["PASSWORD=secret"],
                            "Labels": {{"gameday.zone": "a"}}, "Volumes": {{"/data": {{}}}}}},
                "HostConfig": {{"NetworkMode": "p_data", "Memory": 268435456, "Binds": ["p_api:/var/lib:rw"],
                                "Isolation": "", "RestartPolicy": {{"Name": "no", "MaximumRetryCount": 0}}}}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    fn endpoint(network: &str) -> Endpoint {
        Endpoint {
            network: network.into(),
            address: Some([10, 90, 3, 41].into()),
            aliases: vec!["api-1".into()],
        }
    }

    #[test]
    fn what_is_made_is_what_was_there() {
        let endpoints = vec![endpoint("p_app"), endpoint("p_data")];
        let recipe = recipe(inspected("db"), endpoints).unwrap();
        let read: Recipe = serde_json::from_str(&serde_json::to_string(&recipe).unwrap()).unwrap();
        assert_eq!(read, recipe);
        let body = body(&read).unwrap();
        assert_eq!(recipe.name, "p_api-1_1");
        assert_eq!(body.hostname.as_deref(), Some("db"));
        assert_eq!(body.env.unwrap(), ["PASSWORD=secret"]);
        assert_eq!(body.labels.unwrap()["gameday.zone"], "a");
        let host = body.host_config.unwrap();
        assert_eq!(host.memory, Some(268_435_456));
        assert_eq!(host.binds.unwrap(), ["p_api:/var/lib:rw"]);
    }

    #[test]
    fn it_is_made_on_its_first_network_alone() {
        let endpoints = vec![endpoint("p_app"), endpoint("p_data")];
        let recipe = recipe(inspected("db"), endpoints).unwrap();
        assert_eq!(recipe.endpoints[0].network, "p_data");
        let networks = body(&recipe).unwrap().networking_config.unwrap();
        let networks = networks.endpoints_config.unwrap();
        assert_eq!(networks.len(), 1);
        let ipam = networks["p_data"].ipam_config.as_ref().unwrap();
        assert_eq!(ipam.ipv4_address.as_deref(), Some("10.90.3.41"));
    }

    #[test]
    fn a_name_that_the_engine_gave_is_not_kept_and_no_password_is_printed() {
        let recipe = recipe(inspected("0123456789ab"), vec![]).unwrap();
        assert_eq!(body(&recipe).unwrap().hostname, None);
        assert!(!format!("{recipe:?}").contains("secret"));
    }

    #[test]
    fn a_recipe_that_is_none_is_refused() {
        let recipe = Recipe {
            name: "p_api-1_1".into(),
            body: serde_json::json!({ "Env": 5 }),
            endpoints: vec![],
        };
        assert!(body(&recipe).is_err());
    }
}
