//! A restart that goes from member to member. It takes longer than a strike may, so it goes on by itself while the fault
//! holds, and ends early when the fault is healed.

use std::time::Duration;

use drill::Rolling;
use engine::Member;
use tokio::{
    sync::Mutex,
    task::JoinHandle,
    time::{Instant, sleep},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{Engine, method::ready};

/// How long one member may take to be ready again.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// Time between two questions whether it is.
const LOOK: Duration = Duration::from_millis(100);

/// A rolling restart under way. Dropped, it ends after the member whose turn it is.
#[derive(Debug)]
pub(crate) struct Round {
    told_to_end: CancellationToken,
    _guard: DropGuard,
    /// Locked, because whoever proves the fault may give up waiting while another heals it.
    task: Mutex<Option<JoinHandle<Result<String, String>>>>,
}

impl Round {
    /// Begins with the first member.
    pub(crate) fn begin<E: Engine>(engine: &E, members: Vec<Member>, how: Rolling) -> Self {
        let told_to_end = CancellationToken::new();
        let (engine, told) = (engine.clone(), told_to_end.clone());
        let round = async move { round(&engine, &members, how, &told).await };
        Self {
            _guard: told_to_end.clone().drop_guard(),
            told_to_end,
            task: Mutex::new(Some(tokio::spawn(round))),
        }
    }

    /// Waits until every member has had its turn, and says what was seen.
    ///
    /// # Errors
    /// Who did not come back, or that it was ended early.
    pub(crate) async fn ended(&self) -> Result<String, String> {
        let mut task = self.task.lock().await;
        let Some(going) = task.as_mut() else {
            return Err("over already".to_owned());
        };
        let ended = going.await;
        *task = None;
        ended.unwrap_or_else(|error| Err(format!("cut short: {error}")))
    }

    /// Has no other member restarted, and waits until the one whose turn it is runs.
    pub(crate) async fn end(&self) {
        self.told_to_end.cancel();
        let _ = self.ended().await;
    }
}

async fn round<E: Engine>(
    engine: &E,
    members: &[Member],
    how: Rolling,
    told_to_end: &CancellationToken,
) -> Result<String, String> {
    let (begin, mut longest) = (Instant::now(), Duration::ZERO);
    for (turn, member) in members.iter().enumerate() {
        if turn > 0 {
            or_told(sleep(how.pause), told_to_end).await;
        }
        // Never two at once: whoever is down by itself meanwhile is waited for, too.
        for each in members {
            all_ready(engine, each, told_to_end).await?;
        }
        if told_to_end.is_cancelled() {
            return Err(format!("ended after {turn} of {}", members.len()));
        }
        let away = Instant::now();
        restart(engine, member, how.grace).await?;
        all_ready(engine, member, told_to_end).await?;
        longest = longest.max(away.elapsed());
        tracing::info!(member = member.service, away = ?away.elapsed(), "restarted");
    }
    let names: Vec<_> = members
        .iter()
        .map(|member| member.service.as_str())
        .collect();
    Ok(format!(
        "{} restarted one after another in {:.1} s, each away for {:.1} s at most",
        names.join(", "),
        begin.elapsed().as_secs_f64(),
        longest.as_secs_f64()
    ))
}

/// Begun, it goes on to its end: a member that is stopped and not started would be left to healing.
async fn restart<E: Engine>(engine: &E, member: &Member, grace: Duration) -> Result<(), String> {
    let words = |error| format!("{} is unknown: {error}", member.service);
    let before = engine.life(&member.id).await.map_err(words)?;
    engine.stop(&member.id, grace).await.map_err(words)?;
    engine.start(&member.id).await.map_err(words)?;
    let after = engine.life(&member.id).await.map_err(words)?;
    match after.started_at_unix_ns > before.started_at_unix_ns {
        true => Ok(()),
        false => Err(format!(
            "{} is {}, not started again",
            member.service, after.state
        )),
    }
}

/// Returns at once when told to end.
async fn all_ready<E: Engine>(
    engine: &E,
    member: &Member,
    told_to_end: &CancellationToken,
) -> Result<(), String> {
    let deadline = Instant::now() + READY_WITHIN;
    while !told_to_end.is_cancelled() {
        let Err(reason) = ready(engine, member).await else {
            return Ok(());
        };
        if Instant::now() >= deadline {
            let seconds = READY_WITHIN.as_secs();
            return Err(format!("{} is {reason}, after {seconds} s", member.service));
        }
        or_told(sleep(LOOK), told_to_end).await;
    }
    Ok(())
}

async fn or_told(sleep: impl Future<Output = ()>, told_to_end: &CancellationToken) {
    tokio::select! {
        () = sleep => {}
        () = told_to_end.cancelled() => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{FakeEngine, killed, member};

    const HOW: Rolling = Rolling {
        pause: Duration::from_secs(10),
        grace: Duration::from_secs(5),
    };

    fn members() -> Vec<Member> {
        ["api-1", "api-2", "api-3"].map(member).into()
    }

    fn engine() -> FakeEngine {
        FakeEngine::running(&["api-1", "api-2", "api-3"])
    }

    fn changes(engine: &FakeEngine) -> Vec<String> {
        let calls = engine.world().calls.clone();
        calls
            .into_iter()
            .filter(|call| !call.starts_with("exec"))
            .collect()
    }

    #[tokio::test(start_paused = true)]
    async fn each_is_stopped_only_when_the_one_before_is_back() {
        let engine = engine();
        let round = Round::begin(&engine, members(), HOW);
        let said = round.ended().await.unwrap();
        let expected = "api-1, api-2, api-3 restarted one after another in 20.0 s";
        assert!(said.starts_with(expected), "{said}");
        let expected = [1, 2, 3].map(|n| [format!("stop c-api-{n}"), format!("start c-api-{n}")]);
        assert_eq!(changes(&engine), expected.concat());
        assert!(round.ended().await.is_err(), "it says it once");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_is_stopped_while_another_does_not_serve() {
        let engine = engine();
        engine.put("api-3", killed());
        let error = Round::begin(&engine, members(), HOW)
            .ended()
            .await
            .unwrap_err();
        assert!(error.contains("api-3 is stopped"), "{error}");
        assert_eq!(changes(&engine), Vec::<String>::new());
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_come_back_ends_the_round() {
        let engine = engine();
        engine.world().stillborn.insert("c-api-2".into());
        let error = Round::begin(&engine, members(), HOW)
            .ended()
            .await
            .unwrap_err();
        assert!(error.contains("api-2"), "{error}");
        assert!(!changes(&engine).contains(&"stop c-api-3".to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn told_to_end_it_finishes_the_turn_and_begins_no_other() {
        let engine = engine();
        let round = Round::begin(&engine, members(), HOW);
        sleep(Duration::from_secs(1)).await;
        round.end().await;
        assert_eq!(changes(&engine), ["stop c-api-1", "start c-api-1"]);
        assert!(engine.all_run());
    }
}
