//! Changing what a running container may use, and what it is connected to.
//!
//! Both outlive whoever changed them, so each change is described by a value that can be read before and
//! written back after.

use std::{future::Future, net::Ipv4Addr};

use bollard::models::{
    ContainerUpdateBody, EndpointIpamConfig, EndpointSettings, NetworkConnectRequest,
    NetworkDisconnectRequest,
};
use serde::{Deserialize, Serialize};

use crate::{Docker, EngineError};

/// What a container may use at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Processor time in billionths of a core; 0 is no limit.
    pub nano_cpus: i64,
    /// Memory in bytes; 0 is no limit.
    pub memory_bytes: i64,
    /// Memory and swap together in bytes; 0 is no limit of its own, -1 no limit at all.
    pub memory_and_swap_bytes: i64,
}

/// How a container is connected to one network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The engine's name of the network, project included.
    pub network: String,
    /// Its fixed address, where it has one.
    pub address: Option<Ipv4Addr>,
    /// Names by which others find it.
    pub aliases: Vec<String>,
}

/// Reads and changes limits and connections of containers, each named by its id.
///
/// Every call fails when the engine does not answer, refuses, or there is no such container.
pub trait Adjust {
    /// What the container may use.
    ///
    /// # Errors
    /// As for the trait.
    fn limits(&self, id: &str) -> impl Future<Output = Result<Limits, EngineError>> + Send;

    /// Changes what the container may use, at once.
    ///
    /// # Errors
    /// As for the trait.
    fn limit(
        &self,
        id: &str,
        limits: Limits,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Every connection of the container, sorted by network.
    ///
    /// # Errors
    /// As for the trait.
    fn endpoints(
        &self,
        id: &str,
    ) -> impl Future<Output = Result<Vec<Endpoint>, EngineError>> + Send;

    /// Takes the container off a network. One that is not on it counts as taken off.
    ///
    /// # Errors
    /// As for the trait.
    fn disconnect(
        &self,
        id: &str,
        network: &str,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Puts the container on a network, with the address and the names it had. One that is on it counts as put on.
    ///
    /// # Errors
    /// As for the trait.
    fn connect(
        &self,
        id: &str,
        endpoint: &Endpoint,
    ) -> impl Future<Output = Result<(), EngineError>> + Send;
}

impl Adjust for Docker {
    async fn limits(&self, id: &str) -> Result<Limits, EngineError> {
        let container = self.inspected(id).await?;
        let host = container.host_config.unwrap_or_default();
        Ok(Limits {
            nano_cpus: host.nano_cpus.unwrap_or(0),
            memory_bytes: host.memory.unwrap_or(0),
            memory_and_swap_bytes: host.memory_swap.unwrap_or(0),
        })
    }

    async fn limit(&self, id: &str, limits: Limits) -> Result<(), EngineError> {
        let update = ContainerUpdateBody {
            nano_cpus: Some(limits.nano_cpus),
            memory: Some(limits.memory_bytes),
            memory_swap: Some(limits.memory_and_swap_bytes),
            ..Default::default()
        };
        let updated = self.client.update_container(id, update).await;
        updated.map_err(EngineError::refused("limit", id))
    }

    async fn endpoints(&self, id: &str) -> Result<Vec<Endpoint>, EngineError> {
        let container = self.inspected(id).await?;
        // Asked for by its name, it says its id.
        let id = container.id.as_deref().unwrap_or(id);
        let networks = container.network_settings.and_then(|s| s.networks);
        let mut endpoints: Vec<_> = networks
            .unwrap_or_default()
            .into_iter()
            .map(|(network, settings)| endpoint(network, settings, id))
            .collect();
        endpoints.sort_by(|a, b| a.network.cmp(&b.network));
        Ok(endpoints)
    }

    async fn disconnect(&self, id: &str, network: &str) -> Result<(), EngineError> {
        let request = NetworkDisconnectRequest {
            container: id.to_owned(),
            force: Some(false),
        };
        let answer = self.client.disconnect_network(network, request).await;
        match answer {
            Err(_) if !self.is_on(id, network).await? => Ok(()),
            answer => answer.map_err(EngineError::refused("disconnect", id)),
        }
    }

    async fn connect(&self, id: &str, endpoint: &Endpoint) -> Result<(), EngineError> {
        let request = NetworkConnectRequest {
            container: id.to_owned(),
            endpoint_config: Some(settings(endpoint)),
        };
        let answer = self
            .client
            .connect_network(&endpoint.network, request)
            .await;
        match answer {
            Err(_) if self.is_on(id, &endpoint.network).await? => Ok(()),
            answer => answer.map_err(EngineError::refused("connect", id)),
        }
    }
}

impl Docker {
    async fn is_on(&self, id: &str, network: &str) -> Result<bool, EngineError> {
        let endpoints = self.endpoints(id).await?;
        Ok(endpoints.iter().any(|on| on.network == network))
    }
}

/// An endpoint as the engine takes it.
pub(crate) fn settings(endpoint: &Endpoint) -> EndpointSettings {
    let address = endpoint.address.map(|address| EndpointIpamConfig {
        ipv4_address: Some(address.to_string()),
        ..Default::default()
    });
    EndpointSettings {
        ipam_config: address,
        aliases: Some(endpoint.aliases.clone()),
        ..Default::default()
    }
}

/// The engine adds the container's short id to the names, and refuses it when it is given.
fn endpoint(network: String, settings: EndpointSettings, id: &str) -> Endpoint {
    let configured = settings.ipam_config.and_then(|config| config.ipv4_address);
    let aliases = settings.aliases.unwrap_or_default().into_iter();
    Endpoint {
        network,
        address: configured.and_then(|text| text.parse().ok()),
        aliases: aliases
            .filter(|alias| !id.starts_with(alias.as_str()))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_what_was_configured_not_what_the_engine_added() {
        let settings = r#"{"IPAMConfig": {"IPv4Address": "10.90.2.41"}, "IPAddress": "10.90.2.41",
                           "Aliases": ["api-1", "0123456789ab"]}"#;
        let settings = serde_json::from_str(settings).unwrap();
        let read = endpoint("p_app".into(), settings, "0123456789abcdef");
        assert_eq!(read.address, Some(Ipv4Addr::new(10, 90, 2, 41)));
        assert_eq!(read.aliases, ["api-1"]);
    }

    #[test]
    fn an_address_that_was_given_by_the_engine_is_not_asked_for_again() {
        let settings = serde_json::from_str(r#"{"IPAddress": "10.90.2.200"}"#).unwrap();
        assert_eq!(endpoint("n".into(), settings, "c1").address, None);
    }
}
