//! Real containers in a network of their own, and agents that hold faults in them.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use agent::measure::Sample;
use lease::Event;
use serde_json::{Value, json};
use tests::{Scratch, root};

/// What the agent's image is called here; kept, so that the next suite finds its packages installed.
const IMAGE: &str = "gameday/agent:conformance";
/// The run whose name all rules carry.
pub(crate) const RUN: &str = "conformance";
/// The echo's ports in every container.
pub(crate) const PORTS: [u16; 2] = [7000, 7001];
/// A rule that is not ours; it has to survive everything.
pub(crate) const FOREIGN: &str = "-A INPUT -s 192.0.2.99/32 -j DROP";
/// Longest wait for an event of an agent.
const PATIENCE: Duration = Duration::from_secs(20);

/// A network with the containers `near` (the target), `far` (its peer) and `other` (another peer).
#[derive(Debug)]
pub(crate) struct Stand {
    label: String,
    network: String,
    /// The target's state before any agent.
    pub(crate) before: String,
}

/// How an agent is started.
#[derive(Debug, Clone, Default)]
pub(crate) struct Joined {
    /// Options of `docker run`: namespaces, capabilities, cgroup.
    pub(crate) options: Vec<String>,
}

impl Stand {
    /// Builds the image and starts the containers.
    pub(crate) fn raise() -> Self {
        build();
        let mut stand = Self {
            before: String::new(),
            label: format!("gameday.conformance={}", std::process::id()),
            network: format!("gameday-conformance-{}", std::process::id()),
        };
        docker(&["network", "create", "--label", &stand.label, &stand.network]);
        for name in ["near", "far", "other"] {
            stand.container(name, &["--tmpfs", "/scratch:size=64m"]);
        }
        let rule = format!("iptables-legacy {FOREIGN}");
        stand.helper("near", "sh", &["-c", &rule]);
        stand.before = stand.state();
        stand
    }

    /// The target's rules and chains in all tables, queueing disciplines, addresses and routes, seen without the agent.
    pub(crate) fn state(&self) -> String {
        let rules = "iptables-legacy-save | sed -n -e '/^-A/p' -e '/^:.* - /s/ -.*//p'";
        let rest = "tc qdisc show && ip -o address show && ip -o route show table all";
        self.helper("near", "sh", &["-c", &format!("{rules} && {rest}")])
    }

    /// Starts one more container with an echo.
    pub(crate) fn container(&self, name: &str, options: &[&str]) {
        let (named, ports) = (
            self.named(name),
            PORTS.map(|port| port.to_string()).join(","),
        );
        let head = [
            "run",
            "--detach",
            "--rm",
            "--label",
            &self.label,
            "--name",
            &named,
        ];
        let network = ["--network", &self.network];
        let tail = [IMAGE, "echo", "--ports", &ports];
        docker(&[head.as_slice(), &network, options, &tail].concat());
        tests::wait_until("the echo listens", || {
            let asked = [
                "exec",
                &named,
                "agent",
                "received",
                "--at",
                "127.0.0.1:7000",
            ];
            Command::new("docker")
                .args(asked)
                .output()
                .is_ok_and(|output| output.status.success())
        });
    }

    /// A container's full name.
    pub(crate) fn named(&self, name: &str) -> String {
        format!("{}-{name}", self.network)
    }

    /// A container's address.
    pub(crate) fn address(&self, name: &str) -> String {
        let format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        docker(&["inspect", "--format", format, &self.named(name)])
    }

