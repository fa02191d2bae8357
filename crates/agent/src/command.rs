//! The system's own tools, for what has no interface a library could use better.

use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

/// Runs a tool to its end and returns what it printed.
///
/// # Errors
/// When it does not start or does not succeed: the command line with the first line of its complaint.
pub(crate) fn run(program: &str, args: &[&str]) -> Result<String, String> {
    let output = Command::new(program)
        .args(args)
        .stdin(Stdio::null())
        .output();
    finish(program, args, output)
}

/// Runs a tool with a text as its standard input.
///
/// # Errors
/// As [`run`].
pub(crate) fn feed(program: &str, args: &[&str], text: &str) -> Result<String, String> {
    let started = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let output = started.and_then(|mut child| {
        if let Some(mut input) = child.stdin.take() {
            input.write_all(text.as_bytes())?;
        }
        child.wait_with_output()
    });
    finish(program, args, output)
}

fn finish(program: &str, args: &[&str], output: std::io::Result<Output>) -> Result<String, String> {
    let line = || format!("{program} {}", args.join(" "));
    let output = output.map_err(|error| format!("{}: {error}", line()))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let said = said.lines().find(|line| !line.trim().is_empty());
    let said = said.unwrap_or("no word of why").trim();
    Err(format!("{}: {said}", line()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_fails_says_which_and_why() {
        assert_eq!(run("printf", &["a"]), Ok("a".into()));
        assert_eq!(feed("cat", &[], "b"), Ok("b".into()));
        let error = run("sh", &["-c", "echo; echo broken >&2; exit 3"]).unwrap_err();
        assert!(
            error.starts_with("sh -c") && error.ends_with(": broken"),
            "{error}"
        );
        assert!(
            run("no-such-tool", &["x"])
                .unwrap_err()
                .contains("no-such-tool x")
        );
    }
}
