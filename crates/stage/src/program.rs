//! Programs of the machine: run to their end within a deadline, killed when nobody waits any more.

use std::{
    collections::VecDeque,
    ffi::OsStr,
    io::{self, Write},
    path::Path,
    process::Stdio,
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader, Split},
    process::{Child, Command},
    time::timeout,
};

use crate::StageError;

/// How many of a program's last lines an error shows.
const TAIL_LINES: usize = 20;

/// Deadline of a program that should answer at once; a busy engine was seen to take seconds.
const SOON: Duration = Duration::from_secs(60);

/// A program that is about to run.
#[derive(Debug)]
pub(crate) struct Program {
    name: String,
    command: Command,
    action: String,
    within: Duration,
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) ok: bool,
    /// Exit status in words.
    pub(crate) status: String,
    /// Standard output; empty when the output went to a log.
    pub(crate) stdout: String,
    /// Last lines of what it wrote, errors first.
    pub(crate) tail: Vec<String>,
}

impl Program {
    /// A program found on the path.
    pub(crate) fn new(name: impl Into<String>) -> Self {
        let name = name.into();
        let mut command = Command::new(&name);
        command.stdin(Stdio::null()).kill_on_drop(true);
        Self {
            action: name.clone(),
            name,
            command,
            within: SOON,
        }
    }

    /// The Docker command line, speaking to the engine at `host`.
    pub(crate) fn docker(host: &str) -> Self {
        // Plain progress is what `images::step` reads; a terminal would get a moving picture.
        Self::new("docker")
            .env("DOCKER_HOST", host)
            .env("BUILDKIT_PROGRESS", "plain")
    }

    /// Says what it is for, as errors should name it.
    pub(crate) fn to(mut self, action: impl Into<String>) -> Self {
        self.action = action.into();
        self
    }

    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn env(mut self, key: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    pub(crate) fn without_env(mut self, key: &str) -> Self {
        self.command.env_remove(key);
        self
    }

    pub(crate) fn in_folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    pub(crate) fn within(mut self, within: Duration) -> Self {
        self.within = within;
        self
    }

    /// Lets its errors go where ours go: for a program that shows its own progress.
    pub(crate) fn showing(mut self) -> Self {
        self.command.stderr(Stdio::inherit());
        self
    }

    /// Starts it with the given standard input and piped outputs.
    pub(crate) fn spawn(mut self, stdin: Stdio) -> Result<Child, StageError> {
        self.command
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        self.start()
    }

    fn start(&mut self) -> Result<Child, StageError> {
        self.command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => StageError::NoProgram {
                fix: crate::provision::how_to_get(&self.name),
                program: self.name.clone(),
            },
            _ => StageError::file("start", &self.name)(error),
        })
    }

    /// Runs it and keeps its output. A failure of the program is not an error yet.
    pub(crate) async fn run(mut self) -> Result<Ended, StageError> {
        self.command.stdout(Stdio::piped());
        self.command.stderr(Stdio::piped());
        self.output().await
    }

    /// Runs it with whatever was decided about its errors, keeping its standard output.
    pub(crate) async fn run_showing(self) -> Result<Ended, StageError> {
        let mut program = self.showing();
        program.command.stdout(Stdio::piped());
        program.output().await
    }

    async fn output(mut self) -> Result<Ended, StageError> {
        let child = self.start()?;
        let output = timeout(self.within, child.wait_with_output()).await;
        let output = output.map_err(|_| self.too_slow())?;
        let output = output.map_err(StageError::file("run", &self.name))?;
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let mut tail = Tail::default();
        for line in stdout.lines().chain(stderr.lines()) {
            tail.push(line);
        }
        Ok(Ended {
            ok: output.status.success(),
            status: output.status.to_string(),
            stdout,
            tail: tail.0.into(),
        })
    }

    /// Runs it; a failure is an error that shows its last lines. Returns its standard output.
    pub(crate) async fn must(self) -> Result<String, StageError> {
        let action = self.action.clone();
        let ended = self.run().await?;
        if ended.ok {
            return Ok(ended.stdout);
        }
        Err(ended.failed(action, None))
    }

    /// Runs it with both outputs going to a file, and each line to `on_line` as it comes.
    pub(crate) async fn logged(
        mut self,
        log: &Path,
        mut on_line: impl FnMut(&str),
    ) -> Result<Ended, StageError> {
        let mut file = std::fs::File::create(log).map_err(StageError::file("write", log))?;
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.start()?;
        let mut tail = Tail::default();
        let mut lines = Lines::of(&mut child);
        let reading = async {
            while let Some(line) = lines.next().await {
                writeln!(file, "{line}").map_err(StageError::file("write", log))?;
                tail.push(&line);
                on_line(&line);
            }
            child
                .wait()
                .await
                .map_err(StageError::file("wait for", &self.name))
        };
        let status = timeout(self.within, reading).await;
        let status = status.map_err(|_| self.too_slow())??;
        Ok(Ended {
            ok: status.success(),
            status: status.to_string(),
            stdout: String::new(),
            tail: tail.0.into(),
        })
    }

    fn too_slow(&self) -> StageError {
        StageError::TooSlow {
            action: self.action.clone(),
            within: self.within,
        }
    }
}

