//! The base of every image: a minimal Debian, pulled where a registry can be reached, else made from packages.

use std::{
    io,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::{io::AsyncReadExt, time::Instant};

use crate::{Say, StageError, program::Program};

use super::{Site, inputs::Inputs};

/// What is pulled.
pub(crate) const IMAGE: &str = "debian:trixie-slim";

/// A registry that can be reached answers within this; a firewall that swallows packets does not.
const FIRST_ANSWER: Duration = Duration::from_secs(20);

/// Longest time for the whole pull: 30 MB.
const PULL_WITHIN: Duration = Duration::from_secs(180);

/// Longest time to make it: packages over a slow network.
const MAKE_WITHIN: Duration = Duration::from_secs(900);

/// The base image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Base {
    /// What Dockerfiles name it.
    pub(crate) reference: String,
    /// The engine's id of it.
    pub(crate) id: String,
}

/// The base image of this machine. One that was made wins over one that was pulled, so that a registry that
/// comes and goes does not rebuild every image.
pub(crate) async fn ensure(site: &Site<'_>, say: Say<'_>) -> Result<Base, StageError> {
    let host = site.docker.host();
    let script = script(site.root);
    if let Some(base) = find(host, &script).await? {
        return Ok(base);
    }
    say(format!("base image: pulling {IMAGE}"));
    let pull = match pull(host).await {
        Ok(()) => {
            let id = id(host, IMAGE).await?;
            return id
                .map(|id| named(IMAGE, id))
                .ok_or_else(|| no_base("it is gone again", "there is nothing to do about it"));
        }
        Err(error) => error.to_string().replace('\n', " "),
    };
    say("base image: not to be had from a registry, making it from packages".to_owned());
    let began = Instant::now();
    let tag = made_tag(&script)?;
    let log = site.logs.join("build-base.log");
    if let Err(error) = can_make().await {
        return Err(no_base(&pull, &error));
    }
    make(host, &script, &tag, &log).await?;
    say(format!(
        "base image: made in {:.1} s",
        began.elapsed().as_secs_f64()
    ));
    let id = id(host, &tag).await?;
    id.map(|id| named(&tag, id))
        .ok_or_else(|| no_base(&pull, "the one just made is gone again"))
}

/// The script that makes it, below the folder that holds `compose`.
pub(crate) fn script(root: &Path) -> PathBuf {
    root.join("compose/images/base/make.sh")
}

/// The base image, where it is there already.
pub(crate) async fn find(host: &str, script: &Path) -> Result<Option<Base>, StageError> {
    for reference in [made_tag(script)?.as_str(), IMAGE] {
        if let Some(id) = id(host, reference).await? {
            return Ok(Some(named(reference, id)));
        }
    }
    Ok(None)
}

/// Pulls the base image, giving up early on a registry that does not answer.
pub(crate) async fn pull(host: &str) -> Result<(), StageError> {
    let action = format!("pulling {IMAGE}");
    let mut child = Program::docker(host)
        .args(["pull", IMAGE])
        .spawn(Stdio::null())?;
    let mut stdout = child.stdout.take();
    let answered = async {
        let mut first = [0];
        match &mut stdout {
            Some(stdout) => stdout.read(&mut first).await.unwrap_or(0),
            None => 0,
        }
    };
    let too_slow = |within| StageError::TooSlow {
        action: action.clone(),
        within,
    };
    tokio::time::timeout(FIRST_ANSWER, answered)
        .await
        .map_err(|_| too_slow(FIRST_ANSWER))?;
    // The rest must be read, or the program waits for its reader.
    child.stdout = stdout;
    let ended = tokio::time::timeout(PULL_WITHIN, child.wait_with_output()).await;
    let ended = ended.map_err(|_| too_slow(PULL_WITHIN))?;
    let ended = ended.map_err(StageError::file("run", "docker"))?;
    if ended.status.success() {
        return Ok(());
    }
    Err(StageError::Failed {
        action,
        status: ended.status.to_string(),
        log: None,
        tail: String::from_utf8_lossy(&ended.stderr)
            .lines()
            .map(String::from)
            .collect(),
    })
}

/// Whether a tool that makes it is installed; if not, what to run.
pub(crate) async fn can_make() -> Result<(), String> {
    for tool in ["mmdebstrap", "debootstrap"] {
        if Program::new(tool)
            .args(["--version"])
            .run()
            .await
            .is_ok_and(|ended| ended.ok)
        {
            return Ok(());
        }
    }
    Err(format!(
        "neither mmdebstrap nor debootstrap is installed to make one: {}",
        crate::provision::how_to_get("mmdebstrap")
    ))
}

/// Runs the script into an import. The image gets its tag only when both ended well: half a file system
/// is an image, too.
async fn make(host: &str, script: &Path, tag: &str, log: &Path) -> Result<(), StageError> {
    let mut maker = Program::new("sh").args([script]).spawn(Stdio::null())?;
    let Some(packed) = maker.stdout.take() else {
        return Err(StageError::file("read from", script)(
            io::ErrorKind::BrokenPipe.into(),
        ));
    };
    let packed: Stdio = packed
        .try_into()
        .map_err(StageError::file("read from", script))?;
    let import = Program::docker(host).args(["import", "-"]).spawn(packed)?;
    let both = async { tokio::join!(maker.wait_with_output(), import.wait_with_output()) };
    let both = tokio::time::timeout(MAKE_WITHIN, both).await;
    let (made, imported) = both.map_err(|_| StageError::TooSlow {
        action: "making the base image".to_owned(),
        within: MAKE_WITHIN,
    })?;
    let made = made.map_err(StageError::file("run", script))?;
    let imported = imported.map_err(StageError::file("run", "docker import"))?;
    let said = String::from_utf8_lossy(&[made.stderr, imported.stderr].concat()).into_owned();
    tokio::fs::write(log, &said)
        .await
        .map_err(StageError::file("write", log))?;
    let id = String::from_utf8_lossy(&imported.stdout).trim().to_owned();
    if made.status.success() && imported.status.success() {
        Program::docker(host)
            .args(["image", "tag", &id, tag])
            .must()
            .await?;
        return Ok(());
    }
    if !id.is_empty() {
        // Best effort: the failure to report is the other one.
        let _ = Program::docker(host).args(["image", "rm", &id]).run().await;
    }
    let lines: Vec<_> = said.lines().map(String::from).collect();
    Err(StageError::Failed {
        action: "making the base image".to_owned(),
        status: format!("{}, import {}", made.status, imported.status),
        log: Some(log.to_owned()),
        tail: lines[lines.len().saturating_sub(20)..].to_vec(),
    })
}

/// The tag of the image that this script makes.
fn made_tag(script: &Path) -> Result<String, StageError> {
    let text = std::fs::read(script).map_err(StageError::file("read", script))?;
    Ok(format!("gameday/base:{}", Inputs::of_text(&text).short()))
}

async fn id(host: &str, reference: &str) -> Result<Option<String>, StageError> {
    let inspect = ["image", "inspect", "--format", "{{.Id}}", reference];
    let answer = Program::docker(host).args(inspect).run().await?;
    Ok(answer.ok.then(|| answer.stdout.trim().to_owned()))
}

fn named(reference: &str, id: String) -> Base {
    Base {
        reference: reference.to_owned(),
        id,
    }
}

fn no_base(pull: &str, make: &str) -> StageError {
    StageError::NoBase {
        image: IMAGE,
        pull: pull.to_owned(),
        make: make.to_owned(),
    }
}
