//! What a recipe may ask for. A recipe that lies on disk may have been written by anybody, so it is made only if it is what a
//! member of the run's own topology can be.

use bollard::models::{ContainerCreateBody, HostConfig, Mount, MountType};

use crate::{PROJECT_LABEL, PROJECT_PREFIX, RUN_LABEL, Recipe, Thing};

/// How the names of all images begin that are built here.
const IMAGES: &str = "gameday/";

/// Every capability that a member of a topology has.
const CAPABILITIES: [&str; 8] = [
    "NET_ADMIN",
    "NET_RAW",
    "NET_BROADCAST",
    "NET_BIND_SERVICE",
    "SETUID",
    "SETGID",
    "SETPCAP",
    "KILL",
];

/// Modes of inter-process communication that join nobody.
const OWN_IPC: [&str; 4] = ["", "private", "shareable", "none"];

impl Recipe {
    /// Compares what a recipe asks for with what a member of this project may have. Returns the networks and volumes that it
    /// uses: the caller checks their owner before it makes the container.
    ///
    /// # Errors
    /// Says what it asks for that no member of this project has.
    pub fn vet(&self, project: &str) -> Result<Vec<Thing<'_>>, String> {
        let body: ContainerCreateBody = serde_json::from_value(self.body.clone())
            .map_err(|error| format!("it is no description of a container: {error}"))?;
        let run = project.strip_prefix(PROJECT_PREFIX).unwrap_or(project);
        let labels = body.labels.as_ref();
        let has = |name: &str, value: &str| {
            labels
                .and_then(|labels| labels.get(name))
                .map(String::as_str)
                == Some(value)
        };
        if !has(PROJECT_LABEL, project) || !has(RUN_LABEL, run) {
            return Err(format!("its labels are not those of {project}"));
        }
        let image = body.image.as_deref().unwrap_or_default();
        if !image.starts_with(IMAGES) {
            return Err(format!("its image {image:?} is none of {IMAGES}*"));
        }
        let host = body
            .host_config
            .as_ref()
            .ok_or("it says nothing of its host")?;
        for vetted in [
            powers(host),
            namespaces(host),
            self.connections(host),
            ports(host),
        ] {
            vetted?;
        }
        let mut things: Vec<_> = self
            .endpoints
            .iter()
            .map(|endpoint| Thing::Network(&endpoint.network))
            .collect();
        volumes(host)?;
        things.extend(self.volumes().map(Thing::Volume));
        Ok(things)
    }

    /// It joins networks of its own and nobody else's.
    fn connections(&self, host: &HostConfig) -> Result<(), String> {
        let mode = host.network_mode.as_deref().unwrap_or_default();
        let known = self.endpoints.iter().any(|one| one.network == mode);
        match known || mode == "none" {
            true => Ok(()),
            false => Err(format!(
                "it asks for the network {mode:?}, which it is not on"
            )),
        }
    }

    /// The names of the volumes that it mounts.
    fn volumes(&self) -> impl Iterator<Item = &str> {
        let list = |name: &str| {
            self.body["HostConfig"][name]
                .as_array()
                .into_iter()
                .flatten()
        };
        let binds = list("Binds").filter_map(|bind| bind.as_str()?.split(':').next());
        let mounts = list("Mounts").filter(|mount| mount["Type"] == "volume");
        binds.chain(mounts.filter_map(|mount| mount["Source"].as_str()))
    }
}

/// It has no more power over the machine than a member.
fn powers(host: &HostConfig) -> Result<(), String> {
    fn some<T>(list: Option<&Vec<T>>) -> bool {
        list.is_some_and(|list| !list.is_empty())
    }
    let unmasked = |paths: Option<&Vec<String>>| paths.is_some_and(Vec::is_empty);
    let refused = [
        ("to be privileged", host.privileged == Some(true)),
        ("for devices", some(host.devices.as_ref())),
        ("for devices", some(host.device_requests.as_ref())),
        ("for devices", some(host.device_cgroup_rules.as_ref())),
        (
            "for volumes of another container",
            some(host.volumes_from.as_ref()),
        ),
        (
            "for the kernel's hidden files",
            unmasked(host.masked_paths.as_ref()),
        ),
        (
            "to write the kernel's files",
            unmasked(host.readonly_paths.as_ref()),
        ),
    ];
    if let Some((what, _)) = refused.iter().find(|(_, asked)| *asked) {
        return Err(format!("it asks {what}"));
    }
    for capability in host.cap_add.iter().flatten() {
        let name = capability.strip_prefix("CAP_").unwrap_or(capability);
        if !CAPABILITIES.contains(&name) {
            return Err(format!("it asks for the capability {capability}"));
        }
    }
    for option in host.security_opt.iter().flatten() {
        if !option.starts_with("no-new-privileges") {
            return Err(format!("it asks for the security option {option:?}"));
        }
    }
    Ok(())
}

/// It lives in namespaces of its own.
fn namespaces(host: &HostConfig) -> Result<(), String> {
    let shared = [
        ("process", host.pid_mode.as_deref()),
        ("host name", host.uts_mode.as_deref()),
        ("user", host.userns_mode.as_deref()),
    ];
    for (what, mode) in shared {
        if let Some(mode) = mode.filter(|mode| !mode.is_empty()) {
            return Err(format!("it asks for the {what} namespace {mode:?}"));
        }
    }
    match host.ipc_mode.as_deref() {
        Some(mode) if !OWN_IPC.contains(&mode) => {
            Err(format!("it asks for the ipc namespace {mode:?}"))
        }
        _ => Ok(()),
    }
}

