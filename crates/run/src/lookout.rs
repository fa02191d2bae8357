//! Watching: the observer's sightings and the engine's events, on the timeline and on a board.

use std::{net::SocketAddr, pin::pin, time::Duration};

use engine::{Docker, Watch};
use futures_util::StreamExt;
use probe::Board;
use timeline::{Event, Offset, Sighted, Sighting, WatchList};
use tokio::{
    sync::watch,
    time::{Instant, timeout},
};

use crate::{RunError, entrance::Entrance, recorder::Recorder};

/// What is known of the platform now.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    /// Health and roles by member.
    pub(crate) board: Board,
    /// What the load balancers count.
    pub(crate) entrance: Entrance,
    /// Set when the observer is gone: the board is stale from then on.
    pub(crate) lost: Option<String>,
}

/// The platform as it is seen, kept up to date by a task of its own.
pub(crate) type Lookout = watch::Receiver<Seen>;

/// Watches the platform through the observer until every receiver is dropped. With a recorder, every
/// sighting is recorded too, at the moment at which the observer saw it: zero is that wall time, in nanoseconds since
/// the Unix epoch.
pub(crate) async fn look(
    observer: SocketAddr,
    list: &WatchList,
    recorder: Option<Recorder>,
    zero_unix_ns: u64,
) -> Result<Lookout, RunError> {
    let list = WatchList {
        zero_unix_ns,
        ..list.clone()
    };
    let sightings = probe::watch(observer, &list)
        .await
        .map_err(|error| RunError::Instrument {
            instrument: "observer",
            reason: error.to_string(),
        })?;
    let expected = list.members.iter().map(|m| m.name.clone()).collect();
    let (seen, lookout) = watch::channel(Seen {
        board: Board::new(expected),
        entrance: Entrance::default(),
        lost: None,
    });
    tokio::spawn(async move {
        let mut sightings = pin!(sightings);
        let reason = loop {
            let next = tokio::select! {
                next = sightings.next() => next,
                () = seen.closed() => return,
            };
            match next {
                Some(Ok(sighted)) => note(&seen, recorder.as_ref(), sighted).await,
                Some(Err(error)) => break error.to_string(),
                None => break "the observer hung up".to_owned(),
            }
        };
        if let Some(recorder) = &recorder {
            let reason = reason.clone();
            recorder.record(Event::ObserverLost { reason }).await;
        }
        seen.send_modify(|seen| seen.lost = Some(reason));
    });
    Ok(lookout)
}

async fn note(seen: &watch::Sender<Seen>, recorder: Option<&Recorder>, sighted: Sighted) {
    let Sighted { at, sighting } = sighted;
    if matches!(sighting, Sighting::Member(_)) {
        seen.send_modify(|seen| seen.board.apply(&sighting));
    } else {
        // Nobody waits for a count.
        seen.send_if_modified(|seen| {
            seen.entrance.take(&sighting, Instant::now());
            false
        });
    }
    if let Some(recorder) = recorder {
        // Nothing is seen after it was told: a clock that is ahead must not put an entry into the future.
        let at = at.min(recorder.clock().now());
        recorder.record_at(at, sighting.into()).await;
    }
}

/// Records what the engine says about the project's containers, until the recorder's run ends. When the
/// engine hangs up before that, the gap is recorded.
pub(crate) fn record_engine(
    docker: Docker,
    project: String,
    zero_unix_ns: u64,
    recorder: Recorder,
) {
    tokio::spawn(async move {
        let mut events = pin!(docker.events(&project));
        while let Some(event) = events.next().await {
            match event {
                Ok(happening) => {
                    let at = Offset(happening.at_unix_ns.saturating_sub(zero_unix_ns));
                    let event = Event::Engine {
                        member: happening.member,
                        action: happening.action,
                    };
                    recorder.record_at(at, event).await;
                }
                Err(error) => {
                    let reason = format!("the engine's events: {error}");
                    recorder.record(Event::ObserverLost { reason }).await;
                    return;
                }
            }
        }
    });
}

/// Why full health was not reached.
#[derive(Debug)]
pub(crate) struct Unhealthy(pub(crate) Vec<(String, String)>);

impl std::fmt::Display for Unhealthy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts: Vec<_> = self
            .0
            .iter()
            .map(|(name, why)| format!("{name}: {why}"))
            .collect();
        f.write_str(&parts.join("; "))
    }
}

