//! Is this machine able to run drills, and if not, what is missing.

use std::path::Path;

use engine::{Docker, EngineError, EngineInfo};

use crate::{
    Say, StageError,
    compose::Compose,
    images::{base, cargo},
    program::Program,
    provision,
};

const GIB: u64 = 1 << 30;

/// Room for the images, the containers' data and one build.
const DISK_BYTES: u64 = 6 * GIB;
/// The redundant topology with its load.
const MEMORY_BYTES: u64 = 6 * GIB;
const CORES: u32 = 2;

/// One thing that a machine needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What was looked at, in one or two words.
    pub name: &'static str,
    /// Whether it is good enough.
    pub ok: bool,
    /// What was found.
    pub detail: String,
    /// What to run or change, when it is not.
    pub fix: Option<String>,
}

impl Check {
    pub(crate) fn good(name: &'static str, detail: impl Into<String>) -> Self {
        Self {
            name,
            ok: true,
            detail: detail.into(),
            fix: None,
        }
    }

    pub(crate) fn bad(
        name: &'static str,
        detail: impl Into<String>,
        fix: impl Into<String>,
    ) -> Self {
        Self {
            name,
            ok: false,
            detail: detail.into(),
            fix: Some(fix.into()),
        }
    }

    fn at_least(name: &'static str, found: u64, wanted: u64, unit: &str, fix: &str) -> Self {
        match found >= wanted {
            true => Self::good(name, format!("{found} {unit}")),
            false => Self::bad(name, format!("{found} {unit}, {wanted} are needed"), fix),
        }
    }
}

/// Looks at everything that a drill needs of the machine. With `provision`, what is missing is installed
/// and the engine is started first (Debian and Ubuntu, as root or with sudo); without it nothing is
/// changed, except that the base image may be pulled.
pub async fn doctor(root: &Path, provision: bool, say: Say<'_>) -> Vec<Check> {
    let checks = look(root).await;
    if !provision || checks.iter().all(|check| check.ok) {
        return checks;
    }
    match provision::mend(root, checks, say).await {
        Ok(checks) => checks,
        Err((mut checks, error)) => {
            let fix = "see above, or install it by hand";
            checks.push(Check::bad("provision", error.to_string(), fix));
            checks
        }
    }
}

/// Refuses a machine that can't run drills; with `provision`, mends it first. Quiet when all is well.
///
/// # Errors
/// Names everything that is missing, each with its fix.
pub async fn prepare(root: &Path, provision: bool, say: Say<'_>) -> Result<(), StageError> {
    let checks = doctor(root, provision, say).await;
    let wrong: Vec<_> = checks
        .into_iter()
        .filter(|check| !check.ok)
        .map(|check| {
            let fix = check.fix.unwrap_or_default();
            format!("{}: {}; fix: {fix}", check.name, check.detail)
        })
        .collect();
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(StageError::Unable(wrong)),
    }
}

/// All checks, in the order in which they are best mended. What needs an engine is left out where there is none.
pub(crate) async fn look(root: &Path) -> Vec<Check> {
    let mut checks = vec![client().await];
    let connected = Docker::connect().await;
    checks.push(engine(&connected));
    if let Ok(docker) = &connected {
        let info = docker.info();
        checks.push(compose(docker.host()).await);
        checks.push(cores(info));
        checks.push(memory(info));
        checks.push(disk(docker.host(), root).await);
        checks.push(base_image(docker.host(), root).await);
    }
    checks.push(compiler().await);
    checks
}

async fn client() -> Check {
    match Program::new("docker").args(["--version"]).must().await {
        Ok(version) => Check::good("docker", version.trim()),
        Err(error) => Check::bad("docker", error.to_string(), provision::how_to_get("docker")),
    }
}

fn engine(connected: &Result<Docker, EngineError>) -> Check {
    match connected {
        Ok(docker) => {
            let info = docker.info();
            let about = format!(
                "{}, api {}, kernel {}, cgroup v{}",
                info.engine_version, info.api_version, info.kernel, info.cgroup_version
            );
            Check::good("engine", about)
        }
        Err(error) => Check::bad("engine", error.to_string(), provision::how_to_start()),
    }
}

async fn compose(host: &str) -> Check {
    match Compose::find(host).await {
        Ok(compose) => Check::good("compose", format!("{} {}", compose.name(), compose.version)),
        Err(StageError::NoProgram { fix, .. }) => {
            Check::bad("compose", "neither docker compose nor docker-compose", fix)
        }
        Err(error) => Check::bad(
            "compose",
            error.to_string(),
            provision::how_to_get("docker-compose"),
        ),
    }
}

