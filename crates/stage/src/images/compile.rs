//! The image with our own binaries: compiled on the host where they run in the image, else in a container.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use engine::EngineInfo;
use serde::Deserialize;
use tokio::time::Instant;

use crate::{Say, StageError, program::Program};

use super::{
    AGENT, SERVICES, Site,
    base::Base,
    build::{self, Built},
    inputs,
};

/// The binaries that go into each image. Asked for by name and not by package: features are then unified over
/// the whole workspace, and what `cargo gameday` has compiled is compiled already.
const IMAGES: [(&str, &[&str]); 2] = [
    (
        SERVICES,
        &[
            "api", "ws", "gateway", "worker", "pager", "loadgen", "observer", "watchdog",
        ],
    ),
    (AGENT, &["agent"]),
];

/// Whether an image is made here.
pub(crate) fn makes(name: &str) -> bool {
    IMAGES.iter().any(|(image, _)| *image == name)
}

fn binaries() -> impl Iterator<Item = &'static str> {
    IMAGES
        .iter()
        .flat_map(|(_, binaries)| binaries.iter().copied())
}

/// The C library of Debian trixie. Binaries that were linked against a newer one do not start there.
const IMAGE_GLIBC: (u32, u32) = (2, 41);

/// Longest time to compile everything on a slow machine.
const COMPILE_WITHIN: Duration = Duration::from_secs(3_600);

/// What a build in a container needs of the workspace.
const SOURCES: [&str; 4] = ["Cargo.toml", "Cargo.lock", "crates", "tests"];

/// Compiles our own binaries and packs them, unless images with the same binaries exist.
pub(crate) async fn ours(
    site: &Site<'_>,
    base: &Base,
    say: Say<'_>,
) -> Result<Vec<Built>, StageError> {
    let fit = match unfit(site.docker.info()).await {
        None => {
            let began = Instant::now();
            let binaries = compile(site.root).await?;
            let seconds = began.elapsed().as_secs_f64();
            say(format!("image {SERVICES}: compiled in {seconds:.1} s"));
            Ok(binaries)
        }
        Some(why) => Err(why),
    };
    let mut built = Vec::with_capacity(IMAGES.len());
    for (name, binaries) in IMAGES {
        let context = match &fit {
            Ok(compiled) => packed(site, name, binaries, compiled)?,
            Err(why) => sources(site, name, why, say)?,
        };
        built.push(build::ensure(site, base, name, &context.0, say).await?);
    }
    Ok(built)
}

/// The context of an image whose binaries are compiled.
fn packed(
    site: &Site<'_>,
    name: &str,
    binaries: &[&str],
    compiled: &BTreeMap<String, PathBuf>,
) -> Result<Context, StageError> {
    let context = Context::new(&site.root.join("target"))?;
    context.copy(&site.context(name).join("Dockerfile"), "Dockerfile", None)?;
    for (binary, path) in compiled {
        if binaries.contains(&binary.as_str()) {
            // Whatever the user's mask is: the image runs them as somebody else.
            context.copy(path, &format!("bin/{binary}"), Some(0o755))?;
        }
    }
    Ok(context)
}

/// The context of an image that compiles its binaries itself.
fn sources(site: &Site<'_>, name: &str, why: &str, say: Say<'_>) -> Result<Context, StageError> {
    let recipe = site.context(name).join("Dockerfile.compile");
    if !recipe.is_file() {
        return Err(StageError::Compile(format!(
            "{why}, and there is no {} to compile them in a container",
            recipe.display()
        )));
    }
    say(format!("image {name}: {why}; compiling in a container"));
    let context = Context::new(&site.root.join("target"))?;
    context.copy(&recipe, "Dockerfile", None)?;
    for source in SOURCES {
        context.copy_all(&site.root.join(source), source)?;
    }
    Ok(context)
}

/// Why binaries of this host would not run in the image; `None` when they do.
async fn unfit(engine: &EngineInfo) -> Option<String> {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    if os != "linux" || arch != engine.architecture {
        let there = &engine.architecture;
        return Some(format!(
            "binaries for {os} on {arch} do not run on a linux engine on {there}"
        ));
    }
    let asked = Program::new("getconf")
        .args(["GNU_LIBC_VERSION"])
        .must()
        .await;
    let version = asked.unwrap_or_default();
    match glibc(&version) {
        Some(version) if version <= IMAGE_GLIBC => None,
        _ => Some(format!(
            "binaries of this host need its own C library ({}), the image has glibc 2.41",
            version.trim()
        )),
    }
}

