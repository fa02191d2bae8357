//! Settings of a platform: the variables of the Compose files that somebody may set to other values.

use std::{collections::BTreeMap, path::Path};

use crate::StageError;

/// Begins the name of every variable of ours.
const PREFIX: &str = "GAMEDAY_";
/// Variables that the stage sets itself, or that change how a run is told and not the platform.
const NOT_OF_PLATFORM: [&str; 11] = [
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
/// When a Compose file can't be read, or none knows a variable that is named like ours.
pub fn settings(
    compose_dir: &Path,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Result<BTreeMap<String, String>, StageError> {
    let of_platform = |name: &str| {
        let name = name.strip_prefix(PREFIX);
        name.is_some_and(|name| !NOT_OF_PLATFORM.contains(&name) && !name.starts_with("IMAGE_"))
    };
    let mut known = known(compose_dir)?;
    known.retain(|name| of_platform(name));
    let variables = variables.into_iter();
    let set: BTreeMap<_, _> = variables.filter(|(name, _)| of_platform(name)).collect();
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
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
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
}
