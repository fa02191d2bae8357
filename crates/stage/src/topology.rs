//! What a topology consists of, read from its Compose file.

use std::{collections::BTreeMap, fs, path::Path};

use drill::Component;
use engine::{COMPONENT_LABEL, ZONE_LABEL};

use crate::{
    StageError,
    compose_file::{Library, bad},
};

/// Label with the row of the price list.
const PRICE_LABEL: &str = "gameday.price";

/// The services of a topology.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    /// Name: the Compose file without its extension.
    pub name: String,
    /// Services, sorted by name.
    pub services: Vec<Service>,
}

/// A service of a topology; it becomes one container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Name, such as `api-1`.
    pub name: String,
    /// What it is an instance of.
    pub component: Component,
    /// Zone, such as `a`; instruments have none.
    pub zone: Option<String>,
    /// Row of the price list; instruments and third parties cost nothing.
    pub price: Option<String>,
    /// All its labels in the Compose files, by name, those above included.
    pub labels: BTreeMap<String, String>,
}

impl Topology {
    /// Reads a topology from the folder of Compose files.
    ///
    /// # Errors
    /// When there is no such topology (the error names those that exist), a file can't be read, or a
    /// service lacks the label `gameday.component` or carries one that names no component.
    pub fn load(compose_dir: &Path, name: &str) -> Result<Self, StageError> {
        let path = compose_dir.join(format!("{name}.yml"));
        let known = topologies(compose_dir);
        if !known.iter().any(|known| known == name) {
            return Err(StageError::UnknownTopology {
                name: name.to_owned(),
                dir: compose_dir.to_owned(),
                known: known.join(", "),
            });
        }
        let mut library = Library::default();
        let names: Vec<String> = library.file(&path)?.services.keys().cloned().collect();
        if names.is_empty() {
            return Err(bad(&path, "no services"));
        }
        let services = names
            .into_iter()
            .map(|service| Service::read(&mut library, &path, service));
        Ok(Self {
            name: name.to_owned(),
            services: services.collect::<Result<_, _>>()?,
        })
    }
}

impl Service {
    fn read(library: &mut Library, path: &Path, name: String) -> Result<Self, StageError> {
        let labels = library.labels(path, &name)?;
        let Some(component) = labels.get(COMPONENT_LABEL) else {
            return Err(bad(
                path,
                format!("service {name} has no {COMPONENT_LABEL}"),
            ));
        };
        let Some(component) = Component::from_name(component) else {
            let reason =
                format!("{COMPONENT_LABEL} {component:?} of service {name} is no component");
            return Err(bad(path, reason));
        };
        Ok(Self {
            name,
            component,
            zone: labels.get(ZONE_LABEL).cloned(),
            price: labels.get(PRICE_LABEL).cloned(),
            labels,
        })
    }
}

/// Names of the topologies in the folder of Compose files, sorted.
///
/// A topology is a file that lays out networks; a file without them is shared between topologies. One that
/// can't be read is listed, so that whoever loads it learns why.
pub fn topologies(compose_dir: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(compose_dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yml"))
        .filter(|path| {
            let mut library = Library::default();
            let file = library.file(path);
            file.map_or(true, |file| !file.networks.is_empty())
        })
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    const BASE: &str = "services: {api: {labels: {gameday.component: api, gameday.price: server}}}";

    fn check(top: &str, expected: &str) {
        let folder = Folder::with(&[("services.yml", BASE), ("top.yml", top)]);
        let error = Topology::load(folder.path(), "top").unwrap_err();
        let error = error.to_string();
        assert!(error.contains("top.yml: "), "{error}");
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn a_topology_knows_component_zone_and_price_of_each_service() {
        let top = "
services:
  pager: {labels: {gameday.component: pager, gameday.zone: c}}
  api-1: {extends: {file: services.yml, service: api}, labels: {gameday.zone: a}}
networks: {edge: }
";
        let folder = Folder::with(&[("services.yml", BASE), ("top.yml", top), ("notes.txt", "")]);
        assert_eq!(topologies(folder.path()), ["top"]);
        let topology = Topology::load(folder.path(), "top").unwrap();
        let service = |name: &str, component: Component, zone: &str, price: Option<&str>| Service {
            name: name.into(),
            component,
            zone: Some(zone.into()),
            price: price.map(Into::into),
            labels: [
                (COMPONENT_LABEL, Some(component.name())),
                (ZONE_LABEL, Some(zone)),
                (PRICE_LABEL, price),
            ]
            .into_iter()
            .filter_map(|(name, value)| Some((name.into(), value?.into())))
            .collect(),
        };
        let expected = [
            service("api-1", Component::Api, "a", Some("server")),
            service("pager", Component::Pager, "c", None),
        ];
        assert_eq!(topology.services, expected);
    }

    #[test]
    fn mistakes_in_a_topology_are_named() {
        check("networks: {edge: }", "no services");
        check(
            "{networks: {edge: }, services: {x: {image: y}}}",
            "service x has no gameday.component",
        );
        check(
            "{networks: {edge: }, services: {x: {labels: [gameday.component=apii]}}}",
            "\"apii\" of service x",
        );
        check("services: [", "line 1");
    }

    #[test]
    fn an_unknown_topology_lists_the_known_ones() {
        let folder = Folder::with(&[
            ("services.yml", BASE),
            ("b.yml", "networks: {x: }"),
            ("a.yml", "networks: {x: }"),
        ]);
        for name in ["services", "c"] {
            let error = Topology::load(folder.path(), name).unwrap_err();
            let named =
                matches!(&error, StageError::UnknownTopology { known, .. } if known == "a, b");
            assert!(named, "{error}");
        }
        assert!(topologies(Path::new("/nowhere")).is_empty());
    }

    #[test]
    fn the_reference_topologies_load() {
        let compose = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../compose"));
        let count = |name, component| {
            let services = Topology::load(compose, name).unwrap().services;
            services
                .iter()
                .filter(|service| service.component == component)
                .count()
        };
        assert_eq!(count("ha", Component::Api), 3);
        assert_eq!(count("single", Component::Api), 1);
        // Generator, observer, watchdog.
        assert_eq!(count("single", Component::Instrument), 3);
    }
}
