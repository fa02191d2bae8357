//! The promises of the crate, kept by the real engine of this machine. Skipped where there is none.

#![allow(clippy::unwrap_used, reason = "a test ends in a panic where it must")]

mod support;

use std::{pin::pin, time::Duration};

use engine::{EngineError, Helpers, Inspect, Lifecycle, Rebuild, State, Sweep, Watch};
use futures_util::StreamExt;
use support::Stand;
use tokio::time::Instant;

#[tokio::test]
async fn the_engine_says_what_it_is() {
    let Some(stand) = Stand::new().await else {
        return;
    };
    let info = stand.docker.info();
    assert!(info.cpus > 0 && info.memory_bytes > 0, "{info:?}");
    assert!(
        !info.engine_version.is_empty() && !info.kernel.is_empty(),
        "{info:?}"
    );
    let subnets = stand.docker.subnets().await.unwrap();
    let own = stand.address(0) + "/24";
    assert!(subnets.contains(&own), "{own} is not among {subnets:?}");
}

#[tokio::test]
async fn members_are_found_running_or_not_with_their_addresses() {
    let Some(stand) = Stand::new().await else {
        return;
    };
    stand.start("ws-1", "ws", 51);
    let stopped = stand.create("api-1", "api", 41);
    let members = stand.docker.members(&stand.project).await.unwrap();
    let [api, ws] = members.as_slice() else {
        panic!("not two members: {members:?}");
    };
    assert_eq!(
        (api.service.as_str(), ws.service.as_str()),
        ("api-1", "ws-1")
    );
    assert_eq!(
        (api.component.as_str(), api.zone.as_deref()),
        ("api", Some("a"))
    );
    assert_eq!(api.id, stopped);
    assert_eq!(api.addresses["data"].to_string(), stand.address(41));
    assert_eq!(ws.addresses["data"].to_string(), stand.address(51));
    assert!(api.published.is_empty() && ws.published[&7100] > 0);
    assert_eq!(
        stand.docker.state(&api.id).await.unwrap().to_string(),
        "stopped with exit code 0"
    );
    stand.docker.kill(&ws.id, "KILL").await.unwrap();
    let again = stand.docker.members(&stand.project).await.unwrap();
    assert_eq!(
        again[1].addresses, ws.addresses,
        "a killed member keeps its addresses"
    );
    assert!(again[1].published.is_empty());
}

#[tokio::test]
async fn every_change_may_be_asked_for_twice() {
    let Some(stand) = Stand::new().await else {
        return;
    };
    let (docker, id) = (&stand.docker, stand.start("api-1", "api", 41));
    let born = docker.life(&id).await.unwrap().started_at_unix_ns;
    for _ in 0..2 {
        docker.pause(&id).await.unwrap();
        assert_eq!(docker.state(&id).await.unwrap(), State::Paused);
    }
    for _ in 0..2 {
        docker.unpause(&id).await.unwrap();
        assert_eq!(docker.state(&id).await.unwrap(), State::Running);
    }
    assert_eq!(docker.life(&id).await.unwrap().started_at_unix_ns, born);
    docker.restart(&id).await.unwrap();
    assert!(docker.life(&id).await.unwrap().started_at_unix_ns > born);
    for _ in 0..2 {
        docker.kill(&id, "KILL").await.unwrap();
        let state = docker.state(&id).await.unwrap();
        assert_eq!(state.to_string(), "stopped with exit code 137");
        docker.stop(&id, Duration::ZERO).await.unwrap();
    }
    for _ in 0..2 {
        docker.start(&id).await.unwrap();
        assert_eq!(docker.state(&id).await.unwrap(), State::Running);
    }
    let error = docker.unpause("no-such-container").await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("failed to unpause no-such-container"),
        "{error}"
    );
    assert_eq!(
        docker.state("no-such-container").await.unwrap(),
        State::Missing
    );
}

#[tokio::test]
async fn a_container_that_is_made_anew_is_another_and_otherwise_the_same() {
    let Some(stand) = Stand::new().await else {
        return;
    };
    let (docker, old) = (&stand.docker, stand.start("api-1", "api", 41));
    let before = docker.members(&stand.project).await.unwrap().remove(0);
    let recipe = docker.recipe(&old).await.unwrap();
    for _ in 0..2 {
        docker.remove(&old).await.unwrap();
    }
    assert_eq!(docker.state(&recipe.name).await.unwrap(), State::Missing);
    for _ in 0..2 {
        docker.make(&recipe).await.unwrap();
    }
    let after = docker.members(&stand.project).await.unwrap().remove(0);
    assert_ne!(after.id, old);
    assert_eq!(after.addresses, before.addresses);
    assert_eq!(
        (after.zone, after.component),
        (before.zone, before.component)
    );
    let again = docker.recipe(&after.id).await.unwrap();
    assert_eq!(
        again, recipe,
        "made anew a second time, it is the same again"
    );
}

