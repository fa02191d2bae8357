//! Finding the engine and asking once what it is.

use std::{env, path::Path, sync::Arc, time::Duration};

use crate::EngineError;

/// How long the first answer may take: a local engine under load answers within a second.
const FIRST_ANSWER: Duration = Duration::from_secs(10);

/// How long any later answer may take. Removing a loaded container was seen to take several seconds.
const ANSWER: Duration = Duration::from_secs(60);

/// The oldest API version that the testbed is written for: Docker Engine 20.10.
const OLDEST_API: (u32, u32) = (1, 41);

/// What the engine says of itself and of the machine it runs on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EngineInfo {
    /// Version of the engine, such as `20.10.24`.
    pub engine_version: String,
    /// Newest API version that the engine speaks, such as `1.41`.
    pub api_version: String,
    /// Kernel release of the machine under the engine.
    pub kernel: String,
    /// Name of its operating system.
    pub os: String,
    /// Architecture as `uname -m` says it.
    pub architecture: String,
    /// Processor cores that the engine may use.
    pub cpus: u32,
    /// Memory of that machine, in bytes.
    pub memory_bytes: u64,
    /// Generation of control groups: `1` or `2`; empty when the engine does not say.
    pub cgroup_version: String,
    /// Who manages control groups: `cgroupfs`, `systemd` or `none`; empty when the engine does not say.
    pub cgroup_driver: String,
}

/// A connection to the engine. Copies share it.
#[derive(Debug, Clone)]
pub struct Docker {
    pub(crate) client: bollard::Docker,
    about: Arc<About>,
}

#[derive(Debug)]
struct About {
    host: String,
    info: EngineInfo,
}

impl Docker {
    /// Connects to the engine that `DOCKER_HOST` names, else to the first socket found of: the system's,
    /// the rootless engine's, Docker Desktop's.
    ///
    /// # Errors
    /// Names the socket and what to do when nobody answers within 10 s or the engine is older than 20.10.
    pub async fn connect() -> Result<Self, EngineError> {
        Self::connect_to(&local_host(|name| env::var(name).ok(), Path::exists)).await
    }

    /// Connects to the engine at `host`, such as `unix:///var/run/docker.sock` or `tcp://127.0.0.1:2375`.
    ///
    /// # Errors
    /// As [`Docker::connect`].
    pub async fn connect_to(host: &str) -> Result<Self, EngineError> {
        let no_answer = |error| EngineError::no_answer(host, &error);
        let client = bollard::Docker::connect_with_host(host)
            .map_err(no_answer)?
            .with_timeout(FIRST_ANSWER)
            .negotiate_version()
            .await
            .map_err(no_answer)?;
        let version = client.version().await.map_err(no_answer)?;
        let system = client.info().await.map_err(no_answer)?;
        let info = EngineInfo {
            engine_version: version.version.unwrap_or_default(),
            api_version: version.api_version.unwrap_or_default(),
            kernel: system.kernel_version.unwrap_or_default(),
            os: system.operating_system.unwrap_or_default(),
            architecture: system.architecture.unwrap_or_default(),
            cpus: system.ncpu.and_then(|n| n.try_into().ok()).unwrap_or(0),
            memory_bytes: system
                .mem_total
                .and_then(|n| n.try_into().ok())
                .unwrap_or(0),
            cgroup_version: system
                .cgroup_version
                .map(|v| v.to_string())
                .unwrap_or_default(),
            cgroup_driver: system
                .cgroup_driver
                .map(|driver| driver.to_string())
                .unwrap_or_default(),
        };
        if api_number(&info.api_version).is_none_or(|version| version < OLDEST_API) {
            return Err(EngineError::TooOld {
                host: host.to_owned(),
                engine_version: info.engine_version,
                api_version: info.api_version,
            });
        }
        Ok(Self {
            client: client.with_timeout(ANSWER),
            about: Arc::new(About {
                host: host.to_owned(),
                info,
            }),
        })
    }

    /// What the engine said of itself when the connection was made.
    pub fn info(&self) -> &EngineInfo {
        &self.about.info
    }

    /// The address of the engine in the form of `DOCKER_HOST`: hand it to every other program that must
    /// speak to the same engine.
    pub fn host(&self) -> &str {
        &self.about.host
    }

    /// The client, with room for a call that takes `longer` than usual by itself.
    pub(crate) fn patient(&self, longer: Duration) -> bollard::Docker {
        self.client
            .clone()
            .with_timeout(ANSWER.saturating_add(longer))
    }
}

fn local_host(var: impl Fn(&str) -> Option<String>, exists: impl Fn(&Path) -> bool) -> String {
    if let Some(host) = var("DOCKER_HOST").filter(|host| !host.is_empty()) {
        return host;
    }
    let system = "/var/run/docker.sock".to_owned();
    let rootless = var("XDG_RUNTIME_DIR").map(|dir| format!("{dir}/docker.sock"));
    let desktop = var("HOME").map(|dir| format!("{dir}/.docker/run/docker.sock"));
    let found = [Some(system.clone()), rootless, desktop]
        .into_iter()
        .flatten()
        .find(|path| exists(Path::new(path)));
    format!("unix://{}", found.unwrap_or(system))
}

fn api_number(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(pairs: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<String> {
        move |name| {
            let found = pairs.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn docker_host_wins_over_every_socket() {
        let vars = env(&[("DOCKER_HOST", "tcp://10.0.0.1:2375"), ("HOME", "/h")]);
        assert_eq!(local_host(vars, |_| true), "tcp://10.0.0.1:2375");
    }

    #[test]
    fn the_first_socket_that_exists_is_taken() {
        let vars = env(&[
            ("DOCKER_HOST", ""),
            ("HOME", "/h"),
            ("XDG_RUNTIME_DIR", "/r"),
        ]);
        let only_desktop = |path: &Path| path.starts_with("/h");
        assert_eq!(
            local_host(vars, only_desktop),
            "unix:///h/.docker/run/docker.sock"
        );
    }

    #[test]
    fn without_any_socket_the_error_will_name_the_usual_one() {
        assert_eq!(
            local_host(env(&[]), |_| false),
            "unix:///var/run/docker.sock"
        );
    }

    #[test]
    fn api_versions_compare_as_numbers() {
        assert!(api_number("1.9") < api_number("1.41"));
        assert_eq!(api_number("newest"), None);
    }

    #[tokio::test]
    async fn nobody_at_the_socket_is_a_clear_error() {
        let error = Docker::connect_to("unix:///nowhere/docker.sock")
            .await
            .unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("/nowhere/docker.sock") && text.contains("start the docker engine"),
            "{text}"
        );
    }
}
