//! A fault in force.

mod recovery;

use std::{path::PathBuf, time::Duration};

use drill::Fault;
use engine::{Member, State};
use futures_util::future::{join_all, try_join_all};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep},
};

pub use recovery::Recovery;

use crate::{
    ChaosError, Engine, UndoLedger,
    agent::Agent,
    ledger::{self, Undo},
    method::{self, Before, Hand},
    resolve::is_instrument,
    rolling::Round,
};

/// How long a fault may take to show in the engine's state. A loaded engine took 0.7 s for a start.
const SHOW: Duration = Duration::from_secs(5);

/// Time between two looks while a fault does not show.
const LOOK: Duration = Duration::from_millis(50);

/// A fault that is in force until it is healed.
///
/// Healing needs the engine, so dropping can't do it: a dropped affliction complains in the log and
/// leaves its undo file for [`crate::heal_left`].
#[must_use = "the fault stays in force until it is healed"]
#[derive(Debug)]
pub struct Affliction {
    fault: Fault,
    undo: Undo,
    path: PathBuf,
    sufferers: Vec<Sufferer>,
    /// Where one member suffers after another.
    round: Option<Round>,
    healed: bool,
}

/// A member and how it was before.
#[derive(Debug)]
struct Sufferer {
    member: Member,
    before: Before,
    /// Locked, because proving and healing both listen to it.
    agent: Mutex<Option<Agent>>,
}

/// Applies a fault to all `members` at once; `hold` is how long it is meant to last: an agent holds it a minute longer at
/// most, though nobody heals. Its undo is on disk before the first of them is touched.
///
/// When this call is cancelled midway or fails for some members, the undo file is left, and
/// [`crate::heal_left`] undoes whatever was done.
///
/// # Errors
/// When a member is an instrument, of another project than the ledger, or not running (nothing was done
/// then); when the undo can't be written (nothing was done); when the engine refuses for some members.
pub async fn apply<E: Engine>(
    engine: &E,
    ledger: &UndoLedger,
    fault: &Fault,
    members: &[Member],
    hold: Duration,
) -> Result<Affliction, ChaosError> {
    for member in members {
        guard(ledger, member)?;
    }
    let (sequence, path) = ledger.next_path(fault.name());
    let hand = Hand {
        project: ledger.project().to_owned(),
        image: ledger.agents().to_owned(),
        sequence,
        hold,
    };
    let looks = members
        .iter()
        .map(|member| sufferer(engine, fault, member, &hand));
    let sufferers = try_join_all(looks).await?;
    if sufferers.is_empty() {
        return Err(ChaosError::Nobody {
            fault: fault.name(),
        });
    }
    // Made before the first side effect, so that a call that is cancelled from here on is logged on drop.
    let mut affliction = Affliction {
        fault: fault.clone(),
        undo: Undo::new(
            ledger.project(),
            fault.name(),
            sufferers.iter().map(Sufferer::undo).collect(),
        ),
        path,
        sufferers,
        round: None,
        healed: false,
    };
    ledger::keep(&affliction.path, &affliction.undo).await?;
    let strikes = affliction
        .sufferers
        .iter()
        .map(|sufferer| sufferer.strike(engine, fault));
    let answers = join_all(strikes).await;
    let failed: Vec<_> = answers
        .into_iter()
        .zip(members)
        .filter_map(|(answer, member)| Some(format!("{}: {}", member.service, answer.err()?)))
        .collect();
    if failed.is_empty() {
        if let Fault::RollingRestart(how) = fault {
            affliction.round = Some(Round::begin(engine, members.to_vec(), *how));
        }
        return Ok(affliction);
    }
    Err(ChaosError::Partly {
        fault: fault.name(),
        failed,
        undo: affliction.path.clone(),
    })
}

/// Refuses whoever a fault must never touch, however the members were chosen.
fn guard(ledger: &UndoLedger, member: &Member) -> Result<(), ChaosError> {
    if is_instrument(member) {
        return Err(ChaosError::Instrument {
            member: member.service.clone(),
        });
    }
    if member.project != ledger.project() {
        return Err(ChaosError::ForeignMember {
            member: member.service.clone(),
            project: member.project.clone(),
            expected: ledger.project().to_owned(),
        });
    }
    Ok(())
}

async fn sufferer<E: Engine>(
    engine: &E,
    fault: &Fault,
    member: &Member,
    hand: &Hand,
) -> Result<Sufferer, ChaosError> {
    let life = engine.life(&member.id).await?;
    if life.state != State::Running {
        return Err(ChaosError::NotRunning {
            member: member.service.clone(),
            state: life.state,
            fault: fault.name(),
        });
    }
    Ok(Sufferer {
        member: member.clone(),
        before: method::prepare(engine, fault, member, life, hand).await?,
        agent: Mutex::new(None),
    })
}