    /// Runs a program in a container to its end and returns what it printed, however it ended.
    pub(crate) fn exec(&self, name: &str, words: &[&str]) -> String {
        let named = self.named(name);
        let output = output(&[&["exec", &named], words].concat());
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Starts `agent <words>` in a container and reads its samples when it is done.
    pub(crate) fn measuring(&self, name: &str, words: &str) -> Measuring {
        let named = self.named(name);
        let words: Vec<_> = words.split(' ').collect();
        let child = Command::new("docker")
            .args([&["exec", &named, "agent"], words.as_slice()].concat())
            .stdout(Stdio::piped())
            .spawn();
        Measuring(child.expect("docker starts"))
    }

    /// As [`Self::measuring`], to its end.
    pub(crate) fn measure(&self, name: &str, words: &str) -> Vec<Sample> {
        self.measuring(name, words).samples()
    }

    /// A program of the agent's image, run in the network namespace of a container.
    pub(crate) fn helper(&self, name: &str, program: &str, words: &[&str]) -> String {
        let join = format!("container:{}", self.named(name));
        let head = ["run", "--rm", "--label", &self.label, "--network", &join];
        let rights = [
            "--cap-drop",
            "ALL",
            "--cap-add",
            "NET_ADMIN",
            "--cap-add",
            "NET_RAW",
        ];
        docker(
            &[
                &head,
                rights.as_slice(),
                &["--entrypoint", program, IMAGE],
                words,
            ]
            .concat(),
        )
    }

    /// What the agent finds out about this kernel, in a network of its own.
    pub(crate) fn probe(&self) -> String {
        let head = [
            "run",
            "--rm",
            "--label",
            &self.label,
            "--network",
            "none",
            "--cap-drop",
            "ALL",
        ];
        let rights = [
            "--cap-add",
            "NET_ADMIN",
            "--cap-add",
            "NET_RAW",
            IMAGE,
            "probe",
        ];
        docker(&[head.as_slice(), &rights].concat())
    }

    /// Joins an agent to the target's network.
    pub(crate) fn in_network(&self) -> Joined {
        let join = format!("--network=container:{}", self.named("near"));
        let options = [&join, "--cap-add=NET_ADMIN", "--cap-add=NET_RAW"];
        Joined {
            options: options.map(String::from).to_vec(),
        }
    }

    /// Joins an agent to the target's processes.
    pub(crate) fn in_processes(&self) -> Joined {
        let join = format!("--pid=container:{}", self.named("near"));
        let options = [&join, "--network=none", "--cap-add=SYS_PTRACE"];
        Joined {
            options: options.map(String::from).to_vec(),
        }
    }

    /// Gives an agent its order, with a lease that no case reaches.
    pub(crate) fn hold(&self, joined: &Joined, fault: &Value) -> Held {
        self.hold_for(joined, fault, Duration::from_secs(60))
    }

    /// Gives an agent its order with a lease.
    pub(crate) fn hold_for(&self, joined: &Joined, fault: &Value, lease: Duration) -> Held {
        // A name of its own: the engine removes the one before when it gets round to it.
        let name = self.named(&format!("agent-{}", wall_us()));
        let head = [
            "run",
            "--interactive",
            "--rm",
            "--label",
            &self.label,
            "--name",
            &name,
            "--cap-drop=ALL",
        ];
        let mut child = Command::new("docker")
            .args(head)
            .args(&joined.options)
            .args([IMAGE, "hold"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("docker starts");
        let order =
            json!({ "run": RUN, "lease_ms": lease.as_millis() as u64, "seed": 1, "fault": fault });
        let input = child.stdin.as_mut().expect("standard input");
        writeln!(input, "{order}").expect("the order is taken");
        let output = BufReader::new(child.stdout.take().expect("standard output"));
        let (tell, events) = channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let event = serde_json::from_str(&line).expect("an event");
                let _ = tell.send(event);
            }
        });
        let first = events
            .recv_timeout(PATIENCE)
            .expect("an event of the agent");
        Held {
            name,
            child,
            events,
            first,
        }
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        let label = format!("label={}", self.label);
        let ids = docker(&["ps", "--all", "--quiet", "--filter", &label]);
        for id in ids.lines() {
            let _ = output(&["rm", "--force", id]);
        }
        let _ = output(&["network", "rm", &self.network]);
    }
}

/// A measurement that is under way.
#[derive(Debug)]
pub(crate) struct Measuring(Child);

