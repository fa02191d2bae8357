//! The record's seal: `manifest.json` tells the length and the sum of every file that the verdict rests on.
//!
//! It is written when the record is closed, before anything is judged. It guards against a file that was changed, cut,
//! lost or taken from another run. It is no signature: who writes the files and the manifest anew is not found out.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read, Write},
    path::Path,
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{RunError, RunFolder};

/// The manifest's name, for words.
pub(crate) const MANIFEST: &str = "manifest.json";
/// Version of the manifest's format.
const FORMAT: u32 = 1;
/// The files of a record. Some runs end before all of them are there.
const FILES: [&str; 4] = [TIMELINE, ARRIVALS, STORED, "drill.toml"];
pub(crate) const TIMELINE: &str = "timeline.jsonl";
pub(crate) const ARRIVALS: &str = "arrivals.bin";
pub(crate) const STORED: &str = "stored.bin";
/// A recording may be far larger than the memory: it is summed up in pieces.
const PIECE: usize = 1 << 20;

/// What vouches for the files of one run.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Manifest {
    /// Version of the format.
    format: u32,
    /// The run's id, as the timeline's header has it.
    run: String,
    /// By name; a file that is not here was not there.
    files: BTreeMap<String, Sum>,
}

/// What is known of one file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Sum {
    /// Length in bytes.
    bytes: u64,
    /// Its SHA-256, in hexadecimal.
    sha256: String,
}

/// How a record stands to its seal.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seal {
    /// Why there is none.
    pub(crate) missing: Option<String>,
    /// The run that was sealed; none without a seal.
    pub(crate) run: Option<String>,
    /// What differs, by the file's name.
    pub(crate) changed: BTreeMap<&'static str, String>,
}

impl Seal {
    /// Whether that file is not the one that was sealed.
    pub(crate) fn is_changed(&self, name: &str) -> bool {
        self.changed.contains_key(name)
    }

    /// Every file that differs, and how; none where none does.
    pub(crate) fn in_words(&self) -> Option<String> {
        let changed = self.changed.iter();
        let words: Vec<_> = changed
            .map(|(name, text)| format!("{name}: {text}"))
            .collect();
        (!words.is_empty()).then(|| words.join("; "))
    }
}

/// Seals a closed record. Its files and the manifest are on the disk before it returns.
///
/// # Errors
/// When a file can't be read, or the manifest can't be written.
pub(crate) async fn seal(folder: &RunFolder) -> Result<(), RunError> {
    let folder = folder.clone();
    // A thread of its own: the sum of a large recording takes seconds.
    let sealing = tokio::task::spawn_blocking(move || seal_now(&folder));
    sealing.await.unwrap_or_else(|error| {
        let source = io::Error::other(error);
        Err(RunError::file(MANIFEST)(source))
    })
}

pub(crate) fn seal_now(folder: &RunFolder) -> Result<(), RunError> {
    let mut files = BTreeMap::new();
    for name in FILES {
        let path = folder.path().join(name);
        let Some(sum) = sum(&path).map_err(RunError::file(&path))? else {
            continue;
        };
        let kept = File::open(&path).and_then(|file| file.sync_all());
        kept.map_err(RunError::file(&path))?;
        files.insert(name.to_owned(), sum);
    }
    let manifest = Manifest {
        format: FORMAT,
        run: folder.id().to_owned(),
        files,
    };
    let path = folder.manifest();
    write_whole(&path, &manifest).map_err(RunError::file(&path))
}

/// The manifest is there as a whole or not at all, also after a crash.
fn write_whole(path: &Path, manifest: &Manifest) -> io::Result<()> {
    let draft = path.with_extension("json.tmp");
    let mut file = File::create(&draft)?;
    file.write_all(&serde_json::to_vec_pretty(manifest)?)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Holds the files of a record against its manifest. A file that can't be read counts as changed.
pub(crate) fn check(folder: &RunFolder) -> Seal {
    let manifest = match read(folder) {
        Ok(manifest) => manifest,
        Err(reason) => {
            return Seal {
                missing: Some(reason),
                ..Seal::default()
            };
        }
    };
    let differs = |name: &'static str| {
        let found = sum(&folder.path().join(name));
        let text = difference(manifest.files.get(name), found)?;
        Some((name, text))
    };
    Seal {
        missing: None,
        changed: FILES.into_iter().filter_map(differs).collect(),
        run: Some(manifest.run),
    }
}

fn read(folder: &RunFolder) -> Result<Manifest, String> {
    let text = match fs::read(folder.manifest()) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let reason = "no manifest.json: the run goes on, was killed before its end, or is of an older build";
            return Err(reason.into());
        }
        Err(error) => return Err(format!("manifest.json can't be read: {error}")),
    };
    let manifest: Manifest = serde_json::from_slice(&text)
        .map_err(|error| format!("manifest.json can't be read: {error}"))?;
    match manifest.format {
        FORMAT => Ok(manifest),
        other => Err(format!(
            "manifest.json has format {other}, this build reads {FORMAT}"
        )),
    }
}

