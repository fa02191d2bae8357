//! Experiment: answers take known times.

use std::time::Duration;

use crate::bench::{Bench, Load};
use crate::error::CalibrateError;
use crate::store::Store;
use crate::table::{MS, Row, Table};
use crate::target::{Slow, Target};

/// The rest is answered at once: so p50, p95 and p99 fall into three different parts.
const SLOW: [Slow; 2] = [
    Slow {
        percent: 20,
        by: Duration::from_millis(50),
    },
    Slow {
        percent: 3,
        by: Duration::from_millis(120),
    },
];
/// The stated error: a request passes two timers with a grain of 1 ms each and four wakings.
const ALLOWED_MS: f64 = 5.0;

/// Answers in known times for `lasts`, and sets the percentiles that the judge finds beside those of the
/// target's own stopwatch.
pub(crate) async fn measure(lasts: Duration) -> Result<Table, CalibrateError> {
    let load = Load {
        name: "shape",
        users: 300,
        every: Duration::from_millis(600),
        timeout: Duration::from_millis(500),
        lasts,
        fault: None,
        clinicians: None,
    };
    let bench = Bench::start().await?;
    let target = Target::start(bench.clock, SLOW.to_vec(), Store::default()).await?;
    let nothing = async |_| Ok(());
    let recording = bench.run(&load, target.address(), nothing).await?;
    let (judgement, conditions) = recording.judge(None)?;
    let known = target.took();
    let measured = judgement.classes.first().map(|class| class.latency);
    let row = |name: &str, percent: usize, measured_ms: Option<f64>| {
        let what = format!("latency {name} of a known shape");
        let known_ms = at_ms(&known, percent);
        Row::new(what, MS, known_ms, measured_ms, ALLOWED_MS, &conditions)
    };
    let rows = vec![
        row("p50", 50, measured.and_then(|all| all.p50_ms)),
        row("p95", 95, measured.and_then(|all| all.p95_ms)),
        row("p99", 99, measured.and_then(|all| all.p99_ms)),
    ];
    Ok(Table {
        rows,
        notes: vec![],
    })
}

/// The smallest value that so many percent do not exceed, in milliseconds; 0 of nothing.
fn at_ms(sorted: &[Duration], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    let value = sorted.get(rank - 1).copied().unwrap_or_default();
    value.as_secs_f64() * 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_value_of_the_list() {
        let sorted: Vec<_> = (1..=200).map(Duration::from_millis).collect();
        assert_eq!(
            [50, 95, 99].map(|p| at_ms(&sorted, p)),
            [100.0, 190.0, 198.0]
        );
        assert_eq!(at_ms(&sorted[..1], 99), 1.0);
        assert_eq!(at_ms(&[], 50), 0.0);
    }
}
