//! The folder of one run: `drill.toml`, `timeline.jsonl`, `arrivals.bin`, `stored.bin`, `manifest.json`, `undo/`,
//! `logs/`, `verdict.json`, `report.txt`, `report.xml`, `report.html`.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
};

use chaos::watchdog::LOCK;

use crate::RunError;

/// The folder of one run.
#[derive(Debug, Clone)]
pub struct RunFolder {
    path: PathBuf,
    id: String,
}

/// Proof that a run is alive: a lock that the system drops with the process that holds it, however it ends.
#[derive(Debug)]
pub struct Holder(#[expect(dead_code, reason = "held for its lock")] File);

impl RunFolder {
    /// Makes a folder for a new run under `home` and takes its lock. The id is the moment and the process,
    /// such as `1123-231415-4711`: unique on one machine, and short enough for a Compose project.
    ///
    /// # Errors
    /// When the folder can't be made.
    pub fn create(home: &Path) -> Result<(Self, Holder), RunError> {
        let moment = jiff::Timestamp::now().strftime("%m%d-%H%M%S");
        let id = format!("{moment}-{}", std::process::id());
        let folder = Self {
            path: home.join(&id),
            id,
        };
        for path in [folder.undo(), folder.logs()] {
            fs::create_dir_all(&path).map_err(RunError::file(&path))?;
        }
        let lock = folder.path.join(LOCK);
        let file = File::create(&lock).map_err(RunError::file(&lock))?;
        file.lock().map_err(RunError::file(&lock))?;
        Ok((folder, Holder(file)))
    }

    /// Every run under `home`, oldest first.
    pub fn all(home: &Path) -> Vec<Self> {
        let mut runs: Vec<_> = fs::read_dir(home)
            .into_iter()
            .flatten()
            .flatten()
            // A link counts, be it the folder or the lock: `heal` must see it, and refuse it.
            .filter(|entry| fs::symlink_metadata(entry.path().join(LOCK)).is_ok())
            .filter_map(|entry| {
                let known = entry.metadata().ok();
                // Not every file system knows when a folder was made; then its last change, and last its id, tell the order.
                let made = known.and_then(|known| known.created().or(known.modified()).ok());
                let id = entry.file_name().into_string().ok()?;
                Some((made, id, entry.path()))
            })
            .collect();
        runs.sort();
        let folder = |(_, id, path)| Self { path, id };
        runs.into_iter().map(folder).collect()
    }

    /// The run called `id`, or the newest when `id` is `last`; a path of a folder works as well.
    ///
    /// # Errors
    /// When there is none; the error names those that exist.
    pub fn find(home: &Path, id: &str) -> Result<Self, RunError> {
        let as_path = Path::new(id);
        if as_path.join("timeline.jsonl").exists() {
            return Ok(Self {
                path: as_path.to_owned(),
                id: id.to_owned(),
            });
        }
        let mut runs = Self::all(home);
        runs.retain(|run| run.timeline().exists());
        let found = match id {
            "last" => runs.last(),
            _ => runs.iter().find(|run| run.id == id),
        };
        let known = || {
            let ids: Vec<_> = runs.iter().map(|run| run.id.as_str()).collect();
            ids.join(", ")
        };
        found.cloned().ok_or_else(|| RunError::NoRun {
            id: id.to_owned(),
            home: home.to_owned(),
            known: known(),
        })
    }

    /// Takes the lock if no living process holds it.
    pub fn adopt(&self) -> Option<Holder> {
        let file = File::open(self.path.join(LOCK)).ok()?;
        file.try_lock().ok()?;
        Some(Holder(file))
    }

    /// Marks the topology as raised by hand: it stays until `down`, whoever dies.
    ///
    /// # Errors
    /// When the mark can't be written.
    pub fn keep(&self, topology: &str) -> Result<(), RunError> {
        self.write("kept", topology.as_bytes())
    }

    /// The topology that was raised by hand, if this is one.
    pub fn kept(&self) -> Option<String> {
        fs::read_to_string(self.path.join("kept")).ok()
    }

    /// Removes the mark of [`Self::keep`].
    pub fn release(&self) {
        // Nothing to do when it is not there.
        let _ = fs::remove_file(self.path.join("kept"));
    }

    /// Writes a file of the folder.
    ///
    /// # Errors
    /// When it can't be written.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), RunError> {
        let path = self.path.join(name);
        let mut file = File::create(&path).map_err(RunError::file(&path))?;
        file.write_all(bytes).map_err(RunError::file(&path))
    }

    /// The run's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The Compose project of the run.
    pub fn project(&self) -> String {
        format!("gameday-{}", self.id)
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the undo of each applied fault lies.
    pub fn undo(&self) -> PathBuf {
        self.path.join(chaos::watchdog::UNDO)
    }

    /// Where logs are kept.
    pub fn logs(&self) -> PathBuf {
        self.path.join("logs")
    }

    /// The timeline.
    pub fn timeline(&self) -> PathBuf {
        self.path.join("timeline.jsonl")
    }

    /// The stored readings.
    pub fn stored(&self) -> PathBuf {
        self.path.join("stored.bin")
    }

    /// The stored readings of a look while the load goes on.
    pub(crate) fn stored_so_far(&self) -> PathBuf {
        self.path.join("stored-so-far.bin")
    }

    /// What vouches for the files of the record, written when the record is closed.
    pub fn manifest(&self) -> PathBuf {
        self.path.join("manifest.json")
    }

    /// The report for a browser.
    pub fn page(&self) -> PathBuf {
        self.path.join("report.html")
    }

    /// The arrivals.
    pub fn arrivals(&self) -> PathBuf {
        self.path.join("arrivals.bin")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("gameday-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        path
    }

    #[test]
    fn a_run_is_adopted_only_when_its_holder_is_gone() {
        let home = home("adopt");
        let (folder, holder) = RunFolder::create(&home).unwrap();
        assert!(folder.adopt().is_none());
        drop(holder);
        assert!(folder.adopt().is_some());
        fs::remove_dir_all(home).unwrap();
    }

    #[test]
    fn an_unknown_run_names_those_that_exist() {
        let home = home("find");
        let (folder, _holder) = RunFolder::create(&home).unwrap();
        folder.write("timeline.jsonl", b"").unwrap();
        assert_eq!(RunFolder::find(&home, "last").unwrap().id(), folder.id());
        let error = RunFolder::find(&home, "nope").unwrap_err().to_string();
        assert!(error.contains(folder.id()), "{error}");
        fs::remove_dir_all(home).unwrap();
    }

    #[test]
    fn a_topology_raised_by_hand_is_marked() {
        let home = home("kept");
        let (folder, _holder) = RunFolder::create(&home).unwrap();
        assert_eq!(folder.kept(), None);
        folder.keep("ha").unwrap();
        assert_eq!(folder.kept().as_deref(), Some("ha"));
        folder.release();
        assert_eq!(folder.kept(), None);
        fs::remove_dir_all(home).unwrap();
    }
}
