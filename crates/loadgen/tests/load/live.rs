//! The live stream: opened, pinged, opened again.

use std::time::Duration;

use crate::support::{Mode, Platform, Shape, generator, get, plan, record};
use drill::Class;
use timeline::{Arrival, Outcome};

fn clinicians() -> Shape {
    Shape {
        users: 20,
        monitors_percent: 0,
        every: Duration::from_millis(600),
        timeout: Duration::from_millis(400),
        duration: Duration::from_secs(3),
    }
}

async fn load(mode: Mode) -> (Platform, Vec<Arrival>, serde_json::Value) {
    let platform = Platform::start(mode).await;
    let plan = plan(clinicians(), platform.address, &[platform.address]);
    let generator = generator().await;
    let (mut arrivals, is_complete) = record(generator, &plan).await;
    assert!(is_complete);
    arrivals.retain(|arrival| arrival.class == Class::Live);
    (platform, arrivals, get(generator, "/stats").await)
}

fn count(arrivals: &[Arrival], outcome: Outcome, status: u16) -> usize {
    let those = arrivals
        .iter()
        .filter(|a| (a.outcome, a.status) == (outcome, status));
    those.count()
}

fn openings(platform: &Platform) -> Vec<String> {
    let is_live = |path: &&String| path.starts_with("/v1/live?ward=");
    platform.seen(|seen| seen.paths.iter().filter(is_live).cloned().collect())
}

#[tokio::test]
async fn a_stream_is_opened_once_and_pinged_in_each_later_slot() {
    let (platform, arrivals, stats) = load(Mode::Honest).await;
    assert_eq!(count(&arrivals, Outcome::Ok, 101), 20);
    assert_eq!(count(&arrivals, Outcome::Ok, 0), arrivals.len() - 20);
    assert!(arrivals.len() >= 40, "{} arrivals", arrivals.len());
    assert_eq!(openings(&platform).len(), 20);
    assert_eq!(stats["counts"]["alerts_seen"], 20);
}

#[tokio::test]
async fn a_broken_stream_is_opened_again_where_it_was() {
    let (platform, arrivals, _) = load(Mode::OneAnswer).await;
    let openings = openings(&platform);
    let resumed = openings
        .iter()
        .filter(|path| path.ends_with("&since_ms=5&seen=0000000000000000000000000000004d"));
    // Each ping breaks the stream, and is asked again after 0.2 to 1 s until its time is over.
    assert!(openings.len() > 40, "{}", openings.len());
    assert_eq!(resumed.count(), openings.len() - 20);
    assert_eq!(count(&arrivals, Outcome::Ok, 101), openings.len());
    assert_eq!(count(&arrivals, Outcome::Ok, 0), 0);
}

#[tokio::test]
async fn a_ping_that_waited_for_the_next_stream_is_told_from_the_others() {
    let (_, arrivals, _) = load(Mode::Lapses(20)).await;
    let again: Vec<_> = arrivals.iter().filter(|a| a.again).collect();
    // Each clinician's first ping breaks the first stream; the next one comes in time for some of them.
    assert!((1..=20).contains(&again.len()), "{}", again.len());
    assert!(again.iter().all(|a| a.outcome == Outcome::Ok));
    assert!(count(&arrivals, Outcome::Ok, 0) > again.len());
    let (_, arrivals, _) = load(Mode::Honest).await;
    assert!(arrivals.iter().all(|a| !a.again));
}

#[tokio::test]
async fn a_stream_that_answers_no_ping_is_given_up() {
    let (platform, arrivals, _) = load(Mode::Mute).await;
    assert!(count(&arrivals, Outcome::TimedOut, 0) >= 20);
    assert_eq!(count(&arrivals, Outcome::Ok, 0), 0);
    assert!(openings(&platform).len() >= 40);
}

#[tokio::test]
async fn a_refused_stream_is_tried_again() {
    let (_, arrivals, _) = load(Mode::Status(429)).await;
    let refused = count(&arrivals, Outcome::Rejected, 429);
    assert!(refused >= 60, "{refused}");
    // The pings that had no stream to go over.
    assert_eq!(count(&arrivals, Outcome::Ok, 0), 0);
    assert!(count(&arrivals, Outcome::TimedOut, 0) >= 20);
}
