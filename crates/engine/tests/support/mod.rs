//! A throw-away project on the real engine, made with the engine's own command line: a second opinion
//! beside the crate under test. Needs no registry: its image holds one static binary built here.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicU32, Ordering},
};

use engine::Docker;

/// Waits for ever and ignores the stop signal, as the first process of a container does by default.
const SLEEPER: &str = r#"fn main() { println!("up"); loop { std::thread::park(); } }"#;

/// A project that goes away with its guard, also when the test panics.
pub(crate) struct Stand {
    /// The connection under test.
    pub(crate) docker: Docker,
    /// Name of the project.
    pub(crate) project: String,
    /// Where the test may write.
    pub(crate) folder: PathBuf,
    subnet: u8,
}

impl Stand {
    /// An empty project with a network `data`; `None`, with the reason printed, where this machine can't.
    pub(crate) async fn new() -> Option<Self> {
        match Self::build().await {
            Ok(stand) => Some(stand),
            Err(reason) => {
                eprintln!("skipped: {reason}");
                None
            }
        }
    }

    async fn build() -> Result<Self, String> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let docker = Docker::connect().await.map_err(|error| error.to_string())?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let project = format!("gameday-test-{}-{number}", std::process::id());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&project);
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        let mut stand = Self {
            docker,
            project,
            folder,
            subnet: 0,
        };
        stand.build_image()?;
        stand.subnet = stand.make_network()?;
        Ok(stand)
    }

    fn build_image(&self) -> Result<(), String> {
        let context = self.folder.join("context");
        fs::create_dir_all(&context).map_err(|error| error.to_string())?;
        let source = self.folder.join("sleeper.rs");
        let write =
            |path: &Path, text: &str| fs::write(path, text).map_err(|error| error.to_string());
        write(&source, SLEEPER)?;
        // Two projects of one binary would be one image under two names, and the engine may remove it
        // for the first in the moment in which it gives it the second.
        let recipe = format!(
            "FROM scratch\nLABEL test={}\nCOPY sleeper /sleeper\nENTRYPOINT [\"/sleeper\"]\n",
            self.project
        );
        write(&context.join("Dockerfile"), &recipe)?;
        let mut rustc = Command::new(std::env::var("RUSTC").unwrap_or_else(|_| "rustc".into()));
        rustc.args([
            "-O",
            "-C",
            "panic=abort",
            "-C",
            "target-feature=+crt-static",
            "-o",
        ]);
        run(rustc.arg(context.join("sleeper")).arg(source))
            .map_err(|error| format!("no static binary can be built here: {error}"))?;
        let context = context.to_string_lossy().into_owned();
        self.cli(&["build", "-q", "-t", &self.image(), &context])
            .map(drop)
    }

    /// Takes the first subnet that nothing else uses.
    fn make_network(&self) -> Result<u8, String> {
        let (label, run) = (self.label(), self.run_label());
        let name = format!("{}_data", self.project);
        let mut last = String::new();
        for subnet in 0..=255 {
            let range = format!("10.213.{subnet}.0/24");
            match self.cli(&[
                "network", "create", "--label", &label, "--label", &run, "--subnet", &range, &name,
            ]) {
                Ok(_) => return Ok(subnet),
                Err(error) => last = error,
            }
        }
        Err(format!("no free subnet: {last}"))
    }

    /// Starts a member with a fixed address on `data`; returns its container id.
    pub(crate) fn start(&self, service: &str, component: &str, octet: u8) -> String {
        self.container("run", service, component, octet)
    }

    /// Makes a member as [`Stand::start`] does, but does not start it.
    #[allow(dead_code, reason = "not every test binary needs it")]
    pub(crate) fn create(&self, service: &str, component: &str, octet: u8) -> String {
        self.container("create", service, component, octet)
    }

    fn container(&self, verb: &str, service: &str, component: &str, octet: u8) -> String {
        let labels = [
            self.label(),
            format!("com.docker.compose.service={service}"),
            format!("gameday.component={component}"),
            "gameday.zone=a".to_owned(),
            self.run_label(),
        ];
        let (network, address) = (format!("{}_data", self.project), self.address(octet));
        let mut args = vec![
            verb,
            "--network",
            &network,
            "--ip",
            &address,
            "-p",
            "127.0.0.1::7100",
        ];
        labels
            .iter()
            .for_each(|label| args.extend(["--label", label]));
        if verb == "run" {
            args.push("-d");
        }
        let image = self.image();
        args.push(&image);
        self.cli(&args)
            .expect("a container of the test image starts")
    }

    /// The address with this last octet on the network `data`.
    pub(crate) fn address(&self, octet: u8) -> String {
        format!("10.213.{}.{octet}", self.subnet)
    }

    /// The label of the run that everything of this project is made for.
    pub(crate) fn run_label(&self) -> String {
        let run = self.project.trim_start_matches("gameday-");
        format!("gameday.run={run}")
    }

    /// The label of everything of this project.
    pub(crate) fn label(&self) -> String {
        format!("com.docker.compose.project={}", self.project)
    }

    fn image(&self) -> String {
        format!("{}:sleeper", self.project)
    }

    /// Runs the engine's command line against the same engine; returns what it printed.
    pub(crate) fn cli(&self, args: &[&str]) -> Result<String, String> {
        run(Command::new("docker")
            .env("DOCKER_HOST", self.docker.host())
            .args(args))
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        let filter = format!("label={}", self.label());
        for (list, remove) in [
            (["ps", "-aq"].as_slice(), ["rm", "-fv"].as_slice()),
            (&["network", "ls", "-q"], &["network", "rm"]),
            (&["volume", "ls", "-q"], &["volume", "rm"]),
        ] {
            let found = self
                .cli(&[list, &["--filter", &filter]].concat())
                .unwrap_or_default();
            for id in found.split_whitespace() {
                let _ = self.cli(&[remove, &[id]].concat());
            }
        }
        let _ = self.cli(&["rmi", &self.image()]);
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn run(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
