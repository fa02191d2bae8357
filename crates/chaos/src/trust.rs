//! Which files of a run are trusted. A user who can replace one by a link or by a file of their own decides what is healed.
//!
//! A path is checked and then opened, so a user who can write into the folder could change it in between. Only the folder's
//! owner can: the check refuses a folder that another user owns.

use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt as _,
    path::Path,
};

use crate::ChaosError;

/// What a path must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Folder,
    File,
}

/// Refuses a folder that is a link, no folder, or another user's; one that does not exist is as good as any.
///
/// # Errors
/// Names the folder and says what is wrong with it.
pub fn folder(path: &Path) -> Result<(), ChaosError> {
    look(path, Kind::Folder)
}

/// Refuses a file that is a link, no plain file, or another user's; one that does not exist is as good as any.
///
/// # Errors
/// Names the file and says what is wrong with it.
pub fn file(path: &Path) -> Result<(), ChaosError> {
    look(path, Kind::File)
}

/// Refuses a run's folder, its lock, its folder of undo files or one of those, if it is a link or another user's.
///
/// # Errors
/// Names the first of them that is not as it should be.
pub fn run_folder(path: &Path) -> Result<(), ChaosError> {
    folder(path)?;
    file(&path.join(crate::watchdog::LOCK))?;
    let undo = path.join(crate::watchdog::UNDO);
    for (_, path) in crate::ledger::left_in(&undo)? {
        file(&path)?;
    }
    Ok(())
}

fn look(path: &Path, kind: Kind) -> Result<(), ChaosError> {
    let disk = |source| ChaosError::Disk {
        action: "look at",
        path: path.to_owned(),
        source,
    };
    let found = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found.map_err(disk)?,
    };
    let user = user().map_err(disk)?;
    judge(&found, kind, user).map_err(|reason| ChaosError::NotTrusted {
        path: path.to_owned(),
        reason,
    })
}

fn judge(found: &fs::Metadata, kind: Kind, user: u32) -> Result<(), String> {
    let is_kind = match kind {
        Kind::Folder => found.is_dir(),
        Kind::File => found.is_file(),
    };
    if found.is_symlink() {
        return Err("it is a link".to_owned());
    }
    if !is_kind {
        let wanted = match kind {
            Kind::Folder => "folder",
            Kind::File => "plain file",
        };
        return Err(format!("it is no {wanted}"));
    }
    match found.uid() {
        owner if owner == user => Ok(()),
        owner => Err(format!("it belongs to user {owner}, not to user {user}")),
    }
}

/// The user that this process acts as: the files that it makes belong to it.
fn user() -> io::Result<u32> {
    fs::metadata("/proc/self").map(|own| own.uid())
}

/// Opens a file that may be believed.
///
/// # Errors
/// As [`file`], and when it can't be opened.
pub(crate) fn open(path: &Path) -> Result<File, ChaosError> {
    file(path)?;
    File::open(path).map_err(|source| ChaosError::Disk {
        action: "open",
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::{
        fake::Folder,
        watchdog::{LOCK, UNDO},
    };

    /// A run's folder with a lock and an undo file.
    fn run() -> Folder {
        let run = Folder::new();
        fs::create_dir(run.path.join(UNDO)).unwrap();
        fs::write(run.path.join(LOCK), "").unwrap();
        fs::write(run.path.join(UNDO).join("000001-kill.json"), "{}").unwrap();
        run
    }

    #[test]
    fn a_link_in_the_place_of_anything_is_refused_by_name() {
        let good = run();
        run_folder(&good.path).unwrap();
        for name in [LOCK, UNDO, "undo/000001-kill.json"] {
            let bad = run();
            let path = bad.path.join(name);
            let moved = bad.path.join("moved");
            fs::rename(&path, &moved).unwrap();
            symlink(&moved, &path).unwrap();
            let error = run_folder(&bad.path).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("link"), "{error}");
        }
        let link = Folder::new();
        let path = link.path.join("run");
        symlink(&good.path, &path).unwrap();
        let error = run_folder(&path).unwrap_err().to_string();
        assert!(error.contains("run") && error.contains("link"), "{error}");
    }

    #[test]
    fn what_belongs_to_another_user_is_refused() {
        let folder = Folder::new();
        let (found, own) = (fs::metadata(&folder.path).unwrap(), user().unwrap());
        judge(&found, Kind::Folder, own).unwrap();
        let reason = judge(&found, Kind::Folder, own + 1).unwrap_err();
        assert!(reason.contains(&format!("user {own}")), "{reason}");
        assert!(
            judge(&found, Kind::File, own)
                .unwrap_err()
                .contains("plain file")
        );
    }

    #[test]
    fn what_is_not_there_is_no_harm() {
        run_folder(Path::new("/nowhere/at/all")).unwrap();
    }
}