fn glibc(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Compiles the binaries; cargo shows its own progress.
async fn compile(root: &Path) -> Result<BTreeMap<String, PathBuf>, StageError> {
    let ended = Program::new(cargo())
        .args(["build", "--release"])
        .args(binaries().flat_map(|binary| ["--bin", binary]))
        .args(["--message-format", "json-render-diagnostics"])
        .in_folder(root)
        .within(COMPILE_WITHIN)
        .to("compiling the services")
        .run_showing()
        .await?;
    if !ended.ok {
        return Err(StageError::Compile(format!(
            "cargo ended with {}, see above",
            ended.status
        )));
    }
    let built = executables(&ended.stdout);
    if let Some(missing) = binaries().find(|name| !built.contains_key(*name)) {
        return Err(StageError::Compile(format!(
            "no package makes the binary {missing}"
        )));
    }
    Ok(built)
}

/// The cargo that runs us, else the one on the path.
pub(crate) fn cargo() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

/// Binaries by name, from cargo's messages.
fn executables(messages: &str) -> BTreeMap<String, PathBuf> {
    #[derive(Deserialize)]
    struct Message {
        target: Target,
        executable: Option<PathBuf>,
    }
    #[derive(Deserialize)]
    struct Target {
        name: String,
    }
    messages
        .lines()
        .filter_map(|line| serde_json::from_str::<Message>(line).ok())
        .filter_map(|message| Some((message.target.name, message.executable?)))
        .collect()
}

/// A build context of its own, removed when dropped.
#[derive(Debug)]
struct Context(PathBuf);

impl Context {
    /// An empty one below a folder.
    fn new(parent: &Path) -> Result<Self, StageError> {
        let path = parent.join(format!("gameday-context-{}", uuid::Uuid::new_v4().simple()));
        fs::create_dir_all(&path).map_err(StageError::file("make", &path))?;
        Ok(Self(path))
    }

    fn copy(&self, from: &Path, to: &str, mode: Option<u32>) -> Result<(), StageError> {
        let to = self.0.join(to);
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder).map_err(StageError::file("make", folder))?;
        }
        fs::copy(from, &to).map_err(StageError::file("copy", from))?;
        let Some(mode) = mode else { return Ok(()) };
        fs::set_permissions(&to, fs::Permissions::from_mode(mode))
            .map_err(StageError::file("set the mode of", &to))
    }

    /// Copies a file, or every file below a folder.
    fn copy_all(&self, from: &Path, to: &str) -> Result<(), StageError> {
        if from.is_file() {
            return self.copy(from, to, None);
        }
        for file in inputs::files(from)? {
            let below = file
                .strip_prefix(from)
                .unwrap_or(&file)
                .to_string_lossy()
                .into_owned();
            self.copy(&file, &format!("{to}/{below}"), None)?;
        }
        Ok(())
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, path = %self.0.display(), "build context is left behind");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    #[test]
    fn executables_are_found_among_cargos_messages() {
        let messages = r#"
{"reason":"compiler-artifact","target":{"kind":["lib"],"name":"wire"},"executable":null,"fresh":true}
{"reason":"compiler-artifact","target":{"kind":["bin"],"name":"observer"},"executable":"/t/release/observer"}
not json
{"reason":"build-finished","success":true}"#;
        let expected = ("observer".to_owned(), PathBuf::from("/t/release/observer"));
        assert_eq!(executables(messages), [expected].into());
        assert!(executables("").is_empty());
    }

    #[test]
    fn c_libraries_compare_as_numbers() {
        assert_eq!(glibc("glibc 2.36\n"), Some((2, 36)));
        assert!(glibc("glibc 2.9") < glibc("glibc 2.41"));
        assert_eq!(glibc("musl"), None);
        assert_eq!(glibc(""), None);
    }

    #[test]
    fn a_context_takes_files_with_their_modes_and_leaves_nothing() {
        let folder = Folder::with(&[
            ("src/a.rs", "a"),
            ("src/deep/b.rs", "b"),
            ("Cargo.toml", "c"),
        ]);
        let context = Context::new(folder.path()).unwrap();
        context
            .copy(&folder.path().join("Cargo.toml"), "bin/x", Some(0o755))
            .unwrap();
        context
            .copy_all(&folder.path().join("src"), "crates")
            .unwrap();
        assert!(context.0.join("crates/deep/b.rs").is_file());
        let mode = fs::metadata(context.0.join("bin/x"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o755);
        let error = context
            .copy_all(&folder.path().join("nothing"), "y")
            .unwrap_err();
        assert!(error.to_string().contains("nothing"));
        let path = context.0.clone();
        drop(context);
        assert!(!path.exists());
    }
}
