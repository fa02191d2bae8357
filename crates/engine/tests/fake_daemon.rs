//! First contact with engines that this machine does not have: an old one, a new one, one that hangs up.

#![allow(clippy::unwrap_used, reason = "a test ends in a panic where it must")]

use std::pin::pin;

use engine::{Docker, EngineError, Watch};
use futures_util::StreamExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// An engine that speaks up to the API version and hangs up every event stream after one event.
async fn daemon(api_version: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("tcp://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(answer(stream, api_version));
        }
    });
    host
}

async fn answer(mut stream: TcpStream, api_version: &str) {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => request.push(byte),
            Err(_) => return,
        }
    }
    let request = String::from_utf8_lossy(&request).into_owned();
    let path = request.split_whitespace().nth(1).unwrap_or_default();
    let body = if path.contains("/version") {
        format!(r#"{{"Version": "99.1", "ApiVersion": "{api_version}", "MinAPIVersion": "1.40"}}"#)
    } else if path.contains("/info") {
        r#"{"KernelVersion": "6.1", "NCPU": 4, "MemTotal": 1073741824, "CgroupVersion": "2"}"#
            .to_owned()
    } else {
        r#"{"Type": "container", "Action": "oom", "timeNano": 5,
            "Actor": {"ID": "c1", "Attributes": {"com.docker.compose.service": "api-1"}}}"#
            .replace('\n', " ")
            + "\n"
    };
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n";
    let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
}

#[tokio::test]
async fn old_enough_and_newest_engines_are_taken_as_they_are() {
    for api_version in ["1.41", "1.44", "1.52"] {
        let docker = Docker::connect_to(&daemon(api_version).await)
            .await
            .unwrap();
        let info = docker.info();
        assert_eq!(info.api_version, api_version);
        assert_eq!((info.cpus, info.memory_bytes), (4, 1 << 30));
        assert_eq!(info.cgroup_version, "2");
    }
}

#[tokio::test]
async fn an_engine_before_20_10_is_refused_with_its_version() {
    let host = daemon("1.40").await;
    let error = Docker::connect_to(&host).await.unwrap_err();
    assert!(matches!(error, EngineError::TooOld { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("99.1") && text.contains("1.40") && text.contains(&host),
        "{text}"
    );
}

#[tokio::test]
async fn an_engine_that_hangs_up_is_told_apart_from_silence() {
    let docker = Docker::connect_to(&daemon("1.41").await).await.unwrap();
    let mut events = pin!(docker.events("p"));
    let first = events.next().await.unwrap().unwrap();
    assert_eq!(
        (first.member.as_str(), first.action.as_str()),
        ("api-1", "oom")
    );
    let hung_up = EngineError::HungUp {
        project: "p".into(),
    };
    assert_eq!(events.next().await, Some(Err(hung_up)));
    assert_eq!(events.next().await, None);
}

#[tokio::test]
async fn a_closed_port_is_named_with_what_to_do() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = format!("tcp://{}", listener.local_addr().unwrap());
    drop(listener);
    let text = Docker::connect_to(&host).await.unwrap_err().to_string();
    assert!(
        text.contains(&host) && text.contains("DOCKER_HOST"),
        "{text}"
    );
}