impl Sufferer {
    async fn strike<E: Engine>(&self, engine: &E, fault: &Fault) -> Result<(), ChaosError> {
        let agent = method::strike(engine, fault, &self.member, &self.before).await?;
        *self.agent.lock().await = agent;
        Ok(())
    }

    /// What the fault does to it; an agent says it once, everybody else may be asked again.
    async fn effect<E: Engine>(&self, engine: &E, fault: &Fault) -> Result<String, String> {
        match self.agent.lock().await.as_mut() {
            Some(agent) => agent.effect().await,
            None => method::effect(engine, fault, &self.member, &self.before).await,
        }
    }

    fn undo(&self) -> ledger::Sufferer {
        ledger::Sufferer {
            id: self.member.id.clone(),
            service: self.member.service.clone(),
            action: self.before.undo.clone(),
        }
    }
}

impl Affliction {
    /// Names of the members that suffer.
    pub fn members(&self) -> impl Iterator<Item = &str> {
        self.sufferers
            .iter()
            .map(|sufferer| sufferer.member.service.as_str())
    }

    /// Reads the fault's effect back from the engine's state, for up to 5 s, and says what was seen. Where one member
    /// suffers after another, it waits for the last.
    ///
    /// # Errors
    /// Names each member on which the fault does not show, with what is seen instead.
    pub async fn prove<E: Engine>(&self, engine: &E) -> Result<String, ChaosError> {
        if let Some(round) = &self.round {
            return round
                .ended()
                .await
                .map_err(|seen| self.unproven(vec![seen]));
        }
        let deadline = Instant::now() + SHOW;
        let proofs = self
            .sufferers
            .iter()
            .map(|sufferer| self.shown(engine, sufferer, deadline));
        let (mut seen, mut unproven) = (Vec::new(), Vec::new());
        for (sufferer, shown) in self.sufferers.iter().zip(join_all(proofs).await) {
            let service = &sufferer.member.service;
            match shown {
                Ok(effect) => seen.push(format!("{service} {effect}")),
                Err(reason) => unproven.push(format!("{service} is {reason}")),
            }
        }
        if unproven.is_empty() {
            return Ok(seen.join("; "));
        }
        Err(self.unproven(unproven))
    }

    fn unproven(&self, unproven: Vec<String>) -> ChaosError {
        ChaosError::NotProven {
            fault: self.fault.name(),
            unproven,
        }
    }

    async fn shown<E: Engine>(
        &self,
        engine: &E,
        sufferer: &Sufferer,
        deadline: Instant,
    ) -> Result<String, String> {
        loop {
            let shown = sufferer.effect(engine, &self.fault).await;
            // An agent measures once: asked again, it has nothing more to say.
            if shown.is_ok() || sufferer.before.is_held() || Instant::now() >= deadline {
                return shown;
            }
            sleep(LOOK).await;
        }
    }
}