/// It mounts named volumes alone: no member of a topology mounts a folder of the machine.
fn volumes(host: &HostConfig) -> Result<(), String> {
    let bound = host.binds.iter().flatten();
    let is_path = |bind: &&String| !bind.starts_with(|first: char| first.is_ascii_alphanumeric());
    if let Some(bind) = bound.clone().find(is_path) {
        return Err(format!("it mounts a folder of the machine: {bind}"));
    }
    let kinds = [Some(MountType::VOLUME), Some(MountType::TMPFS)];
    let is_other = |mount: &&Mount| {
        let driver = mount
            .volume_options
            .as_ref()
            .and_then(|options| options.driver_config.as_ref());
        !kinds.contains(&mount.typ) || driver.is_some()
    };
    match host.mounts.iter().flatten().find(is_other) {
        Some(mount) => {
            let source = mount.source.as_deref().unwrap_or_default();
            Err(format!("it mounts a folder of the machine: {source}"))
        }
        None => Ok(()),
    }
}

/// It listens on the machine's own loopback alone.
fn ports(host: &HostConfig) -> Result<(), String> {
    let bindings = host.port_bindings.iter().flat_map(|ports| ports.values());
    for binding in bindings.flatten().flatten() {
        let ip = binding.host_ip.as_deref().unwrap_or_default();
        if !ip
            .parse::<std::net::IpAddr>()
            .is_ok_and(|ip| ip.is_loopback())
        {
            return Err(format!("it asks for a port at the address {ip:?}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::Endpoint;

    fn recipe(change: &Value) -> Recipe {
        let mut body = json!({
            "Image": "gameday/postgres:1",
            "Labels": { PROJECT_LABEL: "gameday-7", RUN_LABEL: "7" },
            "HostConfig": {
                "NetworkMode": "gameday-7_data",
                "Binds": ["gameday-7_postgres-1:/var/lib/postgresql:rw"],
                "CapAdd": ["CAP_NET_ADMIN", "KILL"],
                "SecurityOpt": ["no-new-privileges:true"],
                "IpcMode": "private",
                "PidMode": "",
                "Privileged": false,
                "PortBindings": { "7100/tcp": [{ "HostIp": "127.0.0.1", "HostPort": "" }] },
            },
        });
        for (name, value) in change.as_object().into_iter().flatten() {
            match name.as_str() {
                "Image" | "Labels" => body[name] = value.clone(),
                _ => body["HostConfig"][name] = value.clone(),
            }
        }
        Recipe {
            name: "gameday-7_postgres-1_1".into(),
            body,
            endpoints: vec![Endpoint {
                network: "gameday-7_data".into(),
                address: None,
                aliases: vec![],
            }],
        }
    }

    #[test]
    fn a_member_is_vetted_and_names_what_it_uses() {
        let things = recipe(
            &json!({ "Mounts": [{ "Type": "volume", "Source": "gameday-7_log", "Target": "/l" }] }),
        );
        assert_eq!(
            things.vet("gameday-7").unwrap(),
            [
                Thing::Network("gameday-7_data"),
                Thing::Volume("gameday-7_postgres-1"),
                Thing::Volume("gameday-7_log"),
            ]
        );
    }

    #[test]
    fn what_no_member_has_is_refused_by_name() {
        for (change, word) in [
            (
                json!({ "Labels": { PROJECT_LABEL: "gameday-7" } }),
                "labels",
            ),
            (
                json!({ "Labels": { PROJECT_LABEL: "gameday-8", RUN_LABEL: "7" } }),
                "labels",
            ),
            (json!({ "Image": "alpine" }), "alpine"),
            (json!({ "Privileged": true }), "privileged"),
            (
                json!({ "Devices": [{ "PathOnHost": "/dev/sda" }] }),
                "devices",
            ),
            (json!({ "NetworkMode": "host" }), "host"),
            (json!({ "NetworkMode": "container:abc" }), "container:abc"),
            (json!({ "PidMode": "host" }), "process namespace"),
            (json!({ "UTSMode": "host" }), "host name namespace"),
            (json!({ "UsernsMode": "host" }), "user namespace"),
            (json!({ "IpcMode": "host" }), "ipc namespace"),
            (json!({ "Binds": ["/:/host"] }), "/:/host"),
            (json!({ "Binds": ["../etc:/host"] }), "../etc"),
            (
                json!({ "Mounts": [{ "Type": "bind", "Source": "/etc", "Target": "/e" }] }),
                "/etc",
            ),
            (json!({ "VolumesFrom": ["abc"] }), "another container"),
            (json!({ "CapAdd": ["SYS_ADMIN"] }), "SYS_ADMIN"),
            (
                json!({ "SecurityOpt": ["apparmor=unconfined"] }),
                "unconfined",
            ),
            (json!({ "MaskedPaths": [] }), "hidden"),
            (
                json!({ "PortBindings": { "1/tcp": [{ "HostIp": "", "HostPort": "1" }] } }),
                "address",
            ),
        ] {
            let refused = recipe(&change).vet("gameday-7").unwrap_err();
            assert!(refused.contains(word), "{change}: {refused}");
        }
    }
}
