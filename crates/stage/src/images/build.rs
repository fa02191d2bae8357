//! Building one image, unless it is there.

use std::{path::Path, time::Duration};

use tokio::time::Instant;

use crate::{Say, StageError, program::Program};

use super::{Site, base::Base, inputs::Inputs, step};

/// Label with the whole hash of an image's inputs.
const INPUTS_LABEL: &str = "gameday.inputs";

/// Longest time for one build: packages over a slow network.
const BUILD_WITHIN: Duration = Duration::from_secs(1_800);

/// How many versions of an image are kept: enough for a few checkouts side by side.
const KEPT: usize = 3;

/// An image that is there.
#[derive(Debug)]
pub(crate) struct Built {
    pub(crate) name: &'static str,
    pub(crate) tag: String,
    /// Whether it had to be built.
    pub(crate) new: bool,
}

/// Builds `gameday/<name>` from a build context, unless an image with these inputs exists.
pub(crate) async fn ensure(
    site: &Site<'_>,
    base: &Base,
    name: &'static str,
    context: &Path,
    say: Say<'_>,
) -> Result<Built, StageError> {
    let (from, base_id) = (context.to_owned(), base.id.clone());
    let inputs = tokio::task::spawn_blocking(move || Inputs::of(&from, &base_id)).await;
    let inputs = inputs.map_err(|error| StageError::file("hash", context)(error.into()))??;
    let host = site.docker.host();
    let repository = format!("gameday/{name}");
    let tag = format!("{repository}:{}", inputs.short());
    let new = label(host, &tag).await?.as_deref() != Some(inputs.full());
    if new {
        build(site, base, &inputs, name, &tag, context, say).await?;
    }
    let latest = format!("{repository}:latest");
    Program::docker(host)
        .args(["image", "tag", &tag, &latest])
        .must()
        .await?;
    if new {
        forget_old(host, &repository).await;
    }
    Ok(Built { name, tag, new })
}

/// The hash that an image carries; `None` when there is no such image.
async fn label(host: &str, tag: &str) -> Result<Option<String>, StageError> {
    let format = format!("{{{{index .Config.Labels {INPUTS_LABEL:?}}}}}");
    let inspect = ["image", "inspect", "--format", &format, tag];
    let answer = Program::docker(host).args(inspect).run().await?;
    Ok(answer.ok.then(|| answer.stdout.trim().to_owned()))
}

async fn build(
    site: &Site<'_>,
    base: &Base,
    inputs: &Inputs,
    name: &str,
    tag: &str,
    context: &Path,
    say: Say<'_>,
) -> Result<(), StageError> {
    let log = site.logs.join(format!("build-{name}.log"));
    let began = Instant::now();
    let mut reached = 0;
    let show = |line: &str| {
        if let Some(step) = step::parse(line)
            && step.number > reached
        {
            reached = step.number;
            let seconds = began.elapsed().as_secs();
            say(format!(
                "image {name}: step {}/{} at {seconds} s",
                step.number, step.of
            ));
        }
    };
    let build = Program::docker(site.docker.host())
        .args(["build", "--build-arg", &format!("BASE={}", base.reference)])
        .args(["--label", &format!("{INPUTS_LABEL}={}", inputs.full())])
        .args(["--tag", tag])
        .args([context])
        .within(BUILD_WITHIN)
        .to(format!("building image {name}"));
    let ended = build.logged(&log, show).await?;
    if !ended.ok {
        return Err(ended.failed(format!("building image {name}"), Some(&log)));
    }
    say(format!(
        "image {name}: built in {:.1} s",
        began.elapsed().as_secs_f64()
    ));
    Ok(())
}

/// Removes all but the newest versions. Best effort: one that a container still uses stays.
async fn forget_old(host: &str, repository: &str) {
    let list = ["image", "ls", "--format", "{{.Tag}}", repository];
    let Ok(tags) = Program::docker(host).args(list).must().await else {
        return;
    };
    // The list is sorted, newest first.
    for tag in tags
        .lines()
        .filter(|tag| *tag != "latest" && *tag != "<none>")
        .skip(KEPT)
    {
        let old = format!("{repository}:{tag}");
        let removed = Program::docker(host)
            .args(["image", "rm", &old])
            .must()
            .await;
        tracing::debug!(?removed, old, "forgot an old image");
    }
}

#[cfg(test)]
mod tests {
    use engine::Docker;

    use super::*;
    use crate::testing::Folder;

    /// Removes an image when the test ends, however it ends.
    struct Clean<'a>(&'a str);

    impl Drop for Clean<'_> {
        fn drop(&mut self) {
            let tags = std::process::Command::new("docker")
                .args(["image", "ls", "--quiet", "--no-trunc", self.0])
                .output()
                .unwrap();
            for id in String::from_utf8_lossy(&tags.stdout).lines() {
                let rm = ["image", "rm", "--force", id];
                let _ = std::process::Command::new("docker").args(rm).output();
            }
        }
    }

    /// Runs against the engine of this machine; says so and passes where there is none.
    #[tokio::test]
    async fn the_same_context_is_built_once_and_a_broken_one_shows_its_log() {
        let docker = match Docker::connect().await {
            Ok(docker) => docker,
            Err(error) => return eprintln!("skipped: {error}"),
        };
        const NAME: &str = "stage-test";
        let _clean = Clean("gameday/stage-test");
        let salt = uuid::Uuid::new_v4().to_string();
        let folder = Folder::with(&[
            ("context/Dockerfile", "ARG BASE\nFROM ${BASE}\nCOPY a /a\n"),
            ("context/a", &salt),
        ]);
        let site = Site {
            docker: &docker,
            root: folder.path(),
            logs: folder.path(),
        };
        let base = Base {
            reference: "scratch".into(),
            id: String::new(),
        };
        let context = folder.path().join("context");
        let quiet = |_: String| {};
        let first = ensure(&site, &base, NAME, &context, &quiet).await.unwrap();
        let second = ensure(&site, &base, NAME, &context, &quiet).await.unwrap();
        assert!(first.new && !second.new);
        assert_eq!(first.tag, second.tag);

        folder.write(
            "context/Dockerfile",
            "ARG BASE\nFROM ${BASE}\nCOPY nothing /a\n",
        );
        let error = ensure(&site, &base, NAME, &context, &quiet)
            .await
            .unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("building image stage-test failed"),
            "{text}"
        );
        assert!(
            text.contains("nothing") && text.contains("build-stage-test.log"),
            "{text}"
        );
    }
}