/// What differs between a file as it was sealed and as it was found, in words.
fn difference(sealed: Option<&Sum>, found: io::Result<Option<Sum>>) -> Option<String> {
    match (sealed, found) {
        (_, Err(error)) => Some(format!("can't be read: {error}")),
        (None, Ok(None)) => None,
        (Some(_), Ok(None)) => Some("it was sealed, and is missing".into()),
        (None, Ok(Some(_))) => Some("it was not there when the record was sealed".into()),
        (Some(sealed), Ok(Some(found))) if sealed.bytes != found.bytes => Some(format!(
            "{} bytes, and {} were sealed",
            found.bytes, sealed.bytes
        )),
        (Some(sealed), Ok(Some(found))) => (sealed.sha256 != found.sha256)
            .then(|| "as long as the sealed one, with another content".into()),
    }
}

/// Sums up a file; none where there is none.
fn sum(path: &Path) -> io::Result<Option<Sum>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut hasher = Sha256::new();
    let mut piece = vec![0; PIECE];
    let mut bytes = 0;
    loop {
        match file.read(&mut piece)? {
            0 => break,
            read => {
                hasher.update(&piece[..read]);
                bytes += read as u64;
            }
        }
    }
    let digest = hasher.finalize();
    let sha256 = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Some(Sum { bytes, sha256 }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Holder;

    fn folder(name: &str) -> (RunFolder, Holder) {
        let home = std::env::temp_dir().join(format!("gameday-seal-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&home);
        let (folder, holder) = RunFolder::create(&home).unwrap();
        folder.write(TIMELINE, b"one\ntwo\n").unwrap();
        folder.write(ARRIVALS, &vec![7; 2 * PIECE + 1]).unwrap();
        folder.write("drill.toml", b"name").unwrap();
        (folder, holder)
    }

    fn gone(folder: &RunFolder) {
        fs::remove_dir_all(folder.path().parent().unwrap()).unwrap();
    }

    #[tokio::test]
    async fn a_sealed_record_is_found_as_it_was() {
        let (folder, _holder) = folder("whole");
        seal(&folder).await.unwrap();
        let found = check(&folder);
        assert_eq!(found.run.as_deref(), Some(folder.id()));
        assert!(
            found.changed.is_empty() && found.missing.is_none(),
            "{found:?}"
        );
        // Known to every other tool, so that anybody can check it.
        let sum = sum(&folder.path().join("drill.toml")).unwrap().unwrap();
        assert_eq!(
            sum.sha256,
            "82a3537ff0dbce7eec35d69edc3a189ee6f17d82f353a553f9aa96cb0be3ce89"
        );
        gone(&folder);
    }

    type Change = fn(&RunFolder);

    /// What is done to which file, and what is said of it.
    const CHANGES: [(&str, Change, &str); 5] = [
        (
            ARRIVALS,
            |folder| {
                let mut bytes = fs::read(folder.arrivals()).unwrap();
                bytes[PIECE + 3] ^= 1;
                folder.write(ARRIVALS, &bytes).unwrap();
            },
            "another content",
        ),
        (
            TIMELINE,
            |folder| folder.write(TIMELINE, b"one\n").unwrap(),
            "4 bytes, and 8 were sealed",
        ),
        (
            "drill.toml",
            |folder| fs::remove_file(folder.path().join("drill.toml")).unwrap(),
            "is missing",
        ),
        (
            STORED,
            |folder| folder.write(STORED, b"x").unwrap(),
            "not there when",
        ),
        (
            ARRIVALS,
            |folder| {
                fs::remove_file(folder.arrivals()).unwrap();
                fs::create_dir(folder.arrivals()).unwrap();
            },
            "can't be read",
        ),
    ];

    #[test]
    fn each_change_is_told_of_its_file_and_of_no_other() {
        for (number, (name, change, said)) in CHANGES.into_iter().enumerate() {
            let (folder, _holder) = folder(&format!("change-{number}"));
            seal_now(&folder).unwrap();
            change(&folder);
            let found = check(&folder);
            assert_eq!(found.changed.len(), 1, "{found:?}");
            assert!(found.is_changed(name), "{found:?}");
            assert!(found.changed[name].contains(said), "{found:?}");
            gone(&folder);
        }
    }

    #[test]
    fn without_a_manifest_that_can_be_read_there_is_no_seal() {
        let (folder, _holder) = folder("none");
        let missing = |said: &str| {
            let found = check(&folder);
            let reason = found.missing.unwrap();
            assert!(reason.contains(said) && found.run.is_none(), "{reason}");
        };
        missing("no manifest.json");
        folder.write(MANIFEST, b"{\"format\":1,").unwrap();
        missing("can't be read");
        let newer = br#"{"format":2,"run":"r","files":{}}"#;
        folder.write(MANIFEST, newer).unwrap();
        missing("has format 2, this build reads 1");
        gone(&folder);
    }
}