#[tokio::test]
async fn the_newest_lines_of_a_container_are_read_with_their_time() {
    let Some(stand) = Stand::new().await else {
        return;
    };
    let (docker, id) = (&stand.docker, stand.start("api-1", "api", 41));
    let logged = async {
        loop {
            let logs = docker.logs(&id, 1).await.unwrap();
            if logs.trim_end().ends_with("Z up") {
                return logs;
            }
            tokio::task::yield_now().await;
        }
    };
    let logs = soon("the first line", logged).await;
    assert_eq!(logs.lines().count(), 1, "{logs}");
    assert!(docker.logs("no-such-container", 1).await.is_err());
}

#[tokio::test]
async fn a_stop_waits_for_the_grace_and_then_kills() {
    let Some(stand) = Stand::new().await else {
        return;
    };
    let id = stand.start("api-1", "api", 41);
    let begin = Instant::now();
    stand
        .docker
        .stop(&id, Duration::from_millis(1200))
        .await
        .unwrap();
    assert!(
        begin.elapsed() >= Duration::from_secs(2),
        "{:?}",
        begin.elapsed()
    );
    let state = stand.docker.state(&id).await.unwrap();
    assert_eq!(state.to_string(), "stopped with exit code 137");
}

/// Prints how long each change takes here, and how far the engine's own event lies behind the call.
#[tokio::test]
async fn the_engine_tells_what_happens_with_its_time() {
    let Some(stand) = Stand::new().await else {
        return;
    };
    let id = stand.start("api-1", "api", 41);
    let bystander = stand.start("api-2", "api", 42);
    let docker = &stand.docker;
    for round in 1..=3 {
        let mut events = pin!(docker.events(&stand.project));
        for (action, last_event) in [
            ("pause", "pause"),
            ("unpause", "unpause"),
            ("kill", "die"),
            ("start", "start"),
        ] {
            let (called_ns, begin) = (clock::unix_ns(), Instant::now());
            match action {
                "pause" => docker.pause(&id).await,
                "unpause" => docker.unpause(&id).await,
                "kill" => docker.kill(&id, "KILL").await,
                _ => docker.start(&id).await,
            }
            .unwrap();
            let answered = begin.elapsed();
            let happening = loop {
                let happening = soon(last_event, events.next()).await.unwrap().unwrap();
                assert_eq!((happening.member.as_str(), &happening.id), ("api-1", &id));
                if happening.action == last_event {
                    break happening;
                }
            };
            let event = Duration::from_nanos(happening.at_unix_ns.saturating_sub(called_ns));
            let code = if last_event == "die" { Some(137) } else { None };
            assert_eq!(happening.exit_code, code);
            assert!(event < Duration::from_secs(30), "{event:?}");
            println!(
                "round {round}: {action} answered after {answered:.1?}, event {last_event} at {event:.1?}"
            );
        }
    }
    assert_eq!(docker.state(&bystander).await.unwrap(), State::Running);
}

#[tokio::test]
async fn a_project_is_removed_whole_and_nothing_else() {
    let (Some(stand), Some(neighbour)) = (Stand::new().await, Stand::new().await) else {
        return;
    };
    stand.start("api-1", "api", 41);
    stand.create("api-2", "api", 42);
    let volume = format!("{}_disk", stand.project);
    let (label, run) = (stand.label(), stand.run_label());
    stand
        .cli(&[
            "volume", "create", "--label", &label, "--label", &run, &volume,
        ])
        .unwrap();
    let beside = neighbour.start("api-1", "api", 41);
    let docker = &stand.docker;
    let listed = docker.projects().await.unwrap();
    let found = listed
        .iter()
        .find(|project| project.name == stand.project)
        .unwrap();
    assert_eq!(format!("gameday-{}", found.run), stand.project);
    let removed = docker.remove_project(&stand.project).await.unwrap();
    assert_eq!(
        (removed.containers, removed.networks, removed.volumes),
        (2, 1, 1)
    );
    assert_eq!(
        docker.remove_project(&stand.project).await.unwrap(),
        engine::Removed::default()
    );
    let listed = docker.projects().await.unwrap();
    assert!(listed.iter().all(|project| project.name != stand.project));
    assert_eq!(docker.state(&beside).await.unwrap(), State::Running);
}

