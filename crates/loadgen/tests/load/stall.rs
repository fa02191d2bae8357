//! The test that separates honest generators from flattering ones: a server that stands still.

use std::time::Duration;

use crate::support::{Mode, Platform, Shape, generator, plan, record};
use clock::Clock;
use timeline::{Offset, Outcome};

/// Four seconds of constant load, the middle two of them frozen. Half of all requests fall into the freeze
/// and wait evenly for 0 to 2 s; so the truth is p50 = 0, p90 = 1.6 s and p99 = 1.96 s.
#[tokio::test]
async fn latency_counts_from_the_due_time_when_the_server_stands_still() {
    let platform = Platform::start(Mode::Honest).await;
    let shape = Shape {
        users: 500,
        every: Duration::from_millis(2500),
        timeout: Duration::from_millis(2450),
        duration: Duration::from_secs(4),
        ..Shape::default()
    };
    let plan = plan(shape, platform.address, &[platform.address]);
    let clock = Clock::anchored(plan.zero_unix_ns);
    let mode = platform.mode.clone();
    let freezing = tokio::spawn(async move {
        let begin = Duration::from_nanos(plan.begin_ns);
        for (at_s, to) in [(1, Mode::Frozen), (3, Mode::Honest)] {
            clock
                .until(Offset::from(begin + Duration::from_secs(at_s)))
                .await;
            mode.send_replace(to);
        }
    });
    let (arrivals, is_complete) = record(generator().await, &plan).await;
    freezing.await.unwrap();
    assert!(is_complete);
    assert!(arrivals.iter().all(|a| a.outcome == Outcome::Ok));
    assert!(
        arrivals.len().abs_diff(800) <= 5,
        "{} arrivals",
        arrivals.len()
    );
    let mut latencies: Vec<_> = arrivals.iter().map(|a| a.latency().unwrap()).collect();
    latencies.sort();
    let percentile = |percent: usize| latencies[latencies.len() * percent / 100];
    assert!(
        percentile(45) < Duration::from_millis(200),
        "p45 {:?}",
        percentile(45)
    );
    let p90 = percentile(90).as_millis();
    assert!((1450..1850).contains(&p90), "p90 {p90} ms");
    let p99 = percentile(99).as_millis();
    assert!((1850..2300).contains(&p99), "p99 {p99} ms");
}
