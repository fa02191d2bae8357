//! What a platform is made of, in one hash, without building it.

use std::{collections::BTreeMap, path::Path};

use crate::{
    StageError,
    images::inputs::Inputs,
    images::{AGENT, NAMES},
};

/// Our own crates inside the platform. Those of the testbed are not of it: the same platform may be measured better.
const CRATES: [&str; 7] = [
    "api",
    "gateway",
    "pager",
    "service-kit",
    "wire",
    "worker",
    "ws",
];

/// The hash of everything that a topology's platform is made of: its Compose files, its images' recipes, and the sources
/// of our own services, and the settings by which it differs from what those say. Measurements of two platforms are
/// comparable while it is the same. `root` holds `compose` and `crates`. Reads every file: call it where blocking is allowed.
///
/// # Errors
/// When a file can't be read.
pub fn platform_version(
    root: &Path,
    topology: &str,
    settings: &BTreeMap<String, String>,
) -> Result<String, StageError> {
    let compose = root.join("compose");
    let images = NAMES.iter().filter(|name| **name != AGENT);
    let images = images
        .chain(&["base"])
        .map(|name| compose.join("images").join(name));
    let crates = CRATES.iter().map(|name| root.join("crates").join(name));
    let mut version = String::new();
    for folder in images.chain(crates) {
        version = Inputs::of(&folder, &version)?.full().to_owned();
    }
    let topology = format!("{topology}.yml");
    let files = [
        compose.join(topology),
        compose.join("services.yml"),
        root.join("Cargo.lock"),
    ];
    for file in files {
        let text = std::fs::read(&file).map_err(StageError::file("read", &file))?;
        let text = Inputs::of_text(&text);
        version = Inputs::of_text(format!("{version}{}", text.full()).as_bytes())
            .full()
            .to_owned();
    }
    for (name, value) in settings {
        version = Inputs::of_text(format!("{version}{name}={value}").as_bytes())
            .full()
            .to_owned();
    }
    Ok(Inputs::of_text(version.as_bytes()).short().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    fn files() -> Vec<(String, String)> {
        let images = NAMES
            .iter()
            .chain(&["base"])
            .map(|name| format!("compose/images/{name}/Dockerfile"));
        let crates = CRATES
            .iter()
            .map(|name| format!("crates/{name}/src/lib.rs"));
        let others = [
            "compose/ha.yml",
            "compose/single.yml",
            "compose/services.yml",
            "Cargo.lock",
        ];
        let all = images.chain(crates).chain(others.map(Into::into));
        all.map(|path| (path, "x".to_owned())).collect()
    }

    fn version(changed: Option<&str>) -> String {
        let mut files = files();
        if let Some(path) = changed {
            files.retain(|(name, _)| name != path);
            files.push((path.to_owned(), "y".to_owned()));
        }
        let files: Vec<_> = files
            .iter()
            .map(|(p, t)| (p.as_str(), t.as_str()))
            .collect();
        platform_version(Folder::with(&files).path(), "ha", &BTreeMap::new()).unwrap()
    }

    #[test]
    fn only_what_the_platform_is_made_of_changes_its_version() {
        let before = version(None);
        assert_eq!(before, version(None));
        for part in [
            "crates/ws/src/lib.rs",
            "compose/ha.yml",
            "compose/images/redis/Dockerfile",
            "Cargo.lock",
        ] {
            assert_ne!(before, version(Some(part)), "{part}");
        }
        for other in [
            "crates/judge/src/lib.rs",
            "compose/single.yml",
            "compose/images/agent/Dockerfile",
        ] {
            assert_eq!(before, version(Some(other)), "{other}");
        }
    }

    #[test]
    fn the_platform_here_has_a_version_and_a_folder_without_one_has_none() {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        let version = |settings: &BTreeMap<String, String>| platform_version(root, "ha", settings);
        let (plain, set) = (BTreeMap::new(), BTreeMap::from([("A".into(), "1".into())]));
        assert_eq!(version(&plain).unwrap().len(), 12);
        assert_ne!(version(&plain).unwrap(), version(&set).unwrap());
        assert!(platform_version(Path::new("/nowhere"), "ha", &plain).is_err());
    }
}
