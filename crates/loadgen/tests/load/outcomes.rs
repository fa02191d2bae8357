//! What each kind of trouble looks like in the recording.

use std::net::SocketAddr;
use std::time::Duration;

use crate::support::{Mode, Platform, Shape, generator, get, plan, record};
use drill::Class;
use drill::reading_id;
use loadgen::Schedule;
use timeline::{Arrival, NEVER, Outcome};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

fn all_are(arrivals: &[Arrival], outcome: Outcome, status: u16) {
    assert!(!arrivals.is_empty());
    for arrival in arrivals {
        assert_eq!(
            (arrival.outcome, arrival.status),
            (outcome, status),
            "{arrival:?}"
        );
    }
}

async fn refusing() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

#[tokio::test]
async fn every_slot_is_recorded_and_every_id_can_be_recomputed() {
    let platform = Platform::start(Mode::Honest).await;
    let plan = plan(Shape::default(), platform.address, &[platform.address]);
    let (arrivals, is_complete) = record(generator().await, &plan).await;
    assert!(is_complete);
    all_are(&arrivals, Outcome::Ok, 202);
    let schedule = Schedule::new(&plan);
    let slots = schedule.users().map(|user| schedule.slots(user).count());
    assert_eq!(arrivals.len(), slots.sum::<usize>());
    let mut recomputed: Vec<_> = arrivals
        .iter()
        .map(|a| {
            let number = (a.due.0 - plan.begin_ns) / 500_000_000;
            (
                format!("u{}", a.user),
                reading_id(plan.seed, a.user, number as u32),
            )
        })
        .collect();
    let seen = platform.seen(|seen| std::mem::take(&mut seen.readings));
    let mut posted: Vec<_> = seen.into_iter().map(|(c, r)| (c, r.reading_id)).collect();
    recomputed.sort();
    posted.sort();
    assert_eq!(posted, recomputed);
    assert_eq!(platform.seen(|seen| seen.connections), 100, "kept alive");
}

#[tokio::test]
async fn a_refused_connection_is_unreachable() {
    let nobody = refusing().await;
    let plan = plan(Shape::default(), nobody, &[nobody]);
    let (arrivals, is_complete) = record(generator().await, &plan).await;
    assert!(is_complete);
    all_are(&arrivals, Outcome::Unreachable, 0);
}

#[tokio::test]
async fn answers_are_judged_by_status_and_body() {
    let generator = generator().await;
    for (mode, outcome, status) in [
        (Mode::Status(503), Outcome::Failed, 503),
        (Mode::Status(429), Outcome::Rejected, 429),
        (Mode::Nonsense, Outcome::Failed, 202),
    ] {
        let platform = Platform::start(mode).await;
        let plan = plan(Shape::default(), platform.address, &[platform.address]);
        let (arrivals, is_complete) = record(generator, &plan).await;
        assert!(is_complete);
        all_are(&arrivals, outcome, status);
    }
}

#[tokio::test]
async fn silence_ends_with_patience() {
    let platform = Platform::start(Mode::Frozen).await;
    let plan = plan(Shape::default(), platform.address, &[platform.address]);
    let (arrivals, is_complete) = record(generator().await, &plan).await;
    assert!(is_complete);
    all_are(&arrivals, Outcome::TimedOut, 0);
    for arrival in arrivals {
        let latency = arrival.latency().unwrap();
        assert!(latency >= Duration::from_millis(400) && latency < Duration::from_secs(2));
    }
}

#[tokio::test]
async fn a_kept_connection_that_is_dead_costs_one_retry_and_no_failure() {
    let platform = Platform::start(Mode::OneAnswer).await;
    let plan = plan(Shape::default(), platform.address, &[platform.address]);
    let generator = generator().await;
    let (arrivals, is_complete) = record(generator, &plan).await;
    assert!(is_complete);
    all_are(&arrivals, Outcome::Ok, 202);
    assert_eq!(arrivals.iter().filter(|a| a.again).count(), 100);
    let counts = &get(generator, "/stats").await["counts"];
    assert_eq!(counts["connects"], 200, "{counts}");
    assert_eq!(counts["retries"], 100, "{counts}");
    assert_eq!(counts["arrivals"]["ingest"]["ok"], 200, "{counts}");
}

#[tokio::test]
async fn a_load_that_is_asked_for_too_late_is_the_generators_fault() {
    let platform = Platform::start(Mode::Honest).await;
    let mut plan = plan(Shape::default(), platform.address, &[platform.address]);
    plan.zero_unix_ns -= 10_000_000_000;
    let (arrivals, is_complete) = record(generator().await, &plan).await;
    assert!(is_complete);
    all_are(&arrivals, Outcome::NotSent, 0);
    assert!(arrivals.iter().all(|a| a.sent == NEVER && a.done == NEVER));
}

/// A listener whose queue is full: connecting to it takes for ever.
async fn stuck() -> (TcpListener, Vec<TcpStream>, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queue = Vec::new();
    while let Ok(Ok(stream)) =
        tokio::time::timeout(Duration::from_millis(100), TcpStream::connect(address)).await
    {
        queue.push(stream);
    }
    (listener, queue, address)
}

#[tokio::test]
async fn clients_fall_back_to_the_next_address_of_the_cdn() {
    let platform = Platform::start(Mode::Honest).await;
    let (_listener, _queue, stuck) = stuck().await;
    let cdn = [stuck, refusing().await, platform.address];
    let shape = Shape {
        users: 30,
        monitors_percent: 0,
        every: Duration::from_millis(1100),
        timeout: Duration::from_secs(1),
        duration: Duration::from_secs(3),
    };
    let plan = plan(shape, platform.address, &cdn);
    let (arrivals, is_complete) = record(generator().await, &plan).await;
    assert!(is_complete);
    let ok = |a: &&Arrival| a.outcome == Outcome::Ok;
    assert_eq!(arrivals.iter().filter(ok).count(), arrivals.len());
    let assets = arrivals
        .iter()
        .filter(|a| matches!(a.class, Class::Read | Class::Static));
    let again = assets.clone().filter(|a| a.again).count();
    let delayed: Vec<_> = assets
        .filter(|a| a.latency().unwrap() >= Duration::from_millis(250))
        .collect();
    // A third of the users begins at the stuck address, once each.
    assert!(delayed.iter().all(|a| a.again), "{delayed:?}");
    // Another third begins at the one that refuses: also that is no answer at the first attempt.
    assert!(again > delayed.len() && again <= 30, "{again}");
    let delayed = delayed.len();
    assert!(
        (1..=15).contains(&delayed),
        "{delayed} of {}",
        arrivals.len()
    );
}
