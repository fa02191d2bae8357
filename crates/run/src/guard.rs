//! The drill's guard at work: when a limit is reached, everything is healed and the run ends.

use std::{
    convert::Infallible,
    fs::File,
    io::BufReader,
    sync::{Arc, OnceLock},
    time::Duration,
};

use drill::Guard;
use judge::EntryFault;
use timeline::{Arrivals, StoredReadings, read_entries};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{LoadNow, Platform, RunError, RunFolder, ledger, lookout::Lookout};

/// A reading may be on its way through the queue for so long, and is not yet lost.
const ON_ITS_WAY: Duration = Duration::from_secs(10);

/// The end of a run before its end: by an interruption, or by its guard. Copies are one.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    token: CancellationToken,
    reason: Arc<OnceLock<String>>,
}

impl Stop {
    /// Comes with the interruption, or before it.
    pub(crate) fn under(interrupted: &CancellationToken) -> Self {
        Self {
            token: interrupted.child_token(),
            reason: Arc::default(),
        }
    }

    /// Ends the run; the first reason counts.
    pub(crate) fn because(&self, reason: String) {
        let _ = self.reason.set(reason);
        self.token.cancel();
    }

    /// Which limit was reached, if it was one.
    pub(crate) fn reason(&self) -> Option<&str> {
        self.reason.get().map(String::as_str)
    }

    /// Whether the run is to end now.
    pub(crate) fn is_due(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Waits for it.
    pub(crate) async fn due(&self) {
        self.token.cancelled().await;
    }

    /// To be handed to whoever has to hurry then.
    pub(crate) fn token(&self) -> CancellationToken {
        self.token.clone()
    }
}

/// Looks at the budget once a second, for as long as it is asked to.
pub(crate) async fn watch_budget(
    guard: &Guard,
    mut now: watch::Receiver<LoadNow>,
    stop: &Stop,
) -> Infallible {
    if let Some(most) = guard.stop_at_budget_percent {
        let over = |now: &LoadNow| now.burned_percent >= most;
        if let Ok(now) = now.wait_for(over).await {
            let burned = now.burned_percent;
            stop.because(format!(
                "{burned:.0} % of the outage budget burned, and it ends at {most} %"
            ));
        }
    }
    std::future::pending().await
}

/// Whoever looks for lost readings between two episodes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LossCheck<'a> {
    pub(crate) platform: &'a Platform,
    pub(crate) folder: &'a RunFolder,
}

impl LossCheck<'_> {
    /// How many acknowledged readings are not stored now, in full health, though they had time enough to be. A ledger that
    /// can't be taken finds none: the one at the end of the run decides.
    ///
    /// # Errors
    /// When the recording can't be read.
    pub(crate) async fn lost(&self, lookout: &Lookout) -> Result<usize, RunError> {
        let path = self.folder.stored_so_far();
        if ledger::snapshot(self.platform, lookout, &path)
            .await?
            .is_err()
        {
            return Ok(0);
        }
        let open = |path| File::open(&path).map_err(RunError::file(&path));
        let entries = read_entries(BufReader::new(open(self.folder.timeline())?))?;
        let arrivals = Arrivals::open(BufReader::new(open(self.folder.arrivals())?))?;
        let stored = StoredReadings::open(BufReader::new(open(path)?))?;
        let so_far = judge::judge_with_ledger(&entries, arrivals, Some(stored))?;
        let until_s = so_far.load.seconds - ON_ITS_WAY.as_secs_f64();
        let named = so_far.ledger.iter().flat_map(|ledger| &ledger.named);
        let lost = named.filter(|entry| entry.fault == EntryFault::Lost && entry.due_s < until_s);
        Ok(lost.count())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(text: &str) -> Guard {
        toml::from_str(text).unwrap()
    }

    async fn watched(guard: &Guard, burned_percent: f64) -> Option<String> {
        let interrupted = CancellationToken::new();
        let stop = Stop::under(&interrupted);
        let (tell, now) = watch::channel(LoadNow::default());
        let load = LoadNow {
            burned_percent,
            ..LoadNow::default()
        };
        tell.send_replace(load);
        tokio::select! {
            never = watch_budget(guard, now, &stop) => match never {},
            () = stop.due() => {}
            () = tokio::time::sleep(Duration::from_secs(5)) => {}
        }
        assert!(!interrupted.is_cancelled());
        stop.reason().map(str::to_owned)
    }

    #[tokio::test(start_paused = true)]
    async fn the_run_ends_at_the_limit_and_not_before() {
        let limited = guard("stop_at_budget_percent = 150.0");
        assert_eq!(watched(&limited, 149.0).await, None);
        let reason = watched(&limited, 151.2).await.unwrap();
        assert!(reason.starts_with("151 % of the outage budget"), "{reason}");
        assert_eq!(watched(&guard(""), 900.0).await, None);
    }

    #[tokio::test]
    async fn an_interruption_ends_it_without_a_reason() {
        let interrupted = CancellationToken::new();
        let stop = Stop::under(&interrupted);
        interrupted.cancel();
        stop.due().await;
        assert!(stop.is_due() && stop.reason().is_none());
    }
}
