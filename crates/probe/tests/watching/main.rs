//! The observer and its caller, over real sockets, with stand-ins for the members.

#![allow(
    clippy::unwrap_used,
    reason = "the whole crate is a test, its helpers included"
)]

mod fake;

use std::{future::Future, net::SocketAddr, time::Duration};

use drill::{Component, Role};
use fake::Fake;
use futures_util::{Stream, StreamExt};
use probe::{Board, Ports, ProbeError, serve, watch};
use timeline::{MemberHealth, Sighted, Sighting, WatchList, Watched};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

const SOON: Duration = Duration::from_secs(10);

async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    let result = timeout(SOON, future).await;
    result.unwrap_or_else(|_| panic!("{what}: not within {SOON:?}"))
}

/// An observer on a free port, which lives as long as the test's runtime.
async fn observer(ports: Ports) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, ports));
    address
}

fn list(members: &[(&str, Component, &Fake)]) -> WatchList {
    let watched = |&(name, component, fake): &(&str, Component, &Fake)| Watched {
        name: name.into(),
        component,
        address: fake.address.ip().to_string(),
    };
    WatchList {
        members: members.iter().map(watched).collect(),
        vip: "127.0.0.1".into(),
        password: "secret".into(),
        every: Duration::from_millis(100),
        zero_unix_ns: clock::unix_ns(),
    }
}

/// The next sighting without its time.
async fn next(
    sightings: &mut (impl Stream<Item = Result<Sighted, ProbeError>> + Unpin),
) -> Option<Result<Sighting, ProbeError>> {
    let sighted = sightings.next().await?;
    Some(sighted.map(|sighted| sighted.sighting))
}

async fn next_health(
    sightings: &mut (impl Stream<Item = Result<Sighted, ProbeError>> + Unpin),
) -> MemberHealth {
    within("a member's health", async {
        loop {
            match next(sightings).await {
                Some(Ok(Sighting::Member(health))) => return health,
                Some(Ok(
                    Sighting::Counter { .. } | Sighting::Processors(_) | Sighting::DiskStall(_),
                )) => {}
                other => panic!("the stream ended: {other:?}"),
            }
        }
    })
    .await
}

/// A stand-in for an api, an observer that knows its port, and the list to watch it.
async fn one_service() -> (Fake, SocketAddr, WatchList) {
    let api = Fake::start([127, 0, 0, 1].into(), 0).await;
    api.answer(200, "http_requests_total{route=\"a\"} 2\n");
    let ports = Ports {
        admin: api.address.port(),
        ..Ports::default()
    };
    let list = list(&[("api-1", Component::Api, &api)]);
    (api, observer(ports).await, list)
}

#[tokio::test]
async fn health_is_told_at_first_sight_and_at_each_change() {
    let (api, observer, list) = one_service().await;
    let mut sightings = watch(observer, &list).await.unwrap();
    let health = next_health(&mut sightings).await;
    assert!(health.healthy, "{health:?}");
    assert_eq!(
        (health.member.as_str(), health.detail.as_str()),
        ("api-1", "ready")
    );
    api.answer(503, "not ready\nwrites: no broker\n");
    assert_eq!(
        next_health(&mut sightings).await.detail,
        "not ready: writes: no broker"
    );
    api.answer(404, "");
    assert_eq!(next_health(&mut sightings).await.detail, "draining");
    let port = api.address.port();
    drop(api);
    let gone = next_health(&mut sightings).await;
    assert!(!gone.healthy);
    assert_eq!(
        gone.detail,
        format!("cannot connect to :{port}: connection refused")
    );
}

#[tokio::test]
async fn a_sighting_carries_the_observers_time_and_not_that_of_its_receipt() {
    let (_api, observer, list) = one_service().await;
    let mut sightings = watch(observer, &list).await.unwrap();
    let mut last = None;
    within("a few sightings", async {
        for _ in 0..3 {
            last = Some(sightings.next().await.unwrap().unwrap().at);
        }
    })
    .await;
    let now = clock::unix_ns() - list.zero_unix_ns;
    let at = last.unwrap().0;
    assert!(at > 0 && at < now + 50_000_000, "{at} ns of {now}");
}

