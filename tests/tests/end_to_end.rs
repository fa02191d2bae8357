//! The product as its users meet it: the real binary, real containers, real faults.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command},
};

use serde_json::Value;
use tests::{Scratch, root, run, run_with, standing, start, wait_until, words};

/// A small drill on the topology without redundancy.
const SMALL: &str = r#"
name     = "small"
about    = "Kill the only server."
lesson   = "One is none."
topology = "single"
seed     = 1

[traffic]
baseline_users = 50
peak_users     = 100
span           = "48h"
speed          = 2400.0   # 72 s: the load outlasts the fault

[pace]
warm_up        = "2s"
settle         = "1s"
recover_within = "60s"

[contract]
availability_percent = 99.99

[[episode]]
name       = "server"
target.any = { component = "api" }
fault.kill = {}
hold       = "60s"
"#;

#[test]
fn mistakes_are_named_with_their_place_and_start_nothing() {
    let before = standing();
    let scratch = Scratch::new("mistakes");
    let mistakes = [
        (
            "hold       =",
            "hodl       =",
            "unknown field `hodl`, expected one of `name`, `target`",
        ),
        (
            "component = \"api\"",
            "component = \"apis\"",
            "expected one of `api`, `ws`",
        ),
        (
            "hold       = \"60s\"",
            "hold       = \"-60s\"",
            "drill.toml:26: invalid value: string \"-60s\", expected a duration such as 500ms",
        ),
        (
            "topology = \"single\"",
            "topology = \"double\"",
            "there are: ha, single",
        ),
    ];
    for (good, bad, expected) in mistakes {
        assert!(SMALL.contains(good), "{good}");
        let drill = scratch.write("drill.toml", &SMALL.replace(good, bad));
        let output = run(&["run", &drill]);
        let said = words(&output);
        assert_eq!(output.status.code(), Some(64), "{said}");
        assert!(said.contains("drill.toml:"), "no line in {said}");
        assert!(said.contains(expected), "no {expected:?} in {said}");
    }
    let output = run(&["run", "no-such-drill"]);
    assert_eq!(output.status.code(), Some(64), "{}", words(&output));
    assert_eq!(standing(), before);
}

#[test]
fn the_quick_drill_comes_to_a_verdict_about_every_component() {
    let output = run(&["run", "quick"]);
    let said = words(&output);
    let folder = recorded(&said);
    let verdict = verdict(&folder);
    let code = match verdict["verdict"].as_str() {
        Some("held") => 0,
        Some("broken") => 1,
        Some("unproven") => 2,
        other => panic!("verdict {other:?} in {said}"),
    };
    assert_eq!(output.status.code(), Some(code), "{said}");
    let episodes = verdict["episodes"].as_array().expect("episodes");
    assert_eq!(episodes.len(), 4, "{said}");
    for episode in episodes {
        assert_eq!(episode["state"], "complete", "{episode}");
    }
    assert_eq!(verdict["ledger"]["lost"], 0, "{said}");
    assert!(!said.contains("no counter was read"), "{said}");
    assert_eq!(left_of(&said), Vec::<String>::new());
    // Judged again, byte for byte.
    let first = fs::read(folder.join("verdict.json")).expect("a verdict");
    let again = run(&["judge", &folder.to_string_lossy()]);
    assert_eq!(again.status.code(), Some(code), "{}", words(&again));
    assert_eq!(
        fs::read(folder.join("verdict.json")).expect("a verdict"),
        first
    );
}

/// The api acknowledges half a second before it keeps a reading: whatever it holds when it dies is lost, and
/// the ledger has to find it. Without that switch the same drill loses nothing.
#[test]
fn a_reading_that_was_acknowledged_and_lost_is_named() {
    let scratch = Scratch::new("loss");
    let short = SMALL.replace("hold       = \"60s\"", "hold       = \"5s\"");
    let short = short.replace("99.99", "99.99\nlost_readings = 0");
    let drill = scratch.write("drill.toml", &short);
    for (write_behind, lossy) in [("500ms", true), ("0s", false)] {
        let output = run_with(&["run", &drill], &[("GAMEDAY_WRITE_BEHIND", write_behind)]);
        let said = words(&output);
        let verdict = verdict(&recorded(&said));
        let ledger = &verdict["ledger"];
        assert!(ledger["acknowledged"].as_u64() > Some(100), "{said}");
        assert_eq!(ledger["complete"], true, "{said}");
        assert_eq!(ledger["lost"].as_u64() > Some(0), lossy, "{said}");
        if lossy {
            assert_eq!(output.status.code(), Some(1), "{said}");
            let named = &ledger["named"][0];
            assert_eq!(named["fault"], "lost", "{said}");
            assert!(named["reading_id"].is_string(), "{said}");
        }
        assert_eq!(left_of(&said), Vec::<String>::new());
    }
}

