//! The machine under the platform: how much of its processors is still to be had.

use std::time::Duration;

use timeline::{Processors, Sighting};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::reporter::Reporter;

/// Time between two looks.
const EVERY: Duration = Duration::from_secs(1);

/// The kernel counts for the whole machine here, in a container, too.
const COUNTS: &str = "/proc/stat";

/// Ticks of those counts in a second: the same on every kernel for user programs, proc(5) (`USER_HZ`).
const TICKS_PER_S: f64 = 100.0;

/// Tells every second what the processors have done, until nobody listens. Where the kernel doesn't count it, nothing
/// is told: the run is as good without.
pub(crate) async fn patrol(sightings: Reporter) {
    let mut rounds = interval_at(Instant::now() + EVERY, EVERY);
    rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        rounds.tick().await;
        let counted = std::fs::read_to_string(COUNTS);
        let counted = counted.ok().and_then(|text| processors(&text));
        let Some(processors) = counted else {
            tracing::debug!("{COUNTS} tells nothing of the processors");
            continue;
        };
        let sighting = Sighting::Processors(processors);
        if sightings.send(sighting).await.is_err() {
            return;
        }
    }
}

/// The line of all processors, proc(5): user, nice, system, idle, iowait, irq, softirq, steal. What guests took, which
/// comes after them, is part of user and nice.
fn processors(text: &str) -> Option<Processors> {
    let line = text.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let ticks = line.split_ascii_whitespace().map(str::parse::<u64>);
    let ticks: Vec<_> = ticks.collect::<Result<_, _>>().ok()?;
    let &[user, nice, system, idle, iowait, irq, softirq, steal, ..] = ticks.as_slice() else {
        return None;
    };
    let seconds = |ticks: u64| ticks as f64 / TICKS_PER_S;
    Some(Processors {
        busy_s: seconds(user + nice + system + irq + softirq),
        idle_s: seconds(idle + iowait),
        stolen_s: seconds(steal),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_all_processors_is_read() {
        let text = "cpu  1000 200 300 4000 500 60 40 700 10 1\ncpu0 1 2 3 4 5 6 7 8 9 10\nintr 5\n";
        let expected = Processors {
            busy_s: 16.0,
            idle_s: 45.0,
            stolen_s: 7.0,
        };
        assert_eq!(processors(text), Some(expected));
    }

    #[test]
    fn anything_else_tells_nothing() {
        for text in [
            "",
            "cpu0 1 2 3 4 5 6 7 8\n",
            "cpu  1 2 3 4 5 6 7\n",
            "cpu  1 2 x 4 5 6 7 8\n",
        ] {
            assert_eq!(processors(text), None, "{text}");
        }
    }
}