#[tokio::test]
async fn both_sides_of_a_question_for_the_clocks_agree() {
    let (_api, observer, _) = one_service().await;
    let before = clock::read();
    let read = within("clocks", probe::clocks(observer)).await.unwrap();
    let after = clock::read();
    assert!((before.monotonic_ns..=after.monotonic_ns).contains(&read.monotonic_ns));
    let nobody = SocketAddr::from(([127, 0, 0, 9], observer.port()));
    assert!(probe::clocks(nobody).await.is_err());
}

#[tokio::test]
async fn counters_follow_the_first_look() {
    let (_api, observer, list) = one_service().await;
    let mut sightings = watch(observer, &list).await.unwrap();
    next_health(&mut sightings).await;
    let counter = within("a counter", async {
        loop {
            match next(&mut sightings).await {
                Some(Ok(Sighting::Processors(_) | Sighting::DiskStall(_))) => {}
                other => return other.unwrap().unwrap(),
            }
        }
    })
    .await;
    let expected = Sighting::Counter {
        member: "api-1".into(),
        component: Component::Api,
        counter: "requests".into(),
        value: 2.0,
    };
    assert_eq!(counter, expected);
}

#[tokio::test]
async fn the_machine_is_told_of_every_second() {
    let (_api, observer, list) = one_service().await;
    let mut sightings = watch(observer, &list).await.unwrap();
    let mut told = vec![];
    within("two looks at the machine", async {
        while told.len() < 2 {
            if let Some(Ok(Sighting::Processors(processors))) = next(&mut sightings).await {
                told.push(processors);
            }
        }
    })
    .await;
    let did = told[1].since(told[0]);
    assert!(did.is_some_and(|did| did.total_s() > 0.5), "{told:?}");
}

