//! Helpers of the end-to-end suites: the real binary, against real containers.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    thread,
    time::Duration,
};

/// Longest time that anything in an end-to-end test may take.
const PATIENCE: Duration = Duration::from_secs(600);
/// Time between two looks at a condition.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The workspace.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The `gameday` binary, built as a user would build it.
pub fn gameday() -> PathBuf {
    static BUILT: std::sync::Once = std::sync::Once::new();
    BUILT.call_once(|| {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let build = ["build", "--release", "--bin", "gameday"];
        let status = Command::new(cargo).args(build).current_dir(root()).status();
        assert!(
            status.expect("cargo starts").success(),
            "gameday does not build"
        );
    });
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    target.join("release/gameday")
}

/// Runs `gameday` to its end, in the workspace.
pub fn run(args: &[&str]) -> Output {
    run_with(args, &[])
}

/// Runs `gameday` with more in its environment.
pub fn run_with(args: &[&str], environment: &[(&str, &str)]) -> Output {
    let output = Command::new(gameday())
        .args(args)
        .envs(environment.iter().copied())
        .current_dir(root())
        .output();
    output.expect("gameday starts")
}

/// Starts `gameday` with its progress going to a file.
pub fn start(args: &[&str], progress: &Path) -> Child {
    let file = fs::File::create(progress).expect("a file for the progress");
    Command::new(gameday())
        .args(args)
        .current_dir(root())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(file)
        .spawn()
        .expect("gameday starts")
}

/// What a finished command printed, for the message of a failed assertion.
pub fn words(output: &Output) -> String {
    let out = String::from_utf8_lossy(&output.stdout);
    let err = String::from_utf8_lossy(&output.stderr);
    format!("exit {:?}\n{out}\n{err}", output.status.code())
}

/// Waits until the condition holds.
///
/// # Panics
/// When it does not hold within ten minutes; the message names `what`.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let looks = PATIENCE.as_millis() / LOOK_EVERY.as_millis();
    for _ in 0..looks {
        if condition() {
            return;
        }
        thread::sleep(LOOK_EVERY);
    }
    panic!("not within {} s: {what}", PATIENCE.as_secs());
}

/// Containers, networks and volumes on this machine whose name begins with `gameday-`.
pub fn standing() -> Vec<String> {
    let mut standing = Vec::new();
    let asks: [(&[&str], &str); 3] = [
        (&["ps", "--all"], "{{.Names}}"),
        (&["network", "ls"], "{{.Name}}"),
        (&["volume", "ls"], "{{.Name}}"),
    ];
    for (ask, format) in asks {
        let args = [
            ask,
            &[
                "--filter",
                "label=com.docker.compose.project",
                "--format",
                format,
            ],
        ]
        .concat();
        let output = Command::new("docker")
            .args(args)
            .output()
            .expect("docker starts");
        let names = String::from_utf8_lossy(&output.stdout).into_owned();
        standing.extend(
            names
                .lines()
                .filter(|name| name.starts_with("gameday-"))
                .map(String::from),
        );
    }
    standing.sort();
    standing
}

/// A drill file of its own, in a temporary folder; removed when dropped.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// An empty folder for one test.
    pub fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("gameday-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a temporary folder");
        Self(path)
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Writes a file and returns its path as text.
    pub fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).expect("a file in the temporary folder");
        path.to_string_lossy().into_owned()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
