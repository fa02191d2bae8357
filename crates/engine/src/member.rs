//! A container of a topology.

use std::{
    collections::{BTreeMap, HashMap},
    net::Ipv4Addr,
};

use bollard::models::{ContainerSummary, EndpointSettings, PortSummary, PortSummaryTypeEnum};

use crate::{COMPONENT_LABEL, PROJECT_LABEL, SERVICE_LABEL, ZONE_LABEL};

/// A container of a topology, running or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The engine's id of the container.
    pub id: String,
    /// Compose project.
    pub project: String,
    /// Compose service, such as `api-1`: the member's name.
    pub service: String,
    /// Component, such as `api`; empty when the container has no such label.
    pub component: String,
    /// Zone, such as `a`; instruments have none.
    pub zone: Option<String>,
    /// Address by network, named without the project: `edge`, `app`, `data`. Configured addresses are
    /// known while the container is stopped, too.
    pub addresses: BTreeMap<String, Ipv4Addr>,
    /// Host port by container port, TCP only; empty while the container is stopped.
    pub published: BTreeMap<u16, u16>,
}

impl Member {
    /// Reads a member out of the engine's list; `None` for a container that no Compose service made.
    pub(crate) fn read(container: ContainerSummary) -> Option<Self> {
        let mut labels = container.labels.unwrap_or_default();
        let project = labels.remove(PROJECT_LABEL)?;
        let networks = container
            .network_settings
            .and_then(|settings| settings.networks);
        Some(Self {
            id: container.id?,
            service: labels.remove(SERVICE_LABEL)?,
            component: labels.remove(COMPONENT_LABEL).unwrap_or_default(),
            zone: labels.remove(ZONE_LABEL).filter(|zone| !zone.is_empty()),
            addresses: addresses(&project, networks.unwrap_or_default()),
            published: published(&container.ports.unwrap_or_default()),
            project,
        })
    }
}

fn addresses(
    project: &str,
    networks: HashMap<String, EndpointSettings>,
) -> BTreeMap<String, Ipv4Addr> {
    let short = |name: &str| {
        let stripped = name
            .strip_prefix(project)
            .and_then(|rest| rest.strip_prefix('_'));
        stripped.unwrap_or(name).to_owned()
    };
    networks
        .into_iter()
        .filter_map(|(name, endpoint)| Some((short(&name), address(endpoint)?)))
        .collect()
}

/// The live address; the configured one while there is none.
fn address(endpoint: EndpointSettings) -> Option<Ipv4Addr> {
    let configured = endpoint.ipam_config.and_then(|config| config.ipv4_address);
    [endpoint.ip_address, configured]
        .into_iter()
        .flatten()
        .find_map(|text| text.parse().ok())
}

fn published(ports: &[PortSummary]) -> BTreeMap<u16, u16> {
    ports
        .iter()
        .filter(|port| port.typ == Some(PortSummaryTypeEnum::TCP))
        .filter_map(|port| Some((port.private_port, port.public_port?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Member> {
        Member::read(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn a_running_member_has_live_addresses_and_ports() {
        let member = read(
            r#"{"Id": "c1",
                "Labels": {"com.docker.compose.project": "gameday-7", "com.docker.compose.service": "observer",
                           "gameday.component": "instrument"},
                "Ports": [{"IP": "127.0.0.1", "PrivatePort": 7100, "PublicPort": 49153, "Type": "tcp"},
                          {"PrivatePort": 9000, "Type": "tcp"},
                          {"IP": "0.0.0.0", "PrivatePort": 53, "PublicPort": 53, "Type": "udp"}],
                "NetworkSettings": {"Networks": {"gameday-7_edge": {"IPAddress": "10.90.1.120"},
                                                 "bridge": {"IPAddress": "172.17.0.2"}}}}"#,
        )
        .unwrap();
        assert_eq!(member.component, "instrument");
        assert_eq!(member.zone, None);
        assert_eq!(member.published, [(7100, 49153)].into());
        assert_eq!(member.addresses["edge"], Ipv4Addr::new(10, 90, 1, 120));
        assert_eq!(member.addresses["bridge"], Ipv4Addr::new(172, 17, 0, 2));
    }

    #[test]
    fn a_stopped_member_keeps_its_configured_address() {
        let member = read(
            r#"{"Id": "c1",
                "Labels": {"com.docker.compose.project": "p", "com.docker.compose.service": "api-1", "gameday.zone": "a"},
                "Ports": [],
                "NetworkSettings": {"Networks": {"p_app": {"IPAddress": "", "IPAMConfig": {"IPv4Address": "10.90.2.41"}},
                                                 "p_data": {"IPAddress": ""}}}}"#,
        )
        .unwrap();
        assert_eq!(member.zone.as_deref(), Some("a"));
        assert_eq!(
            member.addresses,
            [("app".to_owned(), Ipv4Addr::new(10, 90, 2, 41))].into()
        );
        assert!(member.published.is_empty());
    }

    #[test]
    fn a_container_of_nobody_is_no_member() {
        assert_eq!(
            read(r#"{"Id": "c1", "Labels": {"gameday.component": "api"}}"#),
            None
        );
        let unnamed = r#"{"Id": "c1", "Labels": {"com.docker.compose.project": "p"}}"#;
        assert_eq!(read(unnamed), None);
    }
}