fn cores(info: &EngineInfo) -> Check {
    let fix = "use a machine with more cores, or give the engine's virtual machine more";
    Check::at_least("cores", info.cpus.into(), CORES.into(), "cores", fix)
}

fn memory(info: &EngineInfo) -> Check {
    let fix = "use a machine with more memory, or give the engine's virtual machine more";
    // Half a GiB less than its name promises is what a kernel leaves.
    let found = (info.memory_bytes + GIB / 2) / GIB;
    Check::at_least("memory", found, MEMORY_BYTES / GIB, "GiB", fix)
}

async fn disk(host: &str, root: &Path) -> Check {
    let asked = ["info", "--format", "{{.DockerRootDir}}"];
    let folder = Program::docker(host)
        .args(asked)
        .must()
        .await
        .unwrap_or_default();
    // In a virtual machine the engine's folder is not on this host.
    let folder = Some(Path::new(folder.trim())).filter(|folder| folder.is_dir());
    let mut least = u64::MAX;
    for folder in [folder, Some(root)].into_iter().flatten() {
        let table = Program::new("df").args(["-Pk"]).args([folder]).must().await;
        least = least.min(
            table
                .ok()
                .and_then(|table| free_bytes(&table))
                .unwrap_or(u64::MAX),
        );
    }
    if least == u64::MAX {
        return Check::good("disk", "free space is not known");
    }
    let fix = "free some, for example with `docker system prune`";
    Check::at_least("disk", least / GIB, DISK_BYTES / GIB, "GiB free", fix)
}

/// Free bytes, from the POSIX format of `df -k`.
fn free_bytes(table: &str) -> Option<u64> {
    let kib: u64 = table
        .lines()
        .nth(1)?
        .split_ascii_whitespace()
        .nth(3)?
        .parse()
        .ok()?;
    Some(kib * 1024)
}

async fn base_image(host: &str, root: &Path) -> Check {
    const NAME: &str = "base image";
    match base::find(host, &base::script(root)).await {
        Ok(Some(base)) => return Check::good(NAME, base.reference),
        Ok(None) => {}
        Err(error) => {
            return Check::bad(NAME, error.to_string(), "work in the repository's folder");
        }
    }
    let Err(missing) = base::can_make().await else {
        return Check::good(NAME, "can be made from packages");
    };
    match base::pull(host).await {
        Ok(()) => Check::good(NAME, format!("{} pulled", base::IMAGE)),
        Err(error) => Check::bad(
            NAME,
            format!("{}, and {missing}", error.to_string().replace('\n', " ")),
            provision::how_to_get("mmdebstrap"),
        ),
    }
}

async fn compiler() -> Check {
    match Program::new(cargo()).args(["--version"]).must().await {
        Ok(version) => Check::good("compiler", version.trim()),
        Err(error) => Check::bad(
            "compiler",
            error.to_string(),
            "install Rust from https://rustup.rs",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_space_is_read_from_df() {
        let table = "\
Filesystem     1024-blocks     Used Available Capacity Mounted on
/dev/vda         263174212 16777216  79691776      18% /
";
        assert_eq!(free_bytes(table), Some(79_691_776 * 1024));
        assert_eq!(free_bytes("df: no such file"), None);
        assert_eq!(free_bytes(""), None);
    }

    #[test]
    fn too_little_says_how_much_is_needed() {
        let info = EngineInfo {
            engine_version: "20.10.24".into(),
            api_version: "1.41".into(),
            kernel: "6.1".into(),
            os: "Debian".into(),
            architecture: "x86_64".into(),
            cpus: 1,
            memory_bytes: 6 * GIB - 200_000_000,
            cgroup_version: "2".into(),
            cgroup_driver: "systemd".into(),
        };
        assert!(memory(&info).ok);
        let cores = cores(&info);
        assert!(!cores.ok && cores.fix.is_some());
        assert_eq!(cores.detail, "1 cores, 2 are needed");
    }

    #[test]
    fn an_engine_that_does_not_answer_comes_with_a_fix() {
        let check = engine(&Err(EngineError::HungUp {
            project: "p".into(),
        }));
        assert!(!check.ok);
        assert!(check.fix.unwrap().contains("gameday doctor --fix"));
    }
}
