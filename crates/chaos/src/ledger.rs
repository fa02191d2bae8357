//! What must be undone, on disk before it is done.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use serde::{Deserialize, Serialize};

use crate::{ChaosError, trust, undo::UndoAction};

/// Version of the undo files that this program writes and reads.
const FORMAT: u32 = 2;

/// Image of the agents where nothing else is said: the newest that was built.
pub const AGENTS: &str = "gameday/agent:latest";

/// The undo files of one project: one file for each fault that may be in force.
#[derive(Debug)]
pub struct UndoLedger {
    dir: PathBuf,
    project: String,
    agents: String,
    next: AtomicU64,
}

/// The contents of an undo file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Undo {
    format: u32,
    /// Project of the members.
    pub(crate) project: String,
    /// The fault's word.
    pub(crate) fault: String,
    /// Wall time at which the file was written, in nanoseconds since the Unix epoch: for whoever finds it.
    written_at_unix_ns: u64,
    /// Who suffers, each with the way back.
    pub(crate) members: Vec<Sufferer>,
}

/// A member, as far as undoing needs it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sufferer {
    /// Container id.
    pub(crate) id: String,
    /// Service name.
    pub(crate) service: String,
    /// The way back.
    pub(crate) action: UndoAction,
}

impl Undo {
    pub(crate) fn new(project: &str, fault: &'static str, members: Vec<Sufferer>) -> Self {
        Self {
            format: FORMAT,
            project: project.to_owned(),
            fault: fault.to_owned(),
            written_at_unix_ns: clock::unix_ns(),
            members,
        }
    }

    /// Reads an undo file.
    ///
    /// # Errors
    /// Names the file when it is a link, another user's, or not an undo file of a version known here.
    pub(crate) fn read(path: &Path) -> Result<Self, ChaosError> {
        let corrupt = |reason: String| ChaosError::Corrupt {
            path: path.to_owned(),
            reason,
        };
        let mut text = Vec::new();
        let mut file = trust::open(path)?;
        file.read_to_end(&mut text).map_err(disk("read", path))?;
        let value: serde_json::Value =
            serde_json::from_slice(&text).map_err(|error| corrupt(error.to_string()))?;
        match value.get("format").and_then(serde_json::Value::as_u64) {
            Some(format) if format == u64::from(FORMAT) => {}
            other => return Err(corrupt(format!("format is {other:?}, not {FORMAT}"))),
        }
        serde_json::from_value(value).map_err(|error| corrupt(error.to_string()))
    }
}

impl UndoLedger {
    /// Opens the ledger of one project in `dir`, and makes the folder where it is missing. Files that an
    /// earlier process left stay and are counted on from.
    ///
    /// # Errors
    /// When the folder can't be made or read, is a link, or belongs to another user.
    pub fn open(dir: &Path, project: &str) -> Result<Self, ChaosError> {
        fs::create_dir_all(dir).map_err(disk("make", dir))?;
        let last = left_in(dir)?
            .into_iter()
            .map(|(sequence, _)| sequence)
            .max();
        Ok(Self {
            dir: dir.to_owned(),
            project: project.to_owned(),
            agents: AGENTS.to_owned(),
            next: AtomicU64::new(last.map_or(1, |last| last + 1)),
        })
    }

    /// Has the agents that hold faults run from this image.
    #[must_use]
    pub fn with_agents(mut self, image: impl Into<String>) -> Self {
        self.agents = image.into();
        self
    }

    /// Image of the agents.
    pub(crate) fn agents(&self) -> &str {
        &self.agents
    }

    /// The project that this ledger is for.
    pub fn project(&self) -> &str {
        &self.project
    }

    /// The folder of the undo files.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// A path for the undo of one more fault.
    pub(crate) fn next_path(&self, fault: &str) -> (u64, PathBuf) {
        let sequence = self.next.fetch_add(1, Ordering::Relaxed);
        (
            sequence,
            self.dir.join(format!("{sequence:06}-{fault}.json")),
        )
    }
}

/// Writes an undo file so that it survives the loss of power: complete or not at all.
pub(crate) async fn keep(path: &Path, undo: &Undo) -> Result<(), ChaosError> {
    let (path, undo) = (path.to_owned(), undo.clone());
    off_the_loop("writing the undo", move || write(&path, &undo)).await
}

