//! Making a Debian or Ubuntu machine able to run drills: the distribution's packages, and a started engine.
//!
//! Only on request, and only as root or with a sudo that asks for no password.

use std::{fs, path::Path, time::Duration};

use engine::Docker;

use crate::{Check, Say, StageError, doctor::look, program::Program};

/// Longest time for the package manager.
const INSTALL_WITHIN: Duration = Duration::from_secs(900);
/// Longest time for a started engine to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Time between two tries.
const TRY_EVERY: Duration = Duration::from_millis(500);
/// Where an engine that no service manager looks after writes its log.
const ENGINE_LOG: &str = "/var/log/gameday-dockerd.log";

/// What to run to get a program.
pub(crate) fn how_to_get(program: &str) -> String {
    let packages = match program {
        "docker" => "docker.io",
        "docker-compose" => "docker-compose-v2 (Ubuntu) or docker-compose (Debian)",
        "mmdebstrap" => "mmdebstrap",
        "cargo" => return "install Rust from https://rustup.rs".to_owned(),
        other => return format!("install {other}"),
    };
    format!("run `gameday doctor --fix`, or: sudo apt-get install {packages}")
}

/// What to run when the engine does not answer.
pub(crate) fn how_to_start() -> String {
    "run `gameday doctor --fix`, or start the engine: sudo systemctl start docker".to_owned()
}

/// Installs and starts what the failed checks ask for, then looks again. What one round makes visible, such
/// as a missing Compose behind an engine that was down, the next one mends.
///
/// # Errors
/// The newest checks, and what could not be done.
pub(crate) async fn mend(
    root: &Path,
    mut checks: Vec<Check>,
    say: Say<'_>,
) -> Result<Vec<Check>, (Vec<Check>, StageError)> {
    let mut tried = Vec::new();
    loop {
        let wanted: Vec<_> = wants(&checks)
            .into_iter()
            .filter(|want| !tried.contains(want))
            .collect();
        if wanted.is_empty() {
            return Ok(checks);
        }
        for want in &wanted {
            let done = match want {
                Want::Engine => start_engine(say).await,
                Want::Docker | Want::Compose | Want::BaseTool => install(*want, say).await,
            };
            if let Err(error) = done {
                return Err((checks, error));
            }
        }
        tried.extend(wanted);
        checks = look(root).await;
    }
}

/// Something that can be provided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Want {
    Docker,
    Engine,
    Compose,
    BaseTool,
}

fn wants(checks: &[Check]) -> Vec<Want> {
    let of = |check: &Check| match check.name {
        "docker" => Some(Want::Docker),
        "engine" => Some(Want::Engine),
        "compose" => Some(Want::Compose),
        "base image" => Some(Want::BaseTool),
        _ => None,
    };
    checks
        .iter()
        .filter(|check| !check.ok)
        .filter_map(of)
        .collect()
}

impl Want {
    /// Packages that provide it, in order of preference; all that have a candidate in the first group are installed.
    fn packages(self) -> &'static [&'static [&'static str]] {
        match self {
            // The newest distributions ship the command line in a package of its own.
            Self::Docker => &[&["docker.io", "docker-cli"]],
            Self::Compose => &[
                &["docker-compose-v2"],
                &["docker-compose"],
                &["docker-compose-plugin"],
            ],
            Self::BaseTool => &[&["mmdebstrap"], &["debootstrap"]],
            Self::Engine => &[],
        }
    }
}

async fn install(want: Want, say: Say<'_>) -> Result<(), StageError> {
    say("provision: apt-get update".to_owned());
    as_root(&["apt-get", "update"])
        .await?
        .within(INSTALL_WITHIN)
        .must()
        .await?;
    for group in want.packages() {
        let policy = Program::new("apt-cache")
            .arg("policy")
            .args(*group)
            .must()
            .await?;
        let packages = with_candidate(&policy);
        if packages.is_empty() {
            continue;
        }
        say(format!("provision: apt-get install {}", packages.join(" ")));
        let install = [
            "env",
            "DEBIAN_FRONTEND=noninteractive",
            "apt-get",
            "install",
            "--yes",
        ];
        let install = as_root(&install)
            .await?
            .arg("--no-install-recommends")
            .args(&packages);
        install
            .within(INSTALL_WITHIN)
            .to("installing packages")
            .must()
            .await?;
        return Ok(());
    }
    Err(StageError::NoProgram {
        program: format!("any of {:?}", want.packages().concat()),
        fix: "no configured package source has it: add one, or install it by hand".to_owned(),
    })
}

