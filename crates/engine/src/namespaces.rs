//! Whose namespaces a helper would join: never the host's.

use bollard::models::HostConfig;

use crate::{Docker, EngineError, HelperSpec};

impl Docker {
    /// Refuses a helper that would stand in the host's own namespaces: what is done to a container there is done to the
    /// machine.
    ///
    /// # Errors
    /// Names the container that shares a namespace with the host; and when the engine refuses.
    pub(crate) async fn refuse_host(&self, spec: &HelperSpec) -> Result<(), EngineError> {
        for id in [&spec.network_of, &spec.processes_of].into_iter().flatten() {
            let host = self.inspected(id).await?.host_config.unwrap_or_default();
            if let Some(shared) = shared(&host) {
                return Err(EngineError::Refused {
                    action: "join",
                    object: id.clone(),
                    reason: format!(
                        "its {shared} are the host's, and a fault there would hit the machine"
                    ),
                });
            }
        }
        Ok(())
    }
}

/// What a container shares with the host, or with a container that may.
fn shared(host: &HostConfig) -> Option<&'static str> {
    let outside = |mode: &Option<String>| {
        let mode = mode.as_deref().unwrap_or_default();
        mode == "host" || mode.starts_with("container:")
    };
    match (outside(&host.network_mode), outside(&host.pid_mode)) {
        (true, _) => Some("networks"),
        (_, true) => Some("processes"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(network: &str, processes: &str) -> HostConfig {
        HostConfig {
            network_mode: Some(network.into()),
            pid_mode: Some(processes.into()),
            ..HostConfig::default()
        }
    }

    #[test]
    fn only_namespaces_of_its_own_may_be_joined() {
        assert_eq!(shared(&config("gameday-1_data", "")), None);
        assert_eq!(shared(&HostConfig::default()), None);
        assert_eq!(shared(&config("host", "")), Some("networks"));
        assert_eq!(shared(&config("data", "host")), Some("processes"));
        assert_eq!(shared(&config("container:c9", "")), Some("networks"));
    }
}
