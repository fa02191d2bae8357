//! How a load is started, refused and stopped.

use std::time::Duration;

use crate::support::{Mode, Platform, Shape, eventually, generator, get, plan, record};
use futures_util::StreamExt;
use loadgen::{LoadError, drive};
use tokio::net::TcpListener;

fn long() -> Shape {
    Shape {
        duration: Duration::from_secs(3600),
        ..Shape::default()
    }
}

#[tokio::test]
async fn a_controller_that_hangs_up_stops_the_load() {
    let platform = Platform::start(Mode::Honest).await;
    let generator = generator().await;
    let mut stream = drive(
        generator,
        &plan(long(), platform.address, &[platform.address]),
    )
    .await
    .unwrap();
    assert!(stream.next().await.unwrap().is_ok());
    eventually("load", async || platform.seen(|s| s.requests > 50)).await;
    assert_eq!(get(generator, "/stats").await["driving"], true);
    drop(stream);
    eventually("stop", async || {
        get(generator, "/stats").await["driving"] == false
    })
    .await;
    eventually("hang-up", async || {
        platform.seen(|s| s.open_connections == 0)
    })
    .await;
    let again = plan(Shape::default(), platform.address, &[platform.address]);
    assert!(record(generator, &again).await.1);
}

#[tokio::test]
async fn a_load_that_has_not_begun_is_stopped_too() {
    let vip = "127.0.0.1:1".parse().unwrap();
    let mut later = plan(long(), vip, &[vip]);
    later.begin_ns = 3600 * 1_000_000_000;
    let generator = generator().await;
    drop(drive(generator, &later).await.unwrap());
    let is_idle = async || get(generator, "/stats").await["driving"] == false;
    eventually("stop", is_idle).await;
}

#[tokio::test]
async fn only_one_load_at_a_time() {
    let platform = Platform::start(Mode::Honest).await;
    let generator = generator().await;
    let plan = plan(long(), platform.address, &[platform.address]);
    let _running = drive(generator, &plan).await.unwrap();
    match drive(generator, &plan).await.err() {
        Some(LoadError::Refused {
            status: 409,
            message,
        }) => assert!(message.contains("running")),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_plan_that_makes_no_sense_is_refused_with_the_reason() {
    let generator = generator().await;
    let vip = "127.0.0.1:1".parse().unwrap();
    let mut no_time = plan(Shape::default(), vip, &[vip]);
    no_time.duration = Duration::ZERO;
    let mut no_port = plan(Shape::default(), vip, &[vip]);
    no_port.vip = "10.0.0.1".into();
    let no_cdn = plan(Shape::default(), vip, &[]);
    for (bad, word) in [(no_time, "duration"), (no_port, "vip"), (no_cdn, "cdn")] {
        match drive(generator, &bad).await.err() {
            Some(LoadError::Refused {
                status: 400,
                message,
            }) => {
                assert!(message.contains(word), "{message}");
            }
            other => panic!("{word}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn an_absent_generator_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let absent = listener.local_addr().unwrap();
    drop(listener);
    let vip = "127.0.0.1:1".parse().unwrap();
    let error = drive(absent, &plan(Shape::default(), vip, &[vip]))
        .await
        .err()
        .unwrap();
    assert!(matches!(error, LoadError::Connect { .. }));
    assert!(error.to_string().contains(&absent.to_string()));
}

#[tokio::test]
async fn the_generators_clock_can_be_compared() {
    let before = clock::unix_ns();
    let read = get(generator().await, "/clock").await["unix_ns"]
        .as_u64()
        .unwrap();
    assert!(before <= read && read <= clock::unix_ns());
}
