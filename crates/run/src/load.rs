//! The load's recording: bytes from the generator to the disk, with a look at them in passing.

use std::{net::SocketAddr, path::PathBuf, pin::pin, sync::Arc, time::Duration};

use drill::Contract;
use futures_util::StreamExt;
use judge::LiveBudget;
use timeline::{Arrivals, Event, HEADER, LoadPlan, Offset, Outcome, RECORD_BYTES};
use tokio::{
    fs::File,
    io::{AsyncWriteExt, BufWriter},
    sync::watch,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use crate::{LoadNow, RunError, recorder::Recorder};

/// A load under way. Dropping it ends the load: the generator stops when the controller hangs up.
#[derive(Debug)]
pub(crate) struct Load {
    /// Counts so far.
    pub(crate) now: watch::Receiver<LoadNow>,
    /// Cancelled when the load has ended, in whatever way.
    pub(crate) ended: CancellationToken,
    /// Cancelled to end it before its time.
    stop: CancellationToken,
    task: JoinHandle<Result<(), RunError>>,
}

impl Load {
    /// Starts the load and its recording in `path`.
    pub(crate) async fn start(
        generator: SocketAddr,
        plan: LoadPlan,
        contract: &Contract,
        path: PathBuf,
        recorder: Recorder,
    ) -> Result<Self, RunError> {
        let stream = loadgen::drive(generator, &plan).await.map_err(failed)?;
        recorder
            .record_at(Offset(plan.begin_ns), Event::LoadStarted)
            .await;
        let file = File::create(&path).await.map_err(RunError::file(&path))?;
        let (tell, now) = watch::channel(LoadNow::default());
        let ended = CancellationToken::new();
        let guard = ended.clone().drop_guard();
        let stop = CancellationToken::new();
        let mut tally = Tally::new(Arc::new(plan), contract);
        let stopped = stop.clone();
        let task = tokio::spawn(async move {
            let _guard = guard;
            let mut file = BufWriter::new(file);
            let mut stream = pin!(stream);
            let by_itself = loop {
                let bytes = tokio::select! {
                    bytes = stream.next() => bytes,
                    () = stopped.cancelled() => break false,
                };
                let Some(bytes) = bytes else { break true };
                let bytes = bytes.map_err(failed)?;
                file.write_all(&bytes)
                    .await
                    .map_err(RunError::file(&path))?;
                let clock = recorder.clock().now();
                tally.take(&bytes, clock);
                // Flushed as often as it is looked at: a run may be judged while it goes on.
                if tell.send_if_modified(|now| tally.refresh(now, clock.as_duration())) {
                    file.flush().await.map_err(RunError::file(&path))?;
                }
            };
            file.flush().await.map_err(RunError::file(&path))?;
            let arrivals = tally.arrivals;
            if by_itself {
                recorder.record(Event::LoadEnded { arrivals }).await;
            }
            Ok(())
        });
        Ok(Self {
            now,
            ended,
            stop,
            task,
        })
    }

    /// Waits for the end of the load.
    pub(crate) async fn finish(self) -> Result<(), RunError> {
        self.task.await.unwrap_or_else(|error| Err(failed(error)))
    }

    /// Ends the load before its end; what was recorded stays, as a recording without an end.
    pub(crate) async fn cut_short(self) -> Result<(), RunError> {
        self.stop.cancel();
        self.finish().await
    }

    /// The same where an error or an interruption is told already.
    pub(crate) async fn abort(self) {
        if let Err(error) = self.cut_short().await {
            tracing::debug!(%error, "the load ended otherwise");
        }
    }
}

fn failed(error: impl std::fmt::Display) -> RunError {
    RunError::Instrument {
        instrument: "loadgen",
        reason: error.to_string(),
    }
}

/// Counts records in passing; chunks of the stream may cut a record in two.
struct Tally {
    plan: Arc<LoadPlan>,
    partial: Vec<u8>,
    header_read: bool,
    arrivals: u64,
    bad: u64,
    second: (u64, u64),
    budget: LiveBudget,
}

impl Tally {
    fn new(plan: Arc<LoadPlan>, contract: &Contract) -> Self {
        let request_timeout = plan.traffic.request_timeout();
        Self {
            plan,
            partial: Vec::new(),
            header_read: false,
            arrivals: 0,
            bad: 0,
            second: (0, 0),
            budget: LiveBudget::new(contract, request_timeout),
        }
    }

    fn take(&mut self, bytes: &[u8], now: Offset) {
        self.partial.extend_from_slice(bytes);
        if !self.header_read {
            if self.partial.len() < HEADER.len() {
                return;
            }
            self.partial.drain(..HEADER.len());
            self.header_read = true;
        }
        let whole = self.partial.len() / RECORD_BYTES * RECORD_BYTES;
        let records = [HEADER.as_slice(), &self.partial[..whole]].concat();
        self.partial.drain(..whole);
        // Anything unreadable is the judge's business; here it only ends the counting of this chunk.
        for arrival in Arrivals::open(records.as_slice())
            .into_iter()
            .flatten()
            .flatten()
        {
            self.arrivals += 1;
            self.bad += u64::from(arrival.outcome != Outcome::Ok && !arrival.is_abuse());
            self.budget.see(&arrival, now);
        }
    }

    /// Updates `now` once a second of the run's clock; says whether it did.
    fn refresh(&mut self, now: &mut LoadNow, clock: Duration) -> bool {
        let (second, before) = self.second;
        if clock.as_secs() == second {
            return false;
        }
        let elapsed = clock.saturating_sub(Duration::from_nanos(self.plan.begin_ns));
        let passed = (clock.as_secs() - second).max(1);
        let total = self.plan.duration;
        *now = LoadNow {
            elapsed: elapsed.min(total),
            total,
            users: self.plan.traffic.users_at(elapsed.min(total)),
            requests_per_second: u32::try_from((self.arrivals - before) / passed)
                .unwrap_or(u32::MAX),
            bad: self.bad,
            arrivals: self.arrivals,
            burned_percent: self.budget.burned_percent(),
        };
        self.second = (clock.as_secs(), self.arrivals);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use timeline::Arrival;

    fn plan() -> LoadPlan {
        let traffic = "baseline_users = 5\npeak_users = 9\nspan = '48h'\nspeed = 288.0";
        LoadPlan {
            seed: 1,
            zero_unix_ns: 0,
            begin_ns: 0,
            traffic: drill::Traffic::from_toml(traffic).unwrap(),
            duration: Duration::from_secs(600),
            stale_after: None,
            visible_within: None,
            probes: vec![],
            vip: String::new(),
            cdn: vec![],
        }
    }

    #[test]
    fn records_cut_by_chunks_are_counted_once() {
        let arrival = Arrival {
            user: 1,
            class: drill::Class::Ingest,
            outcome: Outcome::TimedOut,
            again: false,
            status: 0,
            due: Offset(1),
            sent: Offset(1),
            done: Offset(2),
        };
        let mut bytes = HEADER.to_vec();
        for second in 0..3 {
            let due = Offset(1 + second * 1_000_000_000);
            bytes.extend(Arrival { due, ..arrival }.encode());
        }
        bytes.extend(Arrival::footer(3));
        let contract = "availability_percent = 99.99\nmonthly_usd = 600.0\nclasses = ['ingest']";
        let contract = toml::from_str(contract).unwrap();
        let mut tally = Tally::new(Arc::new(plan()), &contract);
        for chunk in bytes.chunks(7) {
            tally.take(chunk, Offset(2));
        }
        assert_eq!((tally.arrivals, tally.bad), (3, 3));
        let mut now = LoadNow::default();
        assert!(tally.refresh(&mut now, Duration::from_secs(1)));
        assert!(!tally.refresh(&mut now, Duration::from_millis(1500)));
        assert_eq!((now.requests_per_second, now.users), (3, 5));
        // All of two seconds, of 17.28.
        assert!((now.burned_percent - 200.0 / 17.28).abs() < 0.01);
    }
}
