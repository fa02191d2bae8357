//! Faults that look applied and are not: a run must never take one for a platform that withstood it.

use tests::{run, words};

use super::Stand;

/// `gameday inject` by its exit codes.
const UNPROVEN: i32 = 2;
const FAILED: i32 = 70;

/// What is asked for, what the process must end with, and what it must say.
const REFUSALS: [(&str, &str, i32, &str); 3] = [
    // The engine's own resolver answers on another port, which a rule for 53 never sees.
    (
        "network = { effect = { partition = {} }, ports = ['53'], direction = 'out', backend = 'rules' }",
        "api-1",
        UNPROVEN,
        "unproven",
    ),
    // This process is not there.
    (
        "process = { name = 'no-such-process' }",
        "api-1",
        FAILED,
        "no process no-such-process",
    ),
    // Who plays a role is seen only by a run; the target is refused before anything is done.
    (
        "kill",
        "role = \"postgres-replica\"",
        64,
        "roles are looked up within a run",
    ),
];

/// Every refusal, and that nothing of it is left.
pub(crate) fn check(stand: &Stand) {
    for (fault, on, code, said) in REFUSALS {
        expect(stand, fault, on, code, said);
    }
    if !has_netem() {
        let delay = "network = { effect = { delay = { latency = '50ms' } }, direction = 'out', backend = 'netem' }";
        expect(stand, delay, "api-1", FAILED, "qdisc kind is unknown");
    }
    stand.kill_member("api-1");
    expect(
        stand,
        "pause",
        "api-1",
        FAILED,
        "already, so a pause would show nothing",
    );
}

fn expect(stand: &Stand, fault: &str, on: &str, code: i32, expected: &str) {
    let output = run(&[
        "inject",
        fault,
        "--on",
        on,
        "--for",
        "3s",
        "--run",
        stand.run(),
    ]);
    let said = words(&output);
    println!(
        "{fault} on {on}: {}",
        said.lines().last().unwrap_or_default()
    );
    assert_eq!(output.status.code(), Some(code), "{fault}: {said}");
    assert!(said.contains(expected), "no {expected:?} in {said}");
    assert_eq!(stand.undo_files(), 0, "{said}");
    assert!(stand.agents().is_empty(), "{said}");
}

fn has_netem() -> bool {
    let said = words(&run(&["doctor"]));
    let line = said.lines().find(|line| line.contains("netem"));
    let line = line.unwrap_or_else(|| panic!("nothing about netem in {said}"));
    !line.starts_with("none")
}