impl Drop for Affliction {
    fn drop(&mut self) {
        if !self.healed {
            let members: Vec<_> = self.members().collect();
            tracing::error!(
                fault = self.fault.name(),
                members = members.join(", "),
                undo = %self.path.display(),
                "fault may be in force and was dropped without healing"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use drill::Signal;

    use super::*;
    use crate::fake::{FakeEngine, Folder, killed, member};

    const HOLD: Duration = Duration::from_secs(5);
    const KILL: Fault = Fault::Kill {
        signal: Signal::Kill,
    };

    fn faults() -> [Fault; 11] {
        let stop = Fault::Stop {
            grace: Duration::from_secs(1),
        };
        let cut = Fault::Cut {
            network: "data".into(),
        };
        [
            KILL,
            stop,
            Fault::Restart {},
            Fault::Recreate {},
            Fault::RollingRestart(drill::Rolling {
                pause: Duration::from_secs(1),
                grace: Duration::from_secs(1),
            }),
            Fault::Pause {},
            Fault::Cpu { cores: 0.05 },
            Fault::Memory { at_most_mib: 64 },
            cut,
            Fault::ReplicaLag {},
            Fault::Freeze {},
        ]
    }

    #[tokio::test(start_paused = true)]
    async fn every_fault_is_undoable_first_then_applied_proven_and_healed() {
        for fault in faults() {
            let folder = Folder::new();
            let engine = FakeEngine::running(&["api-1", "api-2", "api-3"]);
            let ledger = UndoLedger::open(&folder.path, "p").unwrap();
            let members = ["api-1", "api-2"].map(member);
            let affliction = apply(&engine, &ledger, &fault, &members, HOLD)
                .await
                .unwrap();
            let seen = affliction.prove(&engine).await.unwrap();
            assert!(seen.contains("api-1") && seen.contains("api-2"), "{seen}");
            assert_eq!(folder.undo_files(), 1);
            affliction
                .heal(&engine, &Recovery::default())
                .await
                .unwrap();
            assert!(engine.all_well(), "{fault}");
            assert_eq!(folder.undo_files(), 0);
            let calls = engine.world().calls.join(", ");
            assert!(!calls.contains("api-3"), "{calls}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_member_is_touched_before_its_undo_is_on_disk() {
        // A fault of state looks into its members first, which the strict engine takes for touching them.
        for fault in faults()
            .into_iter()
            .filter(|fault| fault.only_for().is_none())
        {
            let folder = Folder::new();
            let engine = FakeEngine::running(&["api-1"]);
            engine.world().undo_first = Some(folder.path.clone());
            let ledger = UndoLedger::open(&folder.path, "p").unwrap();
            let members = [member("api-1")];
            let affliction = apply(&engine, &ledger, &fault, &members, HOLD)
                .await
                .unwrap();
            affliction
                .heal(&engine, &Recovery::default())
                .await
                .unwrap();
        }
    }

    #[tokio::test]
    async fn a_network_that_the_member_is_not_on_is_refused_before_anything_is_done() {
        let folder = Folder::new();
        let engine = FakeEngine::running(&["api-1"]);
        let ledger = UndoLedger::open(&folder.path, "p").unwrap();
        let edge = Fault::Cut {
            network: "edge".into(),
        };
        let error = apply(&engine, &ledger, &edge, &[member("api-1")], HOLD)
            .await
            .unwrap_err();
        assert!(error.to_string().contains("not on network edge"), "{error}");
        assert!(engine.world().calls.is_empty());
    }

    #[tokio::test]
    async fn a_guarded_member_is_refused_before_anything_is_done() {
        let folder = Folder::new();
        let engine = FakeEngine::running(&["api-1", "observer"]);
        let ledger = UndoLedger::open(&folder.path, "p").unwrap();
        let mut foreign = member("api-1");
        foreign.project = "shop".to_owned();
        for (members, expected) in [
            (vec![member("api-1"), member("observer")], "instrument"),
            (vec![foreign], "belongs to project shop"),
            (vec![member("api-2")], "api-2 is missing already"),
            (vec![], "no member to kill"),
        ] {
            let error = apply(&engine, &ledger, &KILL, &members, HOLD)
                .await
                .unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
        assert!(engine.world().calls.is_empty());
        assert_eq!(folder.undo_files(), 0);
    }

    #[tokio::test]
    async fn a_member_that_does_not_run_can_not_show_a_fault() {
        let folder = Folder::new();
        let engine = FakeEngine::running(&["api-1"]);
        engine.put("api-1", killed());
        let ledger = UndoLedger::open(&folder.path, "p").unwrap();
        let error = apply(&engine, &ledger, &KILL, &[member("api-1")], HOLD)
            .await
            .unwrap_err();
        assert!(
            error
                .to_string()
                .contains("stopped with exit code 137 already"),
            "{error}"
        );
    }

    #[tokio::test]
    async fn without_an_undo_on_disk_nothing_is_done() {
        let folder = Folder::new();
        let engine = FakeEngine::running(&["api-1"]);
        let ledger = UndoLedger::open(&folder.path.join("gone"), "p").unwrap();
        std::fs::remove_dir(folder.path.join("gone")).unwrap();
        let error = apply(&engine, &ledger, &KILL, &[member("api-1")], HOLD)
            .await
            .unwrap_err();
        assert!(matches!(error, ChaosError::Disk { .. }), "{error}");
        assert!(engine.world().calls.is_empty() && engine.all_run());
    }

    #[tokio::test]
    async fn a_partial_failure_names_the_member_and_leaves_the_undo() {
        let folder = Folder::new();
        let engine = FakeEngine::running(&["api-1", "api-2"]);
        engine.world().failures.insert("pause c-api-2".into(), 1);
        let ledger = UndoLedger::open(&folder.path, "p").unwrap();
        let members = ["api-1", "api-2"].map(member);
        let error = apply(&engine, &ledger, &Fault::Pause {}, &members, HOLD)
            .await
            .unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("api-2: ") && text.contains("000001-pause.json"),
            "{text}"
        );
        assert_eq!(folder.undo_files(), 1);
        crate::heal_left(&engine, &folder.path, "p").await.unwrap();
        assert!(engine.all_run());
    }

    #[tokio::test(start_paused = true)]
    async fn an_ignored_signal_is_not_proven() {
        let folder = Folder::new();
        let engine = FakeEngine::running(&["api-1"]);
        engine.world().deaf.insert("c-api-1".into());
        let ledger = UndoLedger::open(&folder.path, "p").unwrap();
        let term = Fault::Kill {
            signal: Signal::Term,
        };
        let affliction = apply(&engine, &ledger, &term, &[member("api-1")], HOLD)
            .await
            .unwrap();
        let begin = Instant::now();
        let error = affliction.prove(&engine).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "kill not proven: api-1 is running after signal TERM"
        );
        assert!(begin.elapsed() >= SHOW && begin.elapsed() < SHOW * 2);
        affliction
            .heal(&engine, &Recovery::default())
            .await
            .unwrap();
    }
}
