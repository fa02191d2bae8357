//! Where a container's control group is, and where it should be.

use bollard::models::{Mount, MountType};

use crate::{Docker, EngineError, EngineInfo};

/// Where the engine puts a container's group that is told nothing else. Engines with the driver `systemd` have it in a slice,
/// and are not known to be asked for it.
const DEFAULT_PARENT: &str = "/docker";

impl EngineInfo {
    /// The parent of control groups whose shares of the processors count beside each process of the host; empty where they do
    /// without being told.
    ///
    /// By itself the driver `cgroupfs` puts all containers into one group that weighs as much as one process: whoever starts a
    /// container then takes a processor from all that run. With `systemd` each is beside the engine's own service.
    pub fn parent_beside_host(&self) -> &'static str {
        match self.cgroup_driver.as_str() {
            "cgroupfs" => "/",
            _ => "",
        }
    }
}

impl Docker {
    /// The path of a container's control group below any controller's root.
    ///
    /// # Errors
    /// When the engine does not know the container.
    pub(crate) async fn control_group(&self, id: &str) -> Result<String, EngineError> {
        let host = self.inspected(id).await?.host_config.unwrap_or_default();
        Ok(path(host.cgroup_parent.as_deref(), id))
    }
}

fn path(parent: Option<&str>, id: &str) -> String {
    let parent = parent.filter(|parent| !parent.is_empty());
    let parent = parent.unwrap_or(DEFAULT_PARENT).trim_end_matches('/');
    format!("{parent}/{id}")
}

/// The files of a group's limits of disks, as `/control-group`. A mount, not a bind: the engine refuses the one and makes the
/// folder of the other where there is none.
pub(crate) fn mount(group: &str, generation: &str) -> Mount {
    let tree = match generation {
        "2" => "/sys/fs/cgroup",
        _ => "/sys/fs/cgroup/blkio",
    };
    Mount {
        typ: Some(MountType::BIND),
        source: Some(format!("{tree}{group}")),
        target: Some("/control-group".into()),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_where_its_container_was_told_to_be() {
        assert_eq!(path(None, "c1"), "/docker/c1");
        assert_eq!(path(Some(""), "c1"), "/docker/c1");
        assert_eq!(path(Some("/"), "c1"), "/c1");
        assert_eq!(path(Some("/drills"), "c1"), "/drills/c1");
    }

    #[test]
    fn its_files_are_where_the_generation_has_them() {
        let source = |generation| mount("/docker/c1", generation).source.unwrap();
        assert_eq!(source("1"), "/sys/fs/cgroup/blkio/docker/c1");
        assert_eq!(source("2"), "/sys/fs/cgroup/docker/c1");
    }

    #[test]
    fn only_one_driver_has_to_be_told() {
        let parent = |driver: &str| {
            let info = EngineInfo {
                cgroup_driver: driver.into(),
                ..EngineInfo::default()
            };
            info.parent_beside_host()
        };
        assert_eq!(parent("cgroupfs"), "/");
        for other in ["systemd", "none", ""] {
            assert_eq!(parent(other), "");
        }
    }
}
