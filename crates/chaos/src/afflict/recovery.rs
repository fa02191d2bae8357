//! From a fault in force back to members that are as they were.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::{Affliction, Sufferer};
use crate::{
    ChaosError, Engine,
    heal::{Asker, HEAL, conclude, mend},
};

/// In which order members come back, and how fast.
#[derive(Debug, Clone, Default)]
pub struct Recovery {
    /// Time between the healing of one member and of the next; zero heals all of them together.
    pub stagger: Duration,
    /// Draws the order.
    pub seed: u64,
    /// Once cancelled, whoever still waits is healed at once.
    pub hurry: CancellationToken,
}

impl Recovery {
    /// Waits for a member's turn, counted from 0.
    async fn wait(&self, turn: usize) {
        let turn = u32::try_from(turn).unwrap_or(u32::MAX);
        tokio::select! {
            () = sleep(self.stagger.saturating_mul(turn)) => {}
            () = self.hurry.cancelled() => {}
        }
    }
}

impl Affliction {
    /// Brings every member back to running, confirms it, removes the undo file, and says in what the members are not as
    /// before.
    ///
    /// Looks at each container and does only what is missing. Retries for up to 30 s each, and goes on when
    /// the caller is cancelled. A container that is no longer there counts as healed, and is named.
    ///
    /// # Errors
    /// When a member is not back within 30 s; the undo file stays for [`crate::heal_left`] then.
    pub async fn heal<E: Engine>(
        mut self,
        engine: &E,
        recovery: &Recovery,
    ) -> Result<Vec<String>, ChaosError> {
        // From here on the healing task answers for the fault, also when nobody waits for it any more.
        self.healed = true;
        let (engine, recovery) = (engine.clone(), recovery.clone());
        let (undo, path) = (self.undo.clone(), self.path.clone());
        let sufferers = std::mem::take(&mut self.sufferers);
        let round = self.round.take();
        let healing = tokio::spawn(async move {
            if let Some(round) = round {
                round.end().await;
            }
            let recovering = in_turn(&sufferers, recovery.seed).map(|(turn, sufferer)| {
                let (recovery, engine) = (&recovery, &engine);
                async move {
                    recovery.wait(turn).await;
                    sufferer.recover(engine).await
                }
            });
            let outcomes = join_all(recovering).await;
            let healed = conclude(&undo, outcomes, &path).await;
            match &healed {
                Ok(left) => left
                    .iter()
                    .for_each(|left| tracing::warn!(fault = undo.fault, "{left}")),
                Err(error) => tracing::error!(%error, "fault is still in force"),
            }
            healed
        });
        let healed = healing.await;
        healed.unwrap_or_else(|error| Err(ChaosError::cut_short("healing", &error)))
    }
}

/// Every member with its place in the drawn order, from 0.
fn in_turn(sufferers: &[Sufferer], seed: u64) -> impl Iterator<Item = (usize, &Sufferer)> {
    let names = sufferers.iter().map(|sufferer| &sufferer.member.service);
    let names: Vec<_> = names.cloned().collect();
    let drawn = drill::pick(&names, names.len(), seed);
    sufferers.iter().map(move |sufferer| {
        let turn = drawn.iter().position(|n| *n == sufferer.member.service);
        (turn.unwrap_or_default(), sufferer)
    })
}

impl Sufferer {
    /// Undoes the fault on this member; says in what it is not as before.
    async fn recover<E: Engine>(&self, engine: &E) -> Result<Vec<String>, String> {
        let (mut undo, mut left) = (self.undo(), vec![]);
        match self.release().await {
            // The agent has compared rules and processes with what they were: there is nothing to sweep.
            Some(Ok(())) => undo.action = undo.action.without_sweeping(),
            Some(Err(reason)) => left.push(reason),
            None => {}
        }
        left.extend(
            mend(
                engine,
                &self.member.project,
                &undo,
                Instant::now() + HEAL,
                Asker::Holder,
            )
            .await?,
        );
        let id = undo.action.subject(&self.member.id);
        let differences = self.before.digest.left(engine, id).await;
        left.extend(differences.unwrap_or_else(|error| vec![format!("unknown: {error}")]));
        Ok(left)
    }

    /// Lets its agent go, where it has one.
    async fn release(&self) -> Option<Result<(), String>> {
        let agent = self.agent.lock().await.take()?;
        Some(agent.release().await.map(drop))
    }
}

#[cfg(test)]
mod tests {
    use drill::{Fault, Signal};

    use super::*;
    use crate::{
        UndoLedger, apply,
        fake::{FakeEngine, Folder, member},
    };

    const NAMES: [&str; 4] = ["api-1", "api-2", "api-3", "ws-1"];

    async fn outage(engine: &FakeEngine, folder: &Folder) -> Affliction {
        let kill = Fault::Kill {
            signal: Signal::Kill,
        };
        let ledger = UndoLedger::open(&folder.path, "p").unwrap();
        let hold = Duration::from_secs(1);
        let applied = apply(engine, &ledger, &kill, &NAMES.map(member), hold).await;
        applied.unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn members_come_back_one_after_another_in_the_drawn_order() {
        let (engine, folder) = (FakeEngine::running(&NAMES), Folder::new());
        let affliction = outage(&engine, &folder).await;
        engine.world().calls.clear();
        let recovery = Recovery {
            stagger: Duration::from_secs(2),
            seed: 5,
            ..Recovery::default()
        };
        let begin = Instant::now();
        assert!(
            affliction
                .heal(&engine, &recovery)
                .await
                .unwrap()
                .is_empty()
        );
        assert!((6..8).contains(&begin.elapsed().as_secs()), "three pauses");
        let order = drill::pick(&NAMES.map(String::from), 4, 5);
        let starts = order.iter().map(|name| format!("start c-{name}"));
        assert_eq!(engine.world().calls, starts.collect::<Vec<_>>());
        assert!(engine.all_run());
    }

    #[tokio::test(start_paused = true)]
    async fn in_a_hurry_nobody_waits() {
        let (engine, folder) = (FakeEngine::running(&NAMES), Folder::new());
        let affliction = outage(&engine, &folder).await;
        let recovery = Recovery {
            stagger: Duration::from_secs(60),
            ..Recovery::default()
        };
        recovery.hurry.cancel();
        let begin = Instant::now();
        affliction.heal(&engine, &recovery).await.unwrap();
        assert!(begin.elapsed() < Duration::from_secs(10) && engine.all_run());
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_not_as_before_is_named() {
        let (engine, folder) = (FakeEngine::running(&NAMES), Folder::new());
        let affliction = outage(&engine, &folder).await;
        engine.put("api-2", engine::State::Missing);
        let left = affliction
            .heal(&engine, &Recovery::default())
            .await
            .unwrap();
        assert!(left[0].starts_with("api-2 is missing"), "{left:?}");
        assert!(left[1].starts_with("api-2 state missing"), "{left:?}");
    }
}
