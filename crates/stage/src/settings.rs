//! Settings of a platform: the variables of the Compose files that somebody may set to other values.

use std::{collections::BTreeMap, ffi::OsString, path::Path};

use crate::StageError;

/// Begins the name of every variable of ours.
const PREFIX: &str = "GAMEDAY_";
/// Variables that the stage sets itself, or that change how a run is told and not the platform.
const NOT_OF_PLATFORM: [&str; 12] = [
    "ROOT",
    "EDGE",
    "APP",
    "DATA",
    "RUN",
    "FOLDER",
    "SOCKET",
    "SOCKET_GROUP",
    "USER",
    "PASSWORD",
    "LOG",
    "CRASH_MATRIX",
];

/// The settings among the variables of an environment, by name.
///
/// # Errors
/// When a Compose file can't be read, or none knows a variable that is named like ours, or the value of one is no UTF-8.
pub fn settings(
    compose_dir: &Path,
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<BTreeMap<String, String>, StageError> {
    let of_platform = |name: &str| {
        let name = name.strip_prefix(PREFIX);
        name.is_some_and(|name| !NOT_OF_PLATFORM.contains(&name) && !name.starts_with("IMAGE_"))
    };
    let mut known = known(compose_dir)?;
    known.retain(|name| of_platform(name));
    let mut set = BTreeMap::new();
    for (name, value) in variables {
        // A name that is no UTF-8 is none of ours.
        let Some(name) = name.into_string().ok().filter(|name| of_platform(name)) else {
            continue;
        };
        let Ok(value) = value.into_string() else {
            return Err(StageError::UnreadableSetting { name });
        };
        set.insert(name, value);
    }
    match set.keys().find(|name| !known.contains(name)) {
        None => Ok(set),
        Some(name) => Err(StageError::UnknownSetting {
            name: name.clone(),
            known: known.join(", "),
        }),
    }
}

/// Every variable of ours in the Compose files, in order and each once.
fn known(compose_dir: &Path) -> Result<Vec<String>, StageError> {
    let mut names = vec![];
    let entries = std::fs::read_dir(compose_dir).map_err(StageError::file("read", compose_dir))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.extension().is_none_or(|extension| extension != "yml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).map_err(StageError::file("read", &path))?;
        let variables = text.split("${").skip(1);
        names.extend(variables.filter_map(|rest| {
            let end = rest.find([':', '}'])?;
            rest[..end]
                .starts_with(PREFIX)
                .then(|| rest[..end].to_owned())
        }));
    }
    names.sort();
    names.dedup();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    #[test]
    fn only_what_a_compose_file_knows_is_a_setting() {
        let services = "a: \"${GAMEDAY_FALL:-3}\"\nb: \"${GAMEDAY_EDGE:-10.0.0}.1\"";
        let folder = Folder::with(&[("services.yml", services), ("notes.txt", "${GAMEDAY_NO}")]);
        let read = |variables: &[(&str, &str)]| {
            let owned = variables
                .iter()
                .map(|(n, v)| (OsString::from(n), OsString::from(v)));
            settings(folder.path(), owned).map_err(|error| error.to_string())
        };
        let set = read(&[
            ("GAMEDAY_FALL", "2"),
            ("GAMEDAY_LOG", "debug"),
            ("HOME", "/"),
        ]);
        assert_eq!(
            set,
            Ok(BTreeMap::from([("GAMEDAY_FALL".into(), "2".into())]))
        );
        let error = read(&[("GAMEDAY_FAL", "2")]).unwrap_err();
        assert_eq!(
            error,
            "GAMEDAY_FAL is no setting of a platform; there are: GAMEDAY_FALL"
        );
        assert!(settings(Path::new("/nowhere"), []).is_err());
    }

    #[test]
    fn bytes_that_are_no_utf_8_are_refused_in_a_setting_and_nobody_s_concern_elsewhere() {
        use std::os::unix::ffi::OsStringExt;
        let folder = Folder::with(&[("services.yml", "a: \"${GAMEDAY_FALL:-3}\"")]);
        let odd = || OsString::from_vec(vec![0xa3]);
        let read = |name: OsString| settings(folder.path(), [(name, odd())]);
        assert_eq!(read("BAD".into()).unwrap(), BTreeMap::new());
        assert_eq!(read(odd()).unwrap(), BTreeMap::new());
        let error = read("GAMEDAY_FALL".into()).unwrap_err().to_string();
        assert_eq!(error, "GAMEDAY_FALL is not readable: its value is no UTF-8");
    }

    #[test]
    fn the_root_that_the_command_line_takes_is_no_setting() {
        let folder = Folder::with(&[("services.yml", "a: \"${GAMEDAY_FALL:-3}\"")]);
        let root = [("GAMEDAY_ROOT".into(), "/somewhere".into())];
        assert_eq!(settings(folder.path(), root).unwrap(), BTreeMap::new());
    }
}
