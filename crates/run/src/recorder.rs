//! The one writer of a run's timeline.

use std::{
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

use clock::Clock;
use timeline::{Entry, Event, Offset, write_numbered};
use tokio::{runtime::Handle, sync::mpsc, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::RunError;

/// Entries that may wait for the disk; far more than a minute of observations.
const WAITING: usize = 16_384;

/// A handle on which every loop records what it observed. Copies write to the same timeline.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    clock: Clock,
    entries: mpsc::Sender<Entry>,
    closed: CancellationToken,
}

/// The writing task; it ends after [`Recorder::close`].
pub(crate) type Writer = JoinHandle<Result<(), RunError>>;

impl Recorder {
    /// Starts a timeline in a new file.
    pub(crate) fn start(clock: Clock, path: &Path) -> Result<(Self, Writer), RunError> {
        let file = File::create(path).map_err(RunError::file(path))?;
        let (entries, incoming) = mpsc::channel::<Entry>(WAITING);
        let closed = CancellationToken::new();
        let writing = write_all(
            BufWriter::new(file),
            incoming,
            closed.clone(),
            path.to_owned(),
        );
        // A thread of its own: a slow disk must not hold up the loops.
        let writer = tokio::task::spawn_blocking(move || Handle::current().block_on(writing));
        let recorder = Self {
            clock,
            entries,
            closed,
        };
        Ok((recorder, writer))
    }

    /// Ends the timeline: what is waiting is written, what other loops record later is dropped.
    pub(crate) fn close(&self) {
        self.closed.cancel();
    }

    /// The run's clock.
    pub(crate) fn clock(&self) -> Clock {
        self.clock
    }

    /// Records what happens now.
    pub(crate) async fn record(&self, event: Event) {
        self.record_at(self.clock.now(), event).await;
    }

    /// Records what happened at `at`.
    pub(crate) async fn record_at(&self, at: Offset, event: Event) {
        let sent = self.entries.send(Entry { at, event }).await;
        if sent.is_err() && !self.closed.is_cancelled() {
            // The writer ended with an error, which the conductor returns.
            tracing::error!("the timeline can no longer be written");
        }
    }
}

async fn write_all(
    mut out: BufWriter<File>,
    mut incoming: mpsc::Receiver<Entry>,
    closed: CancellationToken,
    path: std::path::PathBuf,
) -> Result<(), RunError> {
    // One writer, so the number of a line is its place: one that is taken out later leaves a gap.
    let mut n = 0;
    loop {
        let entry = tokio::select! {
            biased;
            entry = incoming.recv() => entry,
            () = closed.cancelled() => None,
        };
        let Some(entry) = entry else { break };
        write_numbered(&mut out, n, &entry)?;
        n += 1;
        // A crash must not take what was seen with it: flushed whenever nothing more waits.
        if incoming.is_empty() {
            out.flush().map_err(RunError::file(&path))?;
        }
    }
    out.flush().map_err(RunError::file(&path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everything_recorded_before_the_close_is_written() {
        let path = std::env::temp_dir().join(format!("gameday-recorder-{}", std::process::id()));
        let (recorder, writer) = Recorder::start(Clock::start().0, &path).unwrap();
        let other_loop = recorder.clone();
        for _ in 0..1000 {
            recorder.record(Event::LoadStarted).await;
        }
        recorder.close();
        writer.await.unwrap().unwrap();
        other_loop.record(Event::Finished).await;
        let lines = std::fs::read_to_string(&path).unwrap();
        assert_eq!(lines.lines().count(), 1000);
        let numbered = |(n, line): (usize, &str)| line.starts_with(&format!("{{\"n\":{n},"));
        assert!(lines.lines().enumerate().all(numbered));
        std::fs::remove_file(path).unwrap();
    }
}
