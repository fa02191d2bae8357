//! What the watchdog's container needs of this machine: the run's folder, the engine's socket, and to be the user who
//! may use both.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use crate::StageError;

/// In place of a socket when the engine has none on this machine: the watchdog then says that it can't reach it.
const NO_SOCKET: &str = "/dev/null";

/// The variables of the Compose files that are about the watchdog.
///
/// # Errors
/// When the run's folder can't be looked at.
pub(crate) fn variables(folder: &Path, host: &str) -> Result<Vec<(String, String)>, StageError> {
    let looked = |path: &Path| fs::metadata(path).map_err(StageError::file("look at", path));
    let folder = fs::canonicalize(folder).map_err(StageError::file("find", folder))?;
    let owner = looked(&folder)?;
    let socket = host.strip_prefix("unix://").unwrap_or(NO_SOCKET);
    let group = fs::metadata(socket).map_or(owner.gid(), |socket| socket.gid());
    let user = format!("{}:{}", owner.uid(), owner.gid());
    let variables = [
        ("FOLDER", folder.display().to_string()),
        ("SOCKET", socket.to_owned()),
        ("USER", user),
        ("SOCKET_GROUP", group.to_string()),
    ];
    let named = variables.map(|(name, value)| (format!("GAMEDAY_{name}"), value));
    Ok(named.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_absolute_and_its_owner_is_the_user() {
        let variables = variables(Path::new("."), "unix:///var/run/docker.sock").unwrap();
        let get = |name: &str| &variables.iter().find(|(key, _)| key == name).unwrap().1;
        assert!(get("GAMEDAY_FOLDER").starts_with('/'));
        assert_eq!(get("GAMEDAY_SOCKET"), "/var/run/docker.sock");
        let owner = fs::metadata(".").unwrap();
        assert_eq!(
            *get("GAMEDAY_USER"),
            format!("{}:{}", owner.uid(), owner.gid())
        );
    }

    #[test]
    fn a_distant_engine_has_no_socket_and_a_missing_folder_is_named() {
        let distant = variables(Path::new("."), "tcp://127.0.0.1:2375").unwrap();
        assert!(distant.contains(&("GAMEDAY_SOCKET".into(), NO_SOCKET.into())));
        let error = variables(Path::new("/nowhere"), "").unwrap_err();
        assert!(error.to_string().contains("/nowhere"), "{error}");
    }
}