/// Packages that can be installed, from the words of `apt-cache policy`.
fn with_candidate(policy: &str) -> Vec<String> {
    let mut package = None;
    let mut found = Vec::new();
    for line in policy.lines() {
        if !line.starts_with(' ') {
            package = line.strip_suffix(':');
        } else if let Some(candidate) = line.trim().strip_prefix("Candidate: ")
            && candidate != "(none)"
        {
            found.extend(package.map(str::to_owned));
        }
    }
    found
}

/// A program with the rights to change the machine.
async fn as_root(words: &[&str]) -> Result<Program, StageError> {
    let me = Program::new("id").arg("--user").must().await?;
    if me.trim() == "0" {
        return Ok(Program::new(words[0]).args(&words[1..]));
    }
    Program::new("sudo")
        .args(["--non-interactive", "true"])
        .to("provisioning without being root, and sudo")
        .must()
        .await?;
    Ok(Program::new("sudo").arg("--non-interactive").args(words))
}

/// Starts the engine by whatever looks after services here, and waits until it answers.
async fn start_engine(say: Say<'_>) -> Result<(), StageError> {
    let managed: Option<&[&str]> = if Path::new("/run/systemd/system").is_dir() {
        Some(&["systemctl", "start", "docker"])
    } else if Path::new("/etc/init.d/docker").exists() {
        Some(&["service", "docker", "start"])
    } else {
        None
    };
    if let Some(words) = managed {
        say(format!("provision: {}", words.join(" ")));
        // A script may fail where a container allows it no limits; the engine itself may still run.
        let started = as_root(words).await?.to("starting the engine").must().await;
        if started.is_ok() && answers().await {
            return Ok(());
        }
        tracing::warn!(?started, "the service manager could not start the engine");
    }
    say(format!("provision: dockerd, its log in {ENGINE_LOG}"));
    let background = format!("setsid dockerd >{ENGINE_LOG} 2>&1 </dev/null &");
    as_root(&["sh", "-c", &background]).await?.must().await?;
    if answers().await {
        return Ok(());
    }
    let log = fs::read_to_string(ENGINE_LOG).unwrap_or_default();
    let lines: Vec<_> = log.lines().map(String::from).collect();
    Err(StageError::Failed {
        action: "starting the engine".to_owned(),
        status: format!("no answer within {} s", ANSWER_WITHIN.as_secs()),
        log: Some(ENGINE_LOG.into()),
        tail: lines[lines.len().saturating_sub(20)..].to_vec(),
    })
}

async fn answers() -> bool {
    let asking = async {
        while Docker::connect().await.is_err() {
            tokio::time::sleep(TRY_EVERY).await;
        }
    };
    tokio::time::timeout(ANSWER_WITHIN, asking).await.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_packages_with_a_candidate_are_installed() {
        let policy = "\
docker.io:
  Installed: (none)
  Candidate: 26.1.5+dfsg1-9
  Version table:
     26.1.5+dfsg1-9 500
docker-cli:
  Installed: (none)
  Candidate: (none)
";
        assert_eq!(with_candidate(policy), ["docker.io"]);
        assert!(with_candidate("").is_empty());
        assert!(with_candidate("N: Unable to locate package x").is_empty());
    }

    #[test]
    fn failed_checks_become_wants_and_the_rest_does_not() {
        let checks = [
            Check::good("docker", ""),
            Check::bad("engine", "", ""),
            Check::bad("cores", "", ""),
            Check::bad("base image", "", ""),
        ];
        assert_eq!(wants(&checks), [Want::Engine, Want::BaseTool]);
        assert!(wants(&checks[..1]).is_empty());
    }

    #[test]
    fn every_fix_names_a_command() {
        for program in ["docker", "docker-compose", "mmdebstrap"] {
            assert!(how_to_get(program).contains("apt-get install"), "{program}");
        }
        assert!(how_to_get("sh").contains("install sh"));
    }
}
