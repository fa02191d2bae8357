//! A topology that stands, and one fault after another abandoned on it.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command},
    thread::sleep,
    time::{Duration, Instant},
};

use tests::{Scratch, root, run, start, words};

use super::{Cell, Phase, Subject, Victim};

/// Nothing of a fault may be left after this long.
const WITHIN: Duration = Duration::from_secs(10);
/// Longest time for a fault to be on.
const ON_WITHIN: Duration = Duration::from_secs(30);
/// Time between two looks for what happens within milliseconds.
const GLANCE: Duration = Duration::from_millis(5);
/// Time between two looks at the member.
const LOOK: Duration = Duration::from_millis(250);
/// Healing has begun so long after it was asked for, and is not over.
const BEGUN: Duration = Duration::from_millis(30);

/// A raised topology; put down when dropped.
pub(crate) struct Stand {
    run: String,
    scratch: Scratch,
}

impl Stand {
    pub(crate) fn raise() -> Self {
        let output = run(&["up", "single"]);
        let said = words(&output);
        let id = said
            .split("is up as run ")
            .nth(1)
            .and_then(|rest| rest.split_whitespace().next());
        let run = id
            .unwrap_or_else(|| panic!("not raised: {said}"))
            .to_owned();
        Self {
            // Each test's own: the one that ends first takes its folder along.
            scratch: Scratch::new(&format!("crash-{run}")),
            run,
        }
    }

    /// Does the fault, kills the victim at the phase, and waits until the member is what it was.
    pub(crate) fn cell(&self, subject: &Subject, victim: Victim, phase: Phase) -> Cell {
        let before = self.trace(subject);
        let progress = self.scratch.path("progress");
        let mut controller = start(
            &[
                "inject",
                subject.fault,
                "--on",
                subject.on,
                "--for",
                "60s",
                "--run",
                &self.run,
            ],
            &progress,
        );
        self.wait_for(subject, phase, &progress, &mut controller);
        let hit = self.kill(victim, &mut controller);
        let begin = Instant::now();
        let cell = loop {
            let now = self.trace(subject);
            if now == before && self.agents().is_empty() && self.undo_files() == 0 {
                break Cell::Healed(begin.elapsed());
            }
            if begin.elapsed() > WITHIN {
                break Cell::Left(format!(
                    "{before:?} before, {now:?} now; agents {:?}, {} undo files",
                    self.agents(),
                    self.undo_files()
                ));
            }
            // A controller that lives goes on holding the rest of its fault, until it is asked to end.
            if !victim.controller() {
                signal(&controller, "-INT");
            }
            sleep(LOOK);
        };
        let _ = controller.kill();
        let _ = controller.wait();
        match cell {
            Cell::Healed(_) if victim == Victim::Agent && !hit => Cell::NoAgent,
            cell => cell,
        }
    }

    fn wait_for(
        &self,
        subject: &Subject,
        phase: Phase,
        progress: &PathBuf,
        controller: &mut Child,
    ) {
        let said = || fs::read_to_string(progress).unwrap_or_default();
        let deadline = Instant::now() + ON_WITHIN;
        let reached = || match phase {
            Phase::Apply => self.undo_files() > 0,
            Phase::Hold | Phase::Heal => said().contains("held for"),
        };
        while !reached() {
            let ended = controller.try_wait().expect("a child");
            assert!(ended.is_none(), "{}: {}", subject.name, said());
            assert!(
                Instant::now() < deadline,
                "{} is not on: {}",
                subject.name,
                said()
            );
            sleep(GLANCE);
        }
        if phase == Phase::Heal {
            signal(controller, "-INT");
            sleep(BEGUN);
        }
    }

    /// Whether the agent was there to be killed.
    fn kill(&self, victim: Victim, controller: &mut Child) -> bool {
        let agents = if victim.agent() {
            self.agents()
        } else {
            vec![]
        };
        if victim.controller() {
            controller.kill().expect("a child to kill");
            let _ = controller.wait();
        }
        for agent in &agents {
            docker(&["kill", agent]);
        }
        !agents.is_empty()
    }

    /// Ends the run as `heal` does for one whose process is gone.
    pub(crate) fn heal_everything(&self) {
        run(&["heal"]);
    }

    /// What the engine, the rules and the member itself say.
    fn trace(&self, subject: &Subject) -> String {
        let member = self.member(subject.on);
        let format = "{{.State.Status}} {{.HostConfig.NanoCpus}} {{.HostConfig.Memory}} {{len .NetworkSettings.Networks}}";
        let state = docker(&["inspect", "--format", format, &member]);
        let asked = docker(&["exec", &member, "bash", "-c", subject.trace]);
        let rules = match subject.name {
            "delay" | "loss" | "partition" | "isolation" | "reject" => self.rules(&member),
            _ => String::new(),
        };
        format!("{} {} {rules}", state.trim(), asked.trim())
    }

    /// Names of our chains in the member's namespace.
    fn rules(&self, member: &str) -> String {
        let network = format!("container:{member}");
        let script = "iptables-legacy-save | grep -c GD-; tc qdisc show | grep -c 4744:; true";
        docker(&[
            "run",
            "--rm",
            "--network",
            &network,
            "--cap-add",
            "NET_ADMIN",
            "--label",
            "gameday.crash=1",
            "--entrypoint",
            "bash",
            "gameday/agent:latest",
            "-c",
            script,
        ])
    }

    fn member(&self, service: &str) -> String {
        let project = format!("label=com.docker.compose.project=gameday-{}", self.run);
        let service = format!("label=com.docker.compose.service={service}");
        let id = docker(&[
            "ps", "--all", "--quiet", "--filter", &project, "--filter", &service,
        ]);
        id.trim().to_owned()
    }

    /// Name of the run.
    pub(crate) fn run(&self) -> &str {
        &self.run
    }

    /// Kills a member as somebody else would.
    pub(crate) fn kill_member(&self, service: &str) {
        docker(&["kill", &self.member(service)]);
    }

    pub(super) fn agents(&self) -> Vec<String> {
        let name = format!("name=gameday-{}-hold", self.run);
        let names = docker(&["ps", "--all", "--filter", &name, "--format", "{{.Names}}"]);
        names.lines().map(str::to_owned).collect()
    }

    pub(super) fn undo_files(&self) -> usize {
        let undo = root().join(".gameday/runs").join(&self.run).join("undo");
        let files = fs::read_dir(undo).into_iter().flatten().flatten();
        files
            .filter(|file| file.path().extension().is_some_and(|e| e == "json"))
            .count()
    }
}

impl Drop for Stand {
    fn drop(&mut self) {
        run(&["down", &self.run]);
    }
}

fn signal(child: &Child, signal: &str) {
    let _ = Command::new("kill")
        .args([signal, &child.id().to_string()])
        .status();
}

/// Both outputs of a docker command; what it could not do shows as words that differ.
pub(super) fn docker(args: &[&str]) -> String {
    let output = Command::new("docker")
        .args(args)
        .output()
        .expect("docker starts");
    let (out, error) = (output.stdout, output.stderr);
    format!(
        "{}{}",
        String::from_utf8_lossy(&out),
        String::from_utf8_lossy(&error)
    )
}
