//! Images: each is built when its inputs are new, and found again when they are not.
//!
//! An image is tagged with the hash of everything that goes into it: its build context, the base image, and
//! the version of the recipe. Nothing is pulled but the base, and that is made where it can't be pulled.

pub(crate) mod base;
mod build;
mod compile;
pub(crate) mod inputs;
mod step;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use engine::Docker;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{Say, StageError};

pub(crate) use self::compile::cargo;
use self::{base::Base, build::Built};

/// Every image of a topology; each has a folder in `compose/images`.
pub const NAMES: [&str; 9] = [
    AGENT,
    "etcd",
    "haproxy",
    "postgres",
    "prometheus",
    "rabbitmq",
    "redis",
    "services",
    "varnish",
];

/// The image of the agents that hold faults.
pub const AGENT: &str = "agent";
/// The image with our own services and instruments.
const SERVICES: &str = "services";

/// How many images are built at the same time. Package installation alternates between the network and
/// one core, so two share two cores well.
const AT_ONCE: usize = 2;

/// The tag of each image, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Images(BTreeMap<&'static str, String>);

impl Images {
    /// The tag of an image, such as `gameday/redis:0123456789ab`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Name and tag of each image.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, tag)| (*name, tag.as_str()))
    }

    #[cfg(test)]
    pub(crate) fn of(tags: impl IntoIterator<Item = (&'static str, &'static str)>) -> Self {
        let tags = tags.into_iter().map(|(name, tag)| (name, tag.to_owned()));
        Self(tags.collect())
    }
}

/// Where images are built.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Site<'a> {
    docker: &'a Docker,
    /// Holds `compose` and `crates`.
    root: &'a Path,
    /// One log for each build.
    logs: &'a Path,
}

impl Site<'_> {
    fn context(&self, name: &str) -> PathBuf {
        self.root.join("compose/images").join(name)
    }
}

/// Makes sure that every image is there, building those whose inputs changed: two at a time, while cargo
/// compiles the services. `root` is the folder that holds `compose` and `crates`; `logs` takes one
/// `build-<image>.log` for each build. When the returned future is dropped, everything it started ends.
///
/// # Errors
/// When there is no base image, the services do not compile, or a build fails: the error shows the last
/// lines of its log.
pub async fn ensure(
    docker: &Docker,
    root: &Path,
    logs: &Path,
    say: Say<'_>,
) -> Result<Images, StageError> {
    let site = Site { docker, root, logs };
    tokio::fs::create_dir_all(logs)
        .await
        .map_err(StageError::file("make", logs))?;
    let base = base::ensure(&site, say).await?;
    let servers = stream::iter(NAMES.into_iter().filter(|name| !compile::makes(name)))
        .map(|name| server(&site, &base, name, say))
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<_>>();
    let (mut built, ours) = tokio::try_join!(servers, compile::ours(&site, &base, say))?;
    built.extend(ours);
    let new = built.iter().filter(|image| image.new).count();
    say(format!(
        "images: {new} built, {} there already",
        built.len() - new
    ));
    Ok(Images(
        built
            .into_iter()
            .map(|image| (image.name, image.tag))
            .collect(),
    ))
}

async fn server(
    site: &Site<'_>,
    base: &Base,
    name: &'static str,
    say: Say<'_>,
) -> Result<Built, StageError> {
    let context = site.context(name);
    build::ensure(site, base, name, &context, say).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_has_a_recipe() {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
        for name in NAMES {
            let recipe = root.join("compose/images").join(name).join("Dockerfile");
            let text = std::fs::read_to_string(&recipe).unwrap();
            assert!(text.contains("\nFROM ${BASE}\n"), "{}", recipe.display());
        }
    }
}