impl Ended {
    /// The error of a program that failed.
    pub(crate) fn failed(self, action: impl Into<String>, log: Option<&Path>) -> StageError {
        StageError::Failed {
            action: action.into(),
            status: self.status,
            log: log.map(Path::to_owned),
            tail: self.tail,
        }
    }
}

/// The newest lines.
#[derive(Debug, Default)]
struct Tail(VecDeque<String>);

impl Tail {
    fn push(&mut self, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        if self.0.len() == TAIL_LINES {
            self.0.pop_front();
        }
        self.0.push_back(line.trim_end().to_owned());
    }
}

type Output = Option<Split<BufReader<Box<dyn AsyncRead + Send + Unpin>>>>;

/// Lines of both outputs of a program, in the order in which they come.
struct Lines {
    stdout: Output,
    stderr: Output,
}

impl Lines {
    fn of(child: &mut Child) -> Self {
        fn split(output: Option<impl AsyncRead + Send + Unpin + 'static>) -> Output {
            let output: Box<dyn AsyncRead + Send + Unpin> = Box::new(output?);
            Some(BufReader::new(output).split(b'\n'))
        }
        Self {
            stdout: split(child.stdout.take()),
            stderr: split(child.stderr.take()),
        }
    }

    /// The next line, or `None` when both outputs are closed. An output that can't be read counts as closed.
    async fn next(&mut self) -> Option<String> {
        loop {
            let (line, from) = match (&mut self.stdout, &mut self.stderr) {
                (Some(out), Some(err)) => tokio::select! {
                    line = out.next_segment() => (line, true),
                    line = err.next_segment() => (line, false),
                },
                (Some(out), None) => (out.next_segment().await, true),
                (None, Some(err)) => (err.next_segment().await, false),
                (None, None) => return None,
            };
            match line {
                Ok(Some(line)) => return Some(String::from_utf8_lossy(&line).into_owned()),
                _ if from => self.stdout = None,
                _ => self.stderr = None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Folder;

    fn shell(script: &str) -> Program {
        Program::new("sh").args(["-c", script])
    }

    #[tokio::test]
    async fn both_outputs_go_to_the_log_and_the_tail_keeps_the_newest() {
        let folder = Folder::with(&[]);
        let log = folder.path().join("log");
        let mut seen = 0;
        let script = "echo begin >&2; for i in $(seq 1 30); do echo line $i; done; exit 3";
        let ended = shell(script).logged(&log, |_| seen += 1).await.unwrap();
        assert!(!ended.ok);
        assert_eq!(seen, 31);
        assert_eq!(ended.tail.len(), TAIL_LINES);
        assert_eq!(ended.tail.last().unwrap(), "line 30");
        let text = std::fs::read_to_string(&log).unwrap();
        assert!(text.contains("begin\n") && text.contains("line 1\n"));
        let error = ended.failed("counting", Some(&log)).to_string();
        assert!(error.starts_with("counting failed (exit status: 3), all of it in "));
    }

    #[tokio::test]
    async fn what_takes_too_long_is_killed_and_named() {
        let slow = shell("exec sleep 60")
            .to("sleeping")
            .within(Duration::from_millis(50));
        let error = slow.must().await.unwrap_err();
        assert!(error.to_string().starts_with("sleeping did not end within"));
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_comes_with_a_fix() {
        let error = Program::new("no-such-program").run().await.unwrap_err();
        assert!(
            matches!(&error, StageError::NoProgram { program, .. } if program == "no-such-program")
        );
    }

    #[tokio::test]
    async fn a_failure_shows_what_the_program_said() {
        let error = shell("echo reason >&2; exit 1")
            .to("trying")
            .must()
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "trying failed (exit status: 1)\n  reason"
        );
        assert_eq!(shell("echo fine").must().await.unwrap(), "fine\n");
    }
}