/// Waits until every member has been healthy without a break for `settle`.
///
/// # Errors
/// Who is not healthy when `within` is over, or when the observer is lost.
pub(crate) async fn full_health(
    lookout: &mut Lookout,
    settle: Duration,
    within: Duration,
) -> Result<(), Unhealthy> {
    match timeout(within, settled(lookout, settle)).await {
        Ok(result) => result,
        Err(_) => Err(Unhealthy(lookout.borrow().board.unhealthy())),
    }
}

async fn settled(lookout: &mut Lookout, settle: Duration) -> Result<(), Unhealthy> {
    let lost = |reason: String| Err(Unhealthy(vec![("observer".into(), reason)]));
    loop {
        let (healthy, reason) = {
            let seen = lookout.borrow_and_update();
            (seen.board.all_healthy(), seen.lost.clone())
        };
        if let Some(reason) = reason {
            return lost(reason);
        }
        if healthy {
            let broken = lookout.wait_for(|seen| seen.lost.is_some() || !seen.board.all_healthy());
            if timeout(settle, broken).await.is_err() {
                return Ok(());
            }
        } else if lookout.changed().await.is_err() {
            return lost("the observer is no longer watched".into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drill::Component;
    use timeline::MemberHealth;

    fn sighting(healthy: bool) -> Sighted {
        seen_at(Offset(0), healthy)
    }

    fn seen_at(at: Offset, healthy: bool) -> Sighted {
        let sighting = Sighting::Member(MemberHealth {
            member: "api-1".into(),
            component: Component::Api,
            healthy,
            answered: true,
            roles: vec![],
            detail: if healthy { "ready" } else { "gone" }.into(),
        });
        Sighted { at, sighting }
    }

    fn channel() -> (watch::Sender<Seen>, Lookout) {
        watch::channel(Seen {
            board: Board::new(vec!["api-1".into()]),
            entrance: Entrance::default(),
            lost: None,
        })
    }

    const SETTLE: Duration = Duration::from_secs(3);
    const WITHIN: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn health_must_hold_for_the_settle_time() {
        let (seen, mut lookout) = channel();
        let begin = tokio::time::Instant::now();
        let waiting = tokio::spawn(async move { full_health(&mut lookout, SETTLE, WITHIN).await });
        for (healthy, after_s) in [(true, 1), (false, 2), (true, 2)] {
            tokio::time::sleep(Duration::from_secs(after_s)).await;
            note(&seen, None, sighting(healthy)).await;
        }
        assert!(waiting.await.unwrap().is_ok());
        assert_eq!(begin.elapsed(), Duration::from_secs(1 + 2 + 2 + 3));
    }

    #[tokio::test(start_paused = true)]
    async fn the_deadline_names_who_is_missing() {
        let (_seen, mut lookout) = channel();
        let error = full_health(&mut lookout, SETTLE, WITHIN).await.unwrap_err();
        assert!(error.to_string().contains("api-1"), "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_observer_is_never_full_health() {
        let (seen, mut lookout) = channel();
        note(&seen, None, sighting(true)).await;
        seen.send_modify(|seen| seen.lost = Some("hung up".into()));
        let error = full_health(&mut lookout, SETTLE, WITHIN).await.unwrap_err();
        assert!(error.to_string().contains("hung up"), "{error}");
    }

    #[tokio::test]
    async fn a_sighting_is_recorded_when_it_was_seen_and_never_in_the_future() {
        let path = std::env::temp_dir().join(format!("gameday-lookout-{}", std::process::id()));
        let clock = clock::Clock::anchored(clock::unix_ns() - 60_000_000_000);
        let (recorder, writer) = Recorder::start(clock, &path).unwrap();
        let (seen, _lookout) = channel();
        let hour = Offset(3_600_000_000_000);
        for at in [Offset(7), hour] {
            note(&seen, Some(&recorder), seen_at(at, true)).await;
        }
        let now = clock.now().0;
        recorder.close();
        writer.await.unwrap().unwrap();
        let lines = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        let entries = lines.lines().map(serde_json::from_str::<timeline::Entry>);
        let at: Vec<_> = entries.map(|entry| entry.unwrap().at.0).collect();
        assert_eq!(at[0], 7);
        assert!((60_000_000_000..=now).contains(&at[1]), "{at:?}");
    }
}
