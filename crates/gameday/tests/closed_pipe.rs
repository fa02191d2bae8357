//! The binary when nobody reads what it prints.

#![allow(clippy::unwrap_used, reason = "a test ends in a panic where it must")]

use std::process::{Command, Output, Stdio};

/// A pipe's end to write into whose other end is closed already.
fn closed() -> Stdio {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    writer.into()
}

fn gameday(arguments: &[&str], stdout: Stdio, stderr: Stdio) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gameday"));
    command.args(arguments).stdout(stdout).stderr(stderr);
    let child = command.spawn().expect("the binary");
    child.wait_with_output().expect("its end")
}

#[test]
fn a_closed_pipe_is_a_normal_end() {
    let commands: [&[&str]; 5] = [
        &["list"],
        &["explain", "quick"],
        &["check", "quick"],
        &["report", "--schema"],
        &["--help"],
    ];
    for command in commands {
        let ended = gameday(command, closed(), Stdio::piped());
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(
            (ended.status.code(), said.as_str()),
            (Some(0), ""),
            "{command:?}"
        );
    }
}

#[test]
fn the_exit_code_of_a_mistake_outlives_its_reader() {
    let ended = gameday(&["explain", "nonsense"], closed(), closed());
    assert_eq!(ended.status.code(), Some(64));
}

#[test]
fn with_a_reader_everything_is_said() {
    let ended = gameday(&["list"], Stdio::piped(), Stdio::piped());
    let said = String::from_utf8(ended.stdout).unwrap();
    assert!(
        said.contains("high-availability") && said.ends_with('\n'),
        "{said}"
    );
}