/// Two runs side by side: one is killed, the other interrupted. Healing the dead one leaves the living alone.
#[test]
fn whatever_ends_a_run_nothing_of_it_is_left() {
    let scratch = Scratch::new("ends");
    let drill = scratch.write("drill.toml", SMALL);
    let mut killed = Run::start(&drill, scratch.path("killed.txt"));
    let mut interrupted = Run::start(&drill, scratch.path("interrupted.txt"));
    killed.wait_for("  kill api-1");
    killed.signal("KILL");
    killed.child.wait().expect("the killed run ends");
    assert!(!left_of(&killed.said()).is_empty(), "nothing to heal");

    let healed = run(&["heal"]);
    assert_eq!(healed.status.code(), Some(0), "{}", words(&healed));
    assert_eq!(
        left_of(&killed.said()),
        Vec::<String>::new(),
        "{}",
        words(&healed)
    );

    interrupted.wait_for("  kill api-1");
    assert!(
        !left_of(&interrupted.said()).is_empty(),
        "the living run was healed too"
    );
    interrupted.signal("INT");
    let status = interrupted.child.wait().expect("the interrupted run ends");
    assert_eq!(status.code(), Some(130), "{}", interrupted.said());
    assert_eq!(left_of(&interrupted.said()), Vec::<String>::new());
}

#[test]
fn a_member_that_never_gets_healthy_is_named_with_its_last_words() {
    let scratch = Scratch::new("unhealthy");
    // The same project with a worker that lacks its configuration.
    for folder in ["compose", "chaos"] {
        let status = Command::new("cp")
            .arg("-r")
            .arg(root().join(folder))
            .arg(scratch.path(folder))
            .status();
        assert!(status.expect("cp starts").success());
    }
    for name in [
        "Cargo.toml",
        "Cargo.lock",
        "crates",
        "tests",
        ".cargo",
        "target",
    ] {
        let target = root().canonicalize().expect("the workspace").join(name);
        std::os::unix::fs::symlink(target, scratch.path(name)).expect("a link");
    }
    let broken = scratch.path("compose/services.yml");
    let text = fs::read_to_string(&broken).expect("the shared services");
    let spoiled = text.replace("PAGER_URL:", "PAGER_URL_SPOILED:");
    assert_ne!(text, spoiled, "nothing to spoil");
    fs::write(&broken, spoiled).expect("a spoiled file");
    let drill = scratch.write("drill.toml", SMALL);
    let place = scratch.path("");
    let output = run(&["run", &drill, "--root", &place.to_string_lossy()]);
    let said = words(&output);
    assert_eq!(output.status.code(), Some(69), "{said}");
    assert!(
        said.contains("worker-1") && said.contains("PAGER_URL"),
        "{said}"
    );
    assert_eq!(left_of(&said), Vec::<String>::new());
}

/// A run in the background.
struct Run {
    child: Child,
    progress: PathBuf,
}

impl Run {
    fn start(drill: &str, progress: PathBuf) -> Self {
        Self {
            child: start(&["run", drill], &progress),
            progress,
        }
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.progress).expect("the progress")
    }

    fn wait_for(&mut self, words: &str) {
        wait_until(words, || {
            let ended = self.child.try_wait().expect("the run's state");
            assert!(
                ended.is_none(),
                "ended with {ended:?} before {words:?}: {}",
                self.said()
            );
            self.said().contains(words)
        });
    }

    fn signal(&self, signal: &str) {
        let pid = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", signal, &pid]).status();
        assert!(status.expect("kill starts").success());
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // Only after a failed assertion: the run heals itself on the way out.
        if let Ok(None) = self.child.try_wait() {
            self.signal("INT");
            let _ = self.child.wait();
        }
    }
}

/// The run's folder, from its progress.
fn recorded(said: &str) -> PathBuf {
    // Other lines begin with the word as well.
    let found = said.lines().find_map(|line| {
        let (_, folder) = line.strip_prefix("run ")?.split_once(" in ")?;
        Some(PathBuf::from(folder))
    });
    found.expect("the run's folder")
}

/// The verdict of a recorded run.
fn verdict(folder: &Path) -> Value {
    let text = fs::read(folder.join("verdict.json")).expect("a verdict");
    serde_json::from_slice(&text).expect("a verdict in JSON")
}

/// What still stands of the run that said this.
fn left_of(said: &str) -> Vec<String> {
    let folder = recorded(said);
    let id = folder
        .file_name()
        .expect("the run's id")
        .to_string_lossy()
        .into_owned();
    let mut standing = standing();
    standing.retain(|name| name.contains(&id));
    standing
}
