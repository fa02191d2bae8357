//! Times and texts that a drill file may hold, and whether its episodes fit into its load.

use std::time::Duration;

use super::{Episode, Pace};
use crate::{Fault, Traffic};

/// Longest hold and longest time of the pace. What is longer is a slip of the pen.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Why a text can't be shown: a control character could rewrite what a terminal shows.
pub(super) fn of_text(text: &str) -> Option<String> {
    let control = text.chars().find(|c| c.is_control())?;
    Some(format!("has the control character {control:?}"))
}

/// Why the times of a pace can't be kept.
pub(super) fn of_pace(pace: &Pace) -> Option<String> {
    let times = [
        ("warm_up", pace.warm_up),
        ("settle", pace.settle),
        ("recover_within", pace.recover_within),
    ];
    let (name, _) = times.into_iter().find(|(_, time)| *time > LONGEST)?;
    Some(format!("{name} is longer than 24h; allowed are 0s to 24h"))
}

/// Why a fault can't be held for so long. An orderly stop and a restart take their own time, and need no hold.
pub(super) fn of_hold(hold: Duration, fault: &Fault) -> Option<String> {
    let own_time = matches!(
        fault,
        Fault::Restart {} | Fault::Recreate {} | Fault::RollingRestart(_) | Fault::Stop { .. }
    );
    if hold.is_zero() && !own_time {
        return Some("hold is zero; allowed are times above 0s, up to 24h".into());
    }
    (hold > LONGEST)
        .then(|| "hold is longer than 24h; allowed are times above 0s, up to 24h".into())
}

/// Whether the load lasts until the clients have given up what the last fault cost.
#[derive(Debug)]
pub(super) struct Over {
    load: Duration,
    patience: Duration,
    settle: Duration,
    /// The earliest end of what came so far.
    needed: Duration,
}

impl Over {
    /// Before the first episode.
    pub(super) fn new(traffic: &Traffic, pace: &Pace) -> Self {
        Self {
            load: traffic.real_span(),
            patience: traffic.request_timeout(),
            settle: pace.settle,
            needed: pace.warm_up,
        }
    }

    /// Another episode.
    ///
    /// # Errors
    /// When the load ends before clients have given up what its fault costs.
    pub(super) fn after(&mut self, episode: &Episode) -> Result<(), String> {
        self.needed += self.settle + episode.hold;
        let needed = self.needed + self.patience;
        if needed <= self.load {
            return Ok(());
        }
        Err(format!(
            "the load ends after {:?}, before episode {:?} can have been met by it: that takes at least {needed:?} \
             (warm_up, each settle and hold, and request_timeout); give a longer traffic.span, a lower \
             traffic.speed, a shorter warm_up or a shorter hold",
            self.load, episode.name
        ))
    }
}
