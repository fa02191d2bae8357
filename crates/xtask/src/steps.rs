//! The steps of a check, in the order in which they find mistakes fastest.

use std::{path::Path, process::Command};

use anyhow::{Context, ensure};

/// Formatting differs from nothing.
pub(crate) fn format() -> anyhow::Result<()> {
    cargo("format", &["fmt", "--all", "--check"])
}

/// No warning of the compiler or of clippy, tests included.
pub(crate) fn lints() -> anyhow::Result<()> {
    let lints = [
        "clippy",
        "--release",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    cargo("lints", &lints)?;
    let suites = [
        "clippy",
        "--release",
        "--workspace",
        "--test",
        "conformance",
        "--test",
        "crash_matrix",
        "--test",
        "end_to_end",
        "--",
        "-D",
        "warnings",
    ];
    cargo("lints of the suites that only run by name", &suites)
}

/// The machine can run drills; with `provision`, it is made able to.
pub(crate) fn machine(provision: bool) -> anyhow::Result<()> {
    let doctor = if provision {
        ["gameday", "doctor", "--fix"].as_slice()
    } else {
        &["gameday", "doctor"]
    };
    cargo("machine", doctor)
}

/// Everything that needs no topology. Of the whole workspace, which runs the other suites only when they are named: with their package
/// left out, features would be unified without it, and nearly everything compiled once more.
pub(crate) fn unit_tests() -> anyhow::Result<()> {
    cargo("unit tests", &["test", "--release", "--workspace"])
}

/// Drills on real containers, one at a time: two cores carry one platform, not several.
pub(crate) fn end_to_end() -> anyhow::Result<()> {
    suite("end to end", "end_to_end")?;
    suite("conformance of the agent's faults", "conformance")
}

/// Kills whoever holds a fault, for every fault, at every phase: a quarter of an hour.
pub(crate) fn crash_matrix() -> anyhow::Result<()> {
    suite("crash matrix", "crash_matrix")
}

/// By name and not by package, for the same reason.
fn suite(step: &str, test: &str) -> anyhow::Result<()> {
    let tests = [
        "test",
        "--release",
        "--workspace",
        "--test",
        test,
        "--",
        "--test-threads=1",
        "--nocapture",
    ];
    cargo(step, &tests)
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn cargo(step: &str, args: &[&str]) -> anyhow::Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    run(step, Command::new(cargo).args(args))
}

fn run(step: &str, command: &mut Command) -> anyhow::Result<()> {
    eprintln!("== {step}");
    let status = command.current_dir(root()).status();
    let status = status.with_context(|| format!("failed to start {command:?}"))?;
    ensure!(status.success(), "{step}: {command:?} ended with {status}");
    Ok(())
}