#[tokio::test]
async fn remains_without_a_container_are_found_and_strangers_are_not_touched() {
    let (Some(remains), Some(stranger)) = (Stand::new().await, Stand::new().await) else {
        return;
    };
    let docker = &remains.docker;
    let network = format!("{}_data", stranger.project);
    let image = format!("{}:sleeper", stranger.project);
    let unlabelled = [
        "run",
        "-d",
        "--network",
        &network,
        "--label",
        &stranger.label(),
        &image,
    ];
    let id = stranger.cli(&unlabelled).unwrap();
    let listed = docker.projects().await.unwrap();
    let run_of = |name: &str| {
        listed
            .iter()
            .find(|project| project.name == name)
            .map(|p| p.run.clone())
    };
    assert!(
        run_of(&remains.project).is_some(),
        "a network is left of it"
    );
    assert_eq!(
        run_of(&stranger.project),
        None,
        "its container has no label gameday.run"
    );
    let error = docker.remove_project(&stranger.project).await.unwrap_err();
    assert!(matches!(error, EngineError::NotOurs { .. }), "{error}");
    assert_eq!(docker.state(&id).await.unwrap(), State::Running);
}

#[tokio::test]
async fn a_strangers_volume_and_network_stay_whatever_they_are_called() {
    let Some(stand) = Stand::new().await else {
        return;
    };
    let docker = &stand.docker;
    let shop = format!("{}-shop", stand.project);
    // One of another project, one that even claims to be of this one; neither was made for a run.
    let volumes = [format!("{shop}_data"), format!("{}_own", stand.project)];
    let labels = [format!("com.docker.compose.project={shop}"), stand.label()];
    for (volume, label) in volumes.iter().zip(&labels) {
        stand
            .cli(&["volume", "create", "--label", label, volume])
            .unwrap();
    }
    let listed = docker.projects().await.unwrap();
    let removed = docker.remove_project(&stand.project).await.unwrap();
    let of_shop = docker.remove_project(&shop).await.unwrap();
    let left: Vec<_> = volumes
        .iter()
        .map(|volume| stand.cli(&["volume", "rm", volume]).is_ok())
        .collect();
    assert!(listed.iter().all(|project| project.name != shop));
    assert_eq!((removed.networks, removed.volumes), (1, 0));
    assert_eq!(of_shop, engine::Removed::default());
    assert_eq!(left, [true, true], "both were still there");
}

#[tokio::test]
async fn who_keeps_a_network_in_use_is_named() {
    let Some(stand) = Stand::new().await else {
        return;
    };
    let network = format!("{}_data", stand.project);
    let image = format!("{}:sleeper", stand.project);
    let guest = format!("{}-guest", stand.project);
    stand
        .cli(&["run", "-d", "--name", &guest, "--network", &network, &image])
        .unwrap();
    let answer = stand.docker.remove_project(&stand.project).await;
    stand.cli(&["rm", "-f", &guest]).unwrap();
    let error = answer.unwrap_err();
    let named = matches!(&error, EngineError::Occupied { guests, .. } if *guests == guest);
    assert!(named, "{error}");
    let removed = stand.docker.remove_project(&stand.project).await.unwrap();
    assert_eq!(removed.networks, 1);
}

#[tokio::test]
async fn a_helper_never_joins_the_hosts_own_network() {
    let Some(stand) = Stand::new().await else {
        return;
    };
    let image = format!("{}:sleeper", stand.project);
    let shared = [
        "run",
        "-d",
        "--network",
        "host",
        "--label",
        &stand.label(),
        &image,
    ];
    let id = stand.cli(&shared).unwrap();
    let spec = engine::HelperSpec {
        name: format!("{}-helper", stand.project),
        image,
        command: vec![],
        project: stand.project.clone(),
        network_of: Some(id),
        processes_of: None,
        volumes_of: None,
        share_of: None,
        control_group_of: None,
        capabilities: vec![],
    };
    let error = stand.docker.start_helper(&spec).await.unwrap_err();
    assert!(error.to_string().contains("are the host's"), "{error}");
    let listed = stand.cli(&["ps", "-aq", "--filter", &format!("name={}", spec.name)]);
    assert_eq!(listed.unwrap(), "");
}

/// Awaits something that must happen on a busy machine, too.
async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(Duration::from_secs(60), future).await;
    waited.unwrap_or_else(|_| panic!("{what} did not happen within 60 s"))
}