impl Measuring {
    /// Waits for its end.
    pub(crate) fn samples(mut self) -> Vec<Sample> {
        let mut text = String::new();
        let output = self.0.stdout.as_mut().expect("standard output");
        output.read_to_string(&mut text).expect("samples");
        self.0.wait().expect("the measurement ends");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text:?}"))
    }
}

/// An agent with its fault on, or refused.
#[derive(Debug)]
pub(crate) struct Held {
    name: String,
    child: Child,
    events: Receiver<Event>,
    /// Applied or refused.
    pub(crate) first: Event,
}

impl Held {
    /// The next event; nothing when the agent says no more.
    pub(crate) fn next(&self) -> Option<Event> {
        self.events.recv_timeout(PATIENCE).ok()
    }

    /// Its container.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Closes its standard input, and returns its last event with its exit code.
    pub(crate) fn let_go(mut self) -> (Option<Event>, Option<i32>) {
        drop(self.child.stdin.take());
        self.wait()
    }

    /// Waits until it ends by itself, and returns its last event with its exit code.
    pub(crate) fn wait(mut self) -> (Option<Event>, Option<i32>) {
        // Waiting would close its standard input.
        let input = self.child.stdin.take();
        let code = self.child.wait().expect("docker ends").code();
        drop(input);
        (self.events.iter().last(), code)
    }

    /// The process of the agent on this machine.
    pub(crate) fn process(&self) -> String {
        docker(&["inspect", "--format", "{{.State.Pid}}", &self.name])
    }

    /// Kills it as the kernel would, past the engine, whose own command takes a tenth of a second. Returns when, in
    /// microseconds since the Unix epoch.
    pub(crate) fn kill(mut self, process: &str) -> u64 {
        let at_us = wall_us();
        let killed = Command::new("kill").args(["-KILL", process]).status();
        if !killed.is_ok_and(|status| status.success()) {
            docker(&["kill", "--signal", "KILL", &self.name]);
        }
        self.child.wait().expect("docker ends");
        at_us
    }
}

/// Now, in microseconds since the Unix epoch: what samples are stamped with.
#[expect(
    clippy::disallowed_methods,
    reason = "compared with the clock of the samples"
)]
pub(crate) fn wall_us() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    })
}

/// Builds the image from the recipe and the agent as it is now.
fn build() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let build = ["build", "--release", "--bin", "agent"];
    let status = Command::new(cargo).args(build).current_dir(root()).status();
    assert!(
        status.expect("cargo starts").success(),
        "agent does not build"
    );
    let scratch = Scratch::new("conformance");
    fs::create_dir_all(scratch.path("bin")).expect("a folder");
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    fs::copy(target.join("release/agent"), scratch.path("bin/agent")).expect("the agent");
    let recipe = root().join("compose/images/agent/Dockerfile");
    fs::copy(recipe, scratch.path("Dockerfile")).expect("the recipe");
    // The base that the testbed made, where it had to; otherwise the recipe's own.
    let bases = docker(&[
        "images",
        "gameday/base",
        "--format",
        "{{.Repository}}:{{.Tag}}",
    ]);
    let base = bases.lines().next().map(|base| format!("BASE={base}"));
    let base = base.iter().flat_map(|base| ["--build-arg", base.as_str()]);
    let context = scratch.path("").to_string_lossy().into_owned();
    let words: Vec<_> = ["build", "--quiet", "--tag", IMAGE]
        .into_iter()
        .chain(base)
        .collect();
    docker(&[words.as_slice(), &[&context]].concat());
}

/// Runs `docker` and returns what it printed.
///
/// # Panics
/// When it fails, with its complaint.
pub(crate) fn docker(words: &[&str]) -> String {
    let output = output(words);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "docker {}: {said}",
        words.join(" ")
    );
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn output(words: &[&str]) -> Output {
    Command::new("docker")
        .args(words)
        .output()
        .expect("docker starts")
}