#[tokio::test]
async fn each_of_two_watchers_sees_everything_and_a_hang_up_ends_its_looks() {
    let (api, observer, list) = one_service().await;
    let mut first = watch(observer, &list).await.unwrap();
    let mut second = watch(observer, &list).await.unwrap();
    next_health(&mut first).await;
    next_health(&mut second).await;
    assert_eq!(api.open(), 2);
    for (watcher, left) in [(first.boxed(), 1), (second.boxed(), 0)] {
        drop(watcher);
        within("looks to end", async {
            while api.open() > left {
                // Polls the condition; the deadline is around it.
                sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
}

#[tokio::test]
async fn roles_of_a_database_add_up_on_the_board() {
    let primary = Fake::start([127, 0, 0, 2].into(), 0).await;
    let port = primary.address.port();
    let replica = Fake::start([127, 0, 0, 3].into(), port).await;
    primary.answer(503, include_str!("../../samples/patroni-primary.json"));
    replica.answer(200, include_str!("../../samples/patroni-replica.json"));
    let third = Fake::start([127, 0, 0, 4].into(), port).await;
    third.answer(200, include_str!("../../samples/patroni-replica.json"));
    let observer = observer(Ports {
        patroni: port,
        // Counters are not read here: nobody answers.
        postgres: 1,
        ..Ports::default()
    })
    .await;
    let names = ["postgres-1", "postgres-2", "postgres-3"];
    let mut board = Board::new(names.map(String::from).to_vec());
    let list = list(&[
        (names[0], Component::Postgres, &primary),
        (names[1], Component::Postgres, &replica),
        (names[2], Component::Postgres, &third),
    ]);
    let mut sightings = watch(observer, &list).await.unwrap();
    for _ in names {
        board.apply(&Sighting::Member(next_health(&mut sightings).await));
    }
    assert!(board.all_healthy(), "{:?}", board.unhealthy());
    let roles = board.roles();
    assert_eq!(roles[&Role::PostgresPrimary], ["postgres-1"]);
    assert_eq!(roles[&Role::PostgresReplica], ["postgres-2", "postgres-3"]);
}

#[tokio::test]
async fn a_bad_list_is_refused_in_words() {
    let (_api, observer, mut list) = one_service().await;
    list.vip = "vip".into();
    let Err(error) = watch(observer, &list).await else {
        panic!("a bad list was accepted");
    };
    assert!(
        matches!(error, ProbeError::Refused { status: 400, .. }),
        "{error}"
    );
    assert!(
        error.to_string().contains("\"vip\" of the virtual address"),
        "{error}"
    );
}

#[tokio::test]
async fn an_observer_that_is_not_there_cannot_be_reached() {
    let (api, _, list) = one_service().await;
    let nobody = SocketAddr::from(([127, 0, 0, 9], api.address.port()));
    let Err(error) = watch(nobody, &list).await else {
        panic!("nobody answered");
    };
    assert!(matches!(error, ProbeError::Unreachable { .. }), "{error}");
}

/// An observer that answers like the real one, then says `line` and nothing more.
async fn falls_silent_after(line: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
        let chunk = format!("{:x}\r\n{line}\r\n", line.len());
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(chunk.as_bytes()).await.unwrap();
        let mut rest = vec![];
        let _ = stream.read_to_end(&mut rest).await;
    });
    address
}

#[tokio::test]
async fn silence_is_an_error_and_ends_the_stream() {
    let (_api, _, list) = one_service().await;
    let observer = falls_silent_after("\n\n").await;
    let mut sightings = watch(observer, &list).await.unwrap();
    let error = within("an error", sightings.next())
        .await
        .unwrap()
        .unwrap_err();
    assert!(matches!(error, ProbeError::Silent { .. }), "{error}");
    assert!(sightings.next().await.is_none());
}

#[tokio::test]
async fn what_is_not_a_sighting_is_an_error() {
    let (_api, _, list) = one_service().await;
    let observer = falls_silent_after("{\"at\":1,\"sighting\":\"ghost\"}\n").await;
    let mut sightings = watch(observer, &list).await.unwrap();
    let error = within("an error", sightings.next())
        .await
        .unwrap()
        .unwrap_err();
    assert!(error.to_string().contains("ghost"), "{error}");
}

/// The whole answer to a request without a body, up to what has arrived with `end`.
async fn raw(observer: SocketAddr, request: &str, end: &str) -> String {
    let mut stream = TcpStream::connect(observer).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let mut buffer = [0; 4096];
    within("an answer", async {
        while !answer.contains(end) {
            let n = stream.read(&mut buffer).await.unwrap();
            assert_ne!(n, 0, "hung up after {answer:?}");
            answer.push_str(std::str::from_utf8(&buffer[..n]).unwrap());
        }
    })
    .await;
    answer
}

#[tokio::test]
async fn clock_and_life_are_answered_and_nothing_else() {
    let (_api, observer, _) = one_service().await;
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nhost: observer\r\n\r\n");
    let answer = raw(observer, &get("/clock"), "}").await;
    let json = &answer[answer.find('{').unwrap()..];
    let clock: serde_json::Value = serde_json::from_str(json).unwrap();
    let ago = clock::unix_ns() - clock["unix_ns"].as_u64().unwrap();
    assert!(ago < 10_000_000_000, "{ago} ns ago");
    assert!(
        raw(observer, &get("/livez"), "alive")
            .await
            .contains(" 200 ")
    );
    assert!(
        raw(observer, &get("/else"), "no such")
            .await
            .contains(" 404 ")
    );
}

#[tokio::test]
async fn blank_lines_keep_a_quiet_stream_alive() {
    let (_api, observer, list) = one_service().await;
    let body = serde_json::to_string(&list).unwrap();
    let length = body.len();
    let request =
        format!("POST /watch HTTP/1.1\r\nhost: observer\r\ncontent-length: {length}\r\n\r\n{body}");
    raw(observer, &request, "1\r\n\n\r\n").await;
}
