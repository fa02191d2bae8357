//! Reads that are answered in time, and with the wrong thing.

use std::time::Duration;

use crate::support::{Mode, Platform, Shape, generator, plan, record};
use drill::Class;
use timeline::{Arrival, Outcome};

/// As many monitors as clinicians, who do something twice a second.
fn mixed() -> Shape {
    Shape {
        users: 240,
        monitors_percent: 50,
        every: Duration::from_millis(500),
        timeout: Duration::from_millis(450),
        duration: Duration::from_secs(2),
    }
}

async fn load(mode: Mode, visible_within: Option<Duration>) -> Vec<Arrival> {
    let platform = Platform::start(mode).await;
    let mut plan = plan(mixed(), platform.address, &[platform.address]);
    plan.visible_within = visible_within;
    plan.stale_after = visible_within;
    let (mut arrivals, is_complete) = record(generator().await, &plan).await;
    assert!(is_complete);
    arrivals.retain(|arrival| !matches!(arrival.class, Class::Live | Class::Alert));
    arrivals
}

fn outcomes(arrivals: &[Arrival], class: Class, outcome: Outcome) -> (usize, usize) {
    let all = arrivals.iter().filter(|arrival| arrival.class == class);
    let those = all.clone().filter(|arrival| arrival.outcome == outcome);
    (those.count(), all.count())
}

#[tokio::test]
async fn the_right_pages_are_good() {
    let arrivals = load(Mode::Honest, Some(Duration::from_millis(100))).await;
    let spoilt = [Outcome::Wrong, Outcome::NotVisible, Outcome::Stale];
    let bad = arrivals.iter().filter(|a| spoilt.contains(&a.outcome));
    assert_eq!(bad.count(), 0);
    let (good, all) = outcomes(&arrivals, Class::Read, Outcome::Ok);
    assert!(good > all / 2, "{good} of {all}");
}

#[tokio::test]
async fn the_page_of_somebody_else_is_wrong() {
    let arrivals = load(Mode::Astray, None).await;
    for class in [Class::Read, Class::Static, Class::Admin] {
        let (wrong, all) = outcomes(&arrivals, class, Outcome::Wrong);
        assert!(all > 0 && wrong == all, "{class:?}: {wrong} of {all}");
    }
    let (wrong, all) = outcomes(&arrivals, Class::Ingest, Outcome::Wrong);
    assert!(all > 0 && wrong == 0);
}

#[tokio::test]
async fn acknowledged_readings_that_nobody_sees_are_not_visible() {
    let arrivals = load(Mode::Blind, Some(Duration::from_millis(500))).await;
    // Most reads are of wards where somebody is measured; those of the first 500 ms may show nothing.
    let (missed, all) = outcomes(&arrivals, Class::Read, Outcome::NotVisible);
    assert!(missed > all / 10, "{missed} of {all}");
    let early = arrivals.iter().filter(|a| a.outcome == Outcome::NotVisible);
    let begin = arrivals.iter().map(|a| a.due).min().unwrap();
    assert!(early.map(|a| a.sent.since(begin)).min().unwrap() >= Duration::from_millis(450));
    let arrivals = load(Mode::Blind, None).await;
    assert_eq!(outcomes(&arrivals, Class::Read, Outcome::NotVisible).0, 0);
}
