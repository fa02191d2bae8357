//! Users and abusers beside a load: who they are, that they are recorded, and that they go.

use std::time::Duration;

use crate::support::{Mode, Platform, Shape, eventually, generator, get, plan, record};
use drill::{Flood, Pressure, Surge};
use futures_util::{StreamExt, TryStreamExt};
use loadgen::{LoadError, drive, press};
use timeline::{Arrival, PressOrder, Pressed};

fn surge(users: u32, lasts: Duration) -> PressOrder {
    let pressure = Pressure::Surge(Surge { users });
    PressOrder { pressure, lasts }
}

fn flood(clients: u32, lasts: Duration) -> PressOrder {
    let pressure = Pressure::Flood(Flood {
        requests_per_s: 200,
        clients,
    });
    PressOrder { pressure, lasts }
}

/// A load of two seconds with that order in its middle: all arrivals, and the last line.
async fn pressed(platform: &Platform, order: PressOrder) -> (Vec<Arrival>, Pressed) {
    let generator = generator().await;
    let shape = Shape {
        duration: Duration::from_secs(2),
        ..Shape::default()
    };
    let plan = plan(shape, platform.address, &[platform.address]);
    let (recorded, last) = tokio::join!(record(generator, &plan), async {
        eventually("load", async || platform.seen(|s| s.requests > 20)).await;
        let lines = press(generator, &order).await.unwrap();
        let lines: Vec<Pressed> = lines.try_collect().await.unwrap();
        *lines.last().unwrap()
    });
    let (arrivals, complete) = recorded;
    assert!(complete);
    (arrivals, last)
}

#[tokio::test]
async fn a_surge_comes_beside_the_curve_and_is_recorded_as_users_are() {
    let platform = Platform::start(Mode::Honest).await;
    let order = surge(50, Duration::from_millis(1000));
    let (arrivals, last) = pressed(&platform, order).await;
    let theirs: Vec<_> = arrivals.iter().filter(|a| a.user >= 100).collect();
    // 50 monitors, each twice a second.
    assert!((98..=102).contains(&theirs.len()), "{}", theirs.len());
    assert!(theirs.iter().all(|a| a.user < 150 && !a.is_abuse()));
    assert_eq!(
        (last.sent, last.fates.let_through),
        (theirs.len() as u64, theirs.len() as u64)
    );
}

#[tokio::test]
async fn abusers_take_turns_and_each_refusal_is_counted() {
    let platform = Platform::start(Mode::Honest).await;
    let order = flood(3, Duration::from_millis(500));
    let (arrivals, last) = pressed(&platform, order).await;
    let theirs: Vec<_> = arrivals.iter().filter(|a| a.is_abuse()).collect();
    assert_eq!((theirs.len(), last.sent), (100, 100));
    let mut names: Vec<_> = theirs.iter().map(|a| a.user).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), 3);
    let limited = Platform::start(Mode::Status(429)).await;
    let (_, last) = pressed(&limited, order).await;
    assert_eq!((last.fates.limited, last.fates.let_through), (100, 0));
}

#[tokio::test]
async fn pressure_goes_with_whoever_asked_and_needs_a_load() {
    let platform = Platform::start(Mode::Honest).await;
    let generator = generator().await;
    let order = flood(3, Duration::from_secs(3600));
    let refused = press(generator, &order).await.err();
    assert!(
        matches!(refused, Some(LoadError::Refused { status: 409, .. })),
        "{refused:?}"
    );
    let quiet = Shape {
        users: 1,
        every: Duration::from_secs(60),
        duration: Duration::from_secs(3600),
        ..Shape::default()
    };
    let load = drive(
        generator,
        &plan(quiet, platform.address, &[platform.address]),
    )
    .await;
    let load = load.unwrap();
    let mut lines = press(generator, &order).await.unwrap();
    eventually("flood", async || platform.seen(|s| s.requests > 50)).await;
    assert!(lines.next().await.unwrap().is_ok());
    drop(lines);
    eventually("hang-up", async || {
        platform.seen(|s| s.open_connections <= 1)
    })
    .await;
    // A pressure whose load is gone ends, too, and another load may come.
    let _lines = press(generator, &order).await.unwrap();
    drop(load);
    eventually("stop", async || {
        get(generator, "/stats").await["driving"] == false
    })
    .await;
    eventually("hang-up", async || {
        platform.seen(|s| s.open_connections == 0)
    })
    .await;
}