/// Removes an undo file; one that is gone already is no failure.
pub(crate) async fn forget(path: &Path) -> Result<(), ChaosError> {
    let path = path.to_owned();
    off_the_loop("removing the undo", move || remove(&path)).await
}

/// Syncing to disk may take long; other tasks must go on meanwhile.
async fn off_the_loop(
    what: &'static str,
    work: impl FnOnce() -> Result<(), ChaosError> + Send + 'static,
) -> Result<(), ChaosError> {
    let outcome = tokio::task::spawn_blocking(work).await;
    outcome.unwrap_or_else(|error| Err(ChaosError::cut_short(what, &error)))
}

fn write(path: &Path, undo: &Undo) -> Result<(), ChaosError> {
    let temporary = path.with_extension("tmp");
    let mut text = serde_json::to_vec_pretty(undo).map_err(|error| ChaosError::Disk {
        action: "serialise",
        path: path.to_owned(),
        source: error.into(),
    })?;
    text.push(b'\n');
    // What a container is made of holds its passwords: for nobody else to read.
    let mut options = OpenOptions::new();
    // A link in its place would lead the text elsewhere; what a dead process left is written anew.
    let mine = options.write(true).create_new(true).mode(0o600);
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(disk("remove", &temporary)(error));
        }
        _ => {}
    }
    let mut file = mine.open(&temporary).map_err(disk("create", &temporary))?;
    file.write_all(&text).map_err(disk("write", &temporary))?;
    file.sync_all().map_err(disk("sync", &temporary))?;
    fs::rename(&temporary, path).map_err(disk("rename", &temporary))?;
    sync_folder(path)
}

fn remove(path: &Path) -> Result<(), ChaosError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(disk("remove", path)(error)),
        _ => sync_folder(path),
    }
}

/// Every undo file in a folder with its sequence number, oldest first; none when there is no folder. A folder that is a link or
/// another user's is refused.
pub(crate) fn left_in(dir: &Path) -> Result<Vec<(u64, PathBuf)>, ChaosError> {
    trust::folder(dir)?;
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(disk("list", dir))?,
    };
    let mut left = Vec::new();
    for entry in entries {
        let path = entry.map_err(disk("list", dir))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if let Some(name) = name.strip_suffix(".json") {
            let sequence = name
                .split('-')
                .next()
                .and_then(|number| number.parse().ok());
            left.push((sequence.unwrap_or(0), path));
        }
    }
    left.sort();
    Ok(left)
}

fn sync_folder(path: &Path) -> Result<(), ChaosError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(disk("sync", folder))
}

fn disk(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ChaosError {
    let path = path.to_owned();
    move |source| ChaosError::Disk {
        action,
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::fake::Folder;

    #[test]
    fn an_undo_is_read_back_as_written_and_numbered_on() {
        let folder = Folder::new();
        let ledger = UndoLedger::open(&folder.path, "p").unwrap();
        let sufferer = Sufferer {
            id: "c1".into(),
            service: "api-1".into(),
            action: UndoAction::Unpause,
        };
        let undo = Undo::new("p", "pause", vec![sufferer]);
        let (_, path) = ledger.next_path("pause");
        write(&path, &undo).unwrap();
        assert_eq!(Undo::read(&path).unwrap(), undo);
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{mode:o}");
        let again = UndoLedger::open(&folder.path, "p").unwrap();
        assert!(again.next_path("kill").1.ends_with("000002-kill.json"));
        remove(&path).unwrap();
        remove(&path).unwrap();
        assert!(left_in(&folder.path).unwrap().is_empty());
    }

    #[test]
    fn a_file_of_another_version_is_refused_by_name() {
        let folder = Folder::new();
        let path = folder.path.join("000001-kill.json");
        for (text, expected) in [
            (r#"{"format": 1}"#, "not 2"),
            ("{", "EOF"),
            (r#"{"format": 2}"#, "missing field"),
        ] {
            fs::write(&path, text).unwrap();
            let error = Undo::read(&path).unwrap_err().to_string();
            assert!(
                error.contains("000001-kill.json") && error.contains(expected),
                "{error}"
            );
        }
    }

    #[test]
    fn a_half_written_file_is_not_an_undo() {
        let folder = Folder::new();
        fs::write(folder.path.join("000001-kill.tmp"), "{").unwrap();
        assert!(left_in(&folder.path).unwrap().is_empty());
        assert!(left_in(&folder.path.join("none")).unwrap().is_empty());
    }
}
