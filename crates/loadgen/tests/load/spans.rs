//! The time that followers spend without a stream, and what they wait for at its end.

use std::time::Duration;

use crate::support::{Mode, Platform, Shape, generator, plan, record_spans};
use drill::Class;
use timeline::{Arrival, Outcome, Span, SpanKind};

fn shape(users: u32, monitors_percent: u32) -> Shape {
    Shape {
        users,
        monitors_percent,
        every: Duration::from_millis(600),
        timeout: Duration::from_millis(400),
        duration: Duration::from_secs(3),
    }
}

async fn load(mode: Mode, shape: Shape) -> (Vec<Arrival>, Vec<Span>, Vec<Span>) {
    let platform = Platform::start(mode).await;
    let plan = plan(shape, platform.address, &[platform.address]);
    let (arrivals, spans, is_complete) = record_spans(generator().await, &plan).await;
    assert!(is_complete);
    let end = Duration::from_nanos(plan.begin_ns) + plan.duration;
    assert!(spans.iter().all(|span| span.until.as_duration() <= end));
    let (stays, gaps) = spans.into_iter().partition(|s| s.kind == SpanKind::Stay);
    (arrivals, stays, gaps)
}

fn time(spans: &[Span]) -> Duration {
    spans.iter().map(|span| span.until.since(span.from)).sum()
}

#[tokio::test]
async fn a_stay_with_its_stream_has_no_gap() {
    let (_, stays, gaps) = load(Mode::Honest, shape(20, 0)).await;
    assert_eq!(stays.len(), 20);
    assert!(
        stays
            .iter()
            .all(|s| s.until.since(s.from) > Duration::from_secs(2))
    );
    assert_eq!(gaps, []);
}

#[tokio::test]
async fn a_broken_stream_is_a_gap_until_the_next_greeting() {
    let (arrivals, stays, gaps) = load(Mode::OneAnswer, shape(20, 0)).await;
    assert!(gaps.len() >= 20, "{}", gaps.len());
    assert!(
        gaps.iter()
            .all(|gap| gap.from == gap.sure && gap.from < gap.until)
    );
    for gap in &gaps {
        let mut own = stays.iter().filter(|stay| stay.user == gap.user);
        assert!(
            own.any(|stay| stay.from <= gap.from && gap.until <= stay.until),
            "{gap:?}"
        );
    }
    // Each waits at least 200 ms before it comes back, but where the stay ends first.
    let opened = arrivals
        .iter()
        .filter(|a| a.class == Class::Live && a.status == 101);
    let back = u32::try_from(opened.count() - stays.len()).unwrap();
    assert!(time(&gaps) >= Duration::from_millis(200) * back);
}

#[tokio::test]
async fn a_stay_that_gets_no_stream_is_one_gap() {
    let (_, stays, gaps) = load(Mode::Status(503), shape(20, 0)).await;
    assert_eq!((stays.len(), gaps.len()), (20, 20));
    assert_eq!(time(&gaps), time(&stays));
}

#[tokio::test]
async fn alerts_that_are_due_at_the_end_are_waited_for() {
    let (arrivals, stays, _) = load(Mode::Honest, shape(800, 50)).await;
    let alerts: Vec<_> = arrivals
        .iter()
        .filter(|a| a.class == Class::Alert)
        .collect();
    // This platform raises none.
    assert!(!alerts.is_empty());
    for alert in alerts {
        assert_eq!(alert.outcome, Outcome::TimedOut);
        assert!(alert.latency().unwrap() > Duration::from_secs(10));
        let of_user = |stay: &&Span| stay.user == alert.user;
        assert!(
            stays
                .iter()
                .filter(of_user)
                .all(|stay| stay.until < alert.done)
        );
    }
}
