//! Where things are: topologies, drills and recorded runs.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::Context;
use drill::{Candidate, Drill};
use stage::{Service, Topology};

use crate::exit::Usage;

/// The folder that holds `compose` and `chaos`.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) root: PathBuf,
}

impl Place {
    /// The folder given, or the first one upwards from here that holds a price list.
    pub(crate) fn find(given: Option<PathBuf>) -> anyhow::Result<Self> {
        let is_root = |path: &Path| path.join("compose/prices.toml").is_file();
        if let Some(root) = given {
            let shown = root.display();
            anyhow::ensure!(
                is_root(&root),
                Usage(format!("{shown} holds no compose/prices.toml"))
            );
            let root = root.canonicalize()?;
            return Ok(Self { root });
        }
        let here = std::env::current_dir().context("failed to find the current folder")?;
        let root = here.ancestors().find(|path| is_root(path));
        let missing = || {
            let here = here.display();
            Usage(format!(
                "no compose/prices.toml in {here} or above it; give --root"
            ))
        };
        Ok(Self {
            root: root.ok_or_else(missing)?.to_owned(),
        })
    }

    /// Where topologies are.
    pub(crate) fn compose(&self) -> PathBuf {
        self.root.join("compose")
    }

    /// Where run folders are.
    pub(crate) fn home(&self) -> PathBuf {
        self.root.join(".gameday/runs")
    }

    /// Where the trials of survival matrices are.
    pub(crate) fn survival(&self) -> PathBuf {
        self.root.join(".gameday/survival")
    }

    /// Names of the drills in `chaos`, then of those in `chaos/experiments`.
    pub(crate) fn drills(&self) -> Vec<String> {
        let chaos = self.root.join("chaos");
        let mut names = drills_in(&chaos, "");
        names.extend(drills_in(&chaos.join("experiments"), "experiments/"));
        names
    }

    /// A drill by name or path, validated, with its text.
    pub(crate) fn drill(&self, name: &str) -> anyhow::Result<(Drill, String)> {
        let named = self.root.join("chaos").join(format!("{name}.toml"));
        let path = if named.is_file() { named } else { name.into() };
        let shown = path
            .strip_prefix(&self.root)
            .unwrap_or(&path)
            .display()
            .to_string();
        let text = fs::read_to_string(&path).map_err(|error| {
            let drills = self.drills().join(", ");
            Usage(match error.kind() {
                ErrorKind::NotFound => format!("no drill {shown:?}; drills in chaos: {drills}"),
                ErrorKind::IsADirectory => {
                    format!("{shown} is a folder; name a drill file in it, or one of: {drills}")
                }
                ErrorKind::InvalidData => {
                    format!("{shown} is no drill file: it is not text in UTF-8")
                }
                _ => format!("drill {shown} can't be read: {error}"),
            })
        })?;
        let compose = self.compose();
        let members = |topology: &str| {
            let known = stage::topologies(&compose);
            if !known.iter().any(|name| name == topology) {
                return Err(known);
            }
            // A topology that is there but can't be read is reported by whoever raises it.
            let loaded = Topology::load(&compose, topology).map_err(|_| known)?;
            Ok(loaded.services.into_iter().map(candidate).collect())
        };
        let drill = drill::parse_for(&shown, &text, members)?;
        Ok((drill, text))
    }
}

/// Names of the drills in a folder, each after `before`.
fn drills_in(folder: &Path, before: &str) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            Some(format!("{before}{}", name.strip_suffix(".toml")?))
        })
        .collect();
    names.sort();
    names
}

/// A service of a topology, as targets are chosen by it.
pub(crate) fn candidate(service: Service) -> Candidate {
    Candidate {
        name: service.name,
        component: service.component,
        zone: service.zone,
        labels: service.labels,
    }
}
