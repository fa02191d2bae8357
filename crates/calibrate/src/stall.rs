//! Experiment: the target stands still in the middle of a constant load, as wrk2's author does it to tell
//! honest generators from flattering ones.

use std::time::Duration;

use timeline::{Arrival, Offset};

use crate::bench::{Bench, Load, Suffered};
use crate::error::CalibrateError;
use crate::store::Store;
use crate::table::{MS, Row, Table};
use crate::target::Target;

/// The load is this many times as long as the stall.
const TIMES: u32 = 5;
/// The stated error: this share of the known latency, and never less than the floor.
const ALLOWED_SHARE: f64 = 0.05;
const ALLOWED_FLOOR_MS: f64 = 5.0;

/// Length of the load around a stall.
pub(crate) fn load_of(stall: Duration) -> Duration {
    stall * TIMES
}

/// Stands still for `stall`, and sets the percentiles that the judge finds beside those of an open loop.
pub(crate) async fn measure(stall: Duration) -> Result<Table, CalibrateError> {
    let load = Load {
        name: "stall",
        users: 400,
        every: stall + Duration::from_millis(1200),
        // Longer than the stall: it must show as latency, not as failure.
        timeout: stall + Duration::from_secs(1),
        lasts: load_of(stall),
        fault: Some("pause"),
        clinicians: None,
    };
    let bench = Bench::start().await?;
    let target = Target::start(bench.clock, vec![], Store::default()).await?;
    let script = async |begin: Offset| {
        let middle = begin.as_duration() + (load.lasts - stall) / 2;
        bench.clock.until(Offset::from(middle)).await;
        let from = target.freeze();
        bench.clock.until(Offset::from(middle + stall)).await;
        let until = target.thaw();
        Ok(Suffered { from, until })
    };
    let recording = bench.run(&load, target.address(), script).await?;
    let suffered = recording.told;
    let (judgement, conditions) = recording.judge(Some(suffered))?;
    let real_ms = suffered.until.since(suffered.from).as_secs_f64() * 1000.0;
    let load_ms = load.lasts.as_secs_f64() * 1000.0;
    let measured = judgement.classes.first().map(|class| class.latency);
    let row = |name: &str, share: f64, measured_ms: Option<f64>| {
        let known_ms = expected_ms(real_ms, load_ms, share);
        let allowed_ms = (known_ms * ALLOWED_SHARE).max(ALLOWED_FLOOR_MS);
        let what = format!("latency {name} under a stall of {stall:?}");
        Row::new(what, MS, known_ms, measured_ms, allowed_ms, &conditions)
    };
    let p90 = judgement
        .findings
        .iter()
        .find(|finding| finding.title == "latency p90");
    let rows = vec![
        row("p50", 0.50, measured.and_then(|all| all.p50_ms)),
        row("p90", 0.90, p90.and_then(|finding| finding.measured.number)),
        row("p99", 0.99, measured.and_then(|all| all.p99_ms)),
    ];
    let closed = closed_loop_p99(&recording.arrivals).as_secs_f64() * 1000.0;
    let note = format!(
        "a closed loop over the same recording, which asks again only once it is answered, would have \
         shown a p99 of {closed:.1} ms"
    );
    Ok(Table {
        rows,
        notes: vec![note],
    })
}

/// The latency that a share of all requests does not exceed: they are due evenly, and one that is due in the
/// stall waits for its end.
fn expected_ms(stall_ms: f64, load_ms: f64, share: f64) -> f64 {
    (stall_ms - (1.0 - share) * load_ms).max(0.0)
}

/// What one connection would have seen that sends its next request only once the last was answered: the
/// stall is a single slow answer to it.
fn closed_loop_p99(arrivals: &[Arrival]) -> Duration {
    let mut arrivals: Vec<_> = arrivals.iter().filter(|a| a.latency().is_some()).collect();
    arrivals.sort_unstable_by_key(|arrival| arrival.sent);
    let mut free = Offset(0);
    let mut took = vec![];
    for arrival in arrivals {
        if arrival.sent >= free {
            free = arrival.done;
            took.push(arrival.done.since(arrival.sent));
        }
    }
    took.sort_unstable();
    took.get(took.len() * 99 / 100).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fifth_of_all_requests_waits() {
        let expected = |share| expected_ms(2000.0, 10_000.0, share);
        assert_eq!(expected(0.5), 0.0);
        assert!((expected(0.9) - 1000.0).abs() < 1e-6);
        assert!((expected(0.99) - 1900.0).abs() < 1e-6);
    }

    #[test]
    fn a_closed_loop_sees_the_stall_once() {
        let arrival = |ms: u64, done_ms: u64| Arrival {
            user: 0,
            class: drill::Class::Ingest,
            outcome: timeline::Outcome::Ok,
            again: false,
            status: 202,
            due: Offset(ms * 1_000_000),
            sent: Offset(ms * 1_000_000),
            done: Offset(done_ms * 1_000_000),
        };
        let stalled = (2000..4000).map(|ms| arrival(ms * 2, 8000));
        let fast = (0..2000)
            .chain(4000..6000)
            .map(|ms| arrival(ms * 2, ms * 2 + 1));
        let all: Vec<_> = stalled.chain(fast).collect();
        assert_eq!(closed_loop_p99(&all), Duration::from_millis(1));
        assert_eq!(closed_loop_p99(&[]), Duration::ZERO);
    }
}
