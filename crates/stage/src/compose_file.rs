//! Compose files, as far as labels need them: services, their labels, and what they extend.
//!
//! Anchors and merge keys are resolved by the YAML reader. Variables are left as they are written.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::{Deserialize, de::IgnoredAny};

use crate::StageError;

/// A Compose file; everything that labels do not need is skipped.
#[derive(Debug, Deserialize)]
pub(crate) struct ComposeFile {
    #[serde(default)]
    pub(crate) services: BTreeMap<String, RawService>,
    #[serde(default)]
    pub(crate) networks: BTreeMap<String, IgnoredAny>,
}

#[derive(Debug, Default, Deserialize)]
pub(crate) struct RawService {
    labels: Option<Labels>,
    extends: Option<Extends>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Labels {
    Map(BTreeMap<String, Option<String>>),
    List(Vec<String>),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Extends {
    Short(String),
    Long {
        file: Option<PathBuf>,
        service: String,
    },
}

impl ComposeFile {
    /// Parses the text of a file.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, StageError> {
        serde_saphyr::from_str(text).map_err(|error| bad(path, error.to_string()))
    }
}

impl Labels {
    fn pairs(&self) -> Vec<(String, String)> {
        match self {
            Self::Map(map) => map
                .iter()
                .map(|(key, value)| (key.clone(), value.clone().unwrap_or_default()))
                .collect(),
            Self::List(list) => list
                .iter()
                .map(|line| line.split_once('=').unwrap_or((line, "")))
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        }
    }
}

/// Every Compose file read so far, by path.
#[derive(Debug, Default)]
pub(crate) struct Library(BTreeMap<PathBuf, ComposeFile>);

impl Library {
    /// Reads a file, once.
    pub(crate) fn file(&mut self, path: &Path) -> Result<&ComposeFile, StageError> {
        if !self.0.contains_key(path) {
            let text = fs::read_to_string(path).map_err(|error| bad(path, error.to_string()))?;
            let file = ComposeFile::parse(path, &text)?;
            self.0.insert(path.to_owned(), file);
        }
        Ok(&self.0[path])
    }

    /// Labels of a service, those that it inherits included; its own win.
    ///
    /// # Errors
    /// When a file on the way can't be read, a service is missing, or services extend each other in a circle.
    pub(crate) fn labels(
        &mut self,
        path: &Path,
        service: &str,
    ) -> Result<BTreeMap<String, String>, StageError> {
        let mut chain: Vec<(PathBuf, String)> = Vec::new();
        let mut labels = BTreeMap::new();
        let mut next = Some((path.to_owned(), service.to_owned()));
        while let Some((path, name)) = next.take() {
            if chain.contains(&(path.clone(), name.clone())) {
                return Err(bad(&path, format!("service {name} extends itself")));
            }
            let Some(raw) = self.file(&path)?.services.get(&name) else {
                let by = chain.last().map_or("", |(_, name)| name);
                let reason = format!("no service {name}, which service {by} extends");
                return Err(bad(&path, reason));
            };
            for (key, value) in raw.labels.iter().flat_map(Labels::pairs) {
                labels.entry(key).or_insert(value);
            }
            next = raw.extends.as_ref().map(|extends| match extends {
                Extends::Short(service) => (path.clone(), service.clone()),
                Extends::Long { file, service } => {
                    let sibling = |file: &PathBuf| path.with_file_name("").join(file);
                    let file = file.as_ref().map_or_else(|| path.clone(), sibling);
                    (file, service.clone())
                }
            });
            chain.push((path, name));
        }
        Ok(labels)
    }
}

pub(crate) fn bad(path: &Path, reason: impl Into<String>) -> StageError {
    StageError::BadFile {
        path: path.to_owned(),
        reason: reason.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library(files: &[(&str, &str)]) -> Library {
        let read = |(path, text): &(&str, &str)| {
            let path = PathBuf::from(path);
            let file = ComposeFile::parse(&path, text).unwrap();
            (path, file)
        };
        Library(files.iter().map(read).collect())
    }

    const BASE: &str = "
x-run: &run {gameday.run: by-hand}
services:
  api: {labels: {<<: *run, gameday.component: api, gameday.price: server}}
  listed: {labels: [gameday.component=ws, bare]}
";

    #[test]
    fn labels_are_inherited_over_files_and_the_own_win() {
        let top = "
services:
  api-1: {extends: {file: base.yml, service: api}, labels: {gameday.zone: a, gameday.price: big}}
  api-2: {extends: api-1, labels: {gameday.zone: b}}
  ws: {extends: {file: base.yml, service: listed}}
";
        let mut library = library(&[("c/top.yml", top), ("c/base.yml", BASE)]);
        let labels = library.labels(Path::new("c/top.yml"), "api-2").unwrap();
        let expected = [
            ("gameday.component", "api"),
            ("gameday.price", "big"),
            ("gameday.run", "by-hand"),
            ("gameday.zone", "b"),
        ];
        assert_eq!(
            labels,
            expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into()
        );
        let labels = library.labels(Path::new("c/top.yml"), "ws").unwrap();
        assert_eq!(labels["gameday.component"], "ws");
        assert_eq!(labels["bare"], "");
    }

    #[test]
    fn missing_and_circular_parents_are_named() {
        let top = "
services:
  lost: {extends: {file: base.yml, service: nobody}}
  a: {extends: b}
  b: {extends: {service: a}}
";
        let mut library = library(&[("top.yml", top), ("base.yml", BASE)]);
        let mut error = |name| {
            library
                .labels(Path::new("top.yml"), name)
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            error("lost"),
            "base.yml: no service nobody, which service lost extends"
        );
        assert_eq!(error("a"), "top.yml: service a extends itself");
    }

    #[test]
    fn broken_yaml_names_file_and_line() {
        let error = ComposeFile::parse(Path::new("x.yml"), "services:\n  a: {labels: 5}\n  b: [")
            .unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("x.yml: ") && text.contains("line 2"),
            "{text}"
        );
    }
}
