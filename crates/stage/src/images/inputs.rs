//! The hash of everything that goes into an image.

use std::{
    fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use crate::StageError;

/// Version of how images are built: raise it when the way changes but no file does.
const RECIPE: &str = "1";

/// How many digits of the hash a tag shows.
const TAG_DIGITS: usize = 12;

/// The hash of an image's inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Inputs(String);

impl Inputs {
    /// Hashes relative path, mode and content of every file in a build context, and the id of the base image.
    /// Reads every file: call it where blocking is allowed.
    pub(crate) fn of(context: &Path, base_id: &str) -> Result<Self, StageError> {
        let mut hash = Sha256::new();
        let mut part = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        part(RECIPE.as_bytes());
        part(base_id.as_bytes());
        for path in files(context)? {
            let name = path.strip_prefix(context).unwrap_or(&path);
            let about = fs::symlink_metadata(&path).map_err(StageError::file("read", &path))?;
            part(name.as_os_str().as_bytes());
            part(&(about.permissions().mode() & 0o777).to_le_bytes());
            if about.is_symlink() {
                let target = fs::read_link(&path).map_err(StageError::file("read", &path))?;
                part(target.as_os_str().as_bytes());
            } else {
                part(&fs::read(&path).map_err(StageError::file("read", &path))?);
            }
        }
        Ok(Self(hex(&hash.finalize())))
    }

    /// The hash of one text.
    pub(crate) fn of_text(text: &[u8]) -> Self {
        Self(hex(&Sha256::digest(text)))
    }

    /// All 64 digits.
    pub(crate) fn full(&self) -> &str {
        &self.0
    }

    /// The first 12 digits.
    pub(crate) fn short(&self) -> &str {
        &self.0[..TAG_DIGITS]
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every file and link below a folder, sorted by path.
pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>, StageError> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(StageError::file("read", &folder))?;
        for entry in entries {
            let entry = entry.map_err(StageError::file("read", &folder))?;
            let kind = entry
                .file_type()
                .map_err(StageError::file("read", entry.path()))?;
            if kind.is_dir() {
                folders.push(entry.path());
            } else {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    const FILES: [(&str, &str); 3] = [("Dockerfile", "FROM x"), ("conf/a", "1"), ("conf/b", "2")];

    fn of(folder: &Folder) -> String {
        Inputs::of(folder.path(), "base").unwrap().0
    }

    #[test]
    fn the_same_files_have_the_same_hash_wherever_they_are() {
        let (here, there) = (Folder::with(&FILES), Folder::with(&FILES));
        assert_eq!(of(&here), of(&there));
        assert_eq!(of(&here).len(), 64);
        assert!(of(&here).starts_with(Inputs::of(here.path(), "base").unwrap().short()));
    }

    #[test]
    fn every_change_changes_the_hash() {
        let changes: [fn(&Folder); 4] = [
            |folder| folder.write("conf/a", "2"),
            |folder| folder.write("conf/c", ""),
            |folder| {
                fs::rename(folder.path().join("conf/a"), folder.path().join("conf/0")).unwrap()
            },
            |folder| {
                let executable = fs::Permissions::from_mode(0o755);
                fs::set_permissions(folder.path().join("conf/b"), executable).unwrap();
            },
        ];
        let folder = Folder::with(&FILES);
        let mut seen = vec![of(&folder), Inputs::of(folder.path(), "another").unwrap().0];
        for change in changes {
            change(&folder);
            seen.push(of(&folder));
        }
        for (i, hash) in seen.iter().enumerate() {
            assert!(!seen[..i].contains(hash), "change {i}");
        }
    }

    #[test]
    fn moving_bytes_between_files_changes_the_hash() {
        let one = Folder::with(&[("a", "12"), ("b", "3")]);
        let other = Folder::with(&[("a", "1"), ("b", "23")]);
        assert_ne!(of(&one), of(&other));
    }

    #[test]
    fn a_missing_context_is_named() {
        let error = Inputs::of(Path::new("/nowhere/context"), "").unwrap_err();
        assert!(error.to_string().contains("/nowhere/context"));
    }
}
