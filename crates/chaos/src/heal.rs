//! The way back: from an undo file to members that run.

use std::{path::Path, time::Duration};

use futures_util::future::join_all;
use tokio::time::{Instant, sleep, timeout_at};

use crate::{
    ChaosError, Engine,
    ledger::{self, Sufferer, Undo},
    undo::Step,
};

/// How long healing of one fault may take, whatever becomes of whoever asked for it.
pub(crate) const HEAL: Duration = Duration::from_secs(30);

/// The pause after the second failed attempt, the first being repeated at once; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How long a member that looks healthy is watched when the one who applied the fault is gone: a kill
/// that was on its way then takes effect within a fraction of that, also on a busy engine.
const ON_ITS_WAY: Duration = Duration::from_secs(1);

/// Who asks for healing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asker {
    /// The one who applied the fault and saw the engine confirm it.
    Holder,
    /// Somebody who found the undo file.
    Stranger,
}

/// Heals every fault whose undo file is in `dir`, the newest first, and says what was done.
///
/// Works from any process at any later time; a folder that does not exist holds nothing to heal. Goes on
/// with the other files when one can't be read or healed. Acts only on what carries the labels of `project`: files in a
/// folder may have come from anywhere.
///
/// # Errors
/// Names every file that could not be read or healed, or that asks for more than its project, after all others were healed;
/// and the folder when it is a link or another user's.
pub async fn heal_left<E: Engine>(
    engine: &E,
    dir: &Path,
    project: &str,
) -> Result<Vec<String>, ChaosError> {
    let (engine, dir, project) = (engine.clone(), dir.to_owned(), project.to_owned());
    let healing = tokio::spawn(async move { heal_all(&engine, &dir, &project).await });
    let healed = healing.await;
    healed.unwrap_or_else(|error| Err(ChaosError::cut_short("healing", &error)))
}

async fn heal_all<E: Engine>(
    engine: &E,
    dir: &Path,
    project: &str,
) -> Result<Vec<String>, ChaosError> {
    let (mut healed, mut problems) = (Vec::new(), Vec::new());
    for (_, path) in ledger::left_in(dir)?.into_iter().rev() {
        match heal_file(engine, &path, project).await {
            Ok(done) => healed.push(done),
            // Somebody else was faster.
            Err(_) if !path.exists() => {}
            Err(error) => problems.push(error.to_string()),
        }
    }
    if problems.is_empty() {
        return Ok(healed);
    }
    Err(ChaosError::Left { healed, problems })
}

async fn heal_file<E: Engine>(
    engine: &E,
    path: &Path,
    project: &str,
) -> Result<String, ChaosError> {
    let undo = Undo::read(path)?;
    if undo.project != project {
        return Err(ChaosError::ForeignUndo {
            path: path.to_owned(),
            project: undo.project,
            expected: project.to_owned(),
        });
    }
    let notes = mend_and_forget(engine, &undo, path).await?;
    let names: Vec<_> = undo
        .members
        .iter()
        .map(|member| member.service.as_str())
        .collect();
    let mut done = format!("{} of {} in {}", undo.fault, names.join(", "), undo.project);
    for note in notes {
        done.push_str(&format!(" ({note})"));
    }
    Ok(done)
}

/// Brings every member back for whoever found the undo file, then removes it. Returns what was noticed on the way.
async fn mend_and_forget<E: Engine>(
    engine: &E,
    undo: &Undo,
    path: &Path,
) -> Result<Vec<String>, ChaosError> {
    let deadline = Instant::now() + HEAL;
    let mending = undo
        .members
        .iter()
        .map(|member| mend(engine, &undo.project, member, deadline, Asker::Stranger));
    let outcomes = join_all(mending).await.into_iter();
    let outcomes = outcomes.map(|outcome| outcome.map(Vec::from_iter));
    conclude(undo, outcomes.collect(), path).await
}

/// Removes the undo file once every member is back, and returns what was noticed, by member.
///
/// # Errors
/// Names every member that is not back; the undo file stays.
pub(crate) async fn conclude(
    undo: &Undo,
    outcomes: Vec<Result<Vec<String>, String>>,
    path: &Path,
) -> Result<Vec<String>, ChaosError> {
    let (mut notes, mut unhealed) = (Vec::new(), Vec::new());
    for (member, outcome) in undo.members.iter().zip(outcomes) {
        let service = &member.service;
        match outcome {
            Ok(noted) => notes.extend(noted.iter().map(|note| format!("{service} {note}"))),
            Err(reason) => unhealed.push(format!("{service}: {reason}")),
        }
    }
    if !unhealed.is_empty() {
        return Err(ChaosError::NotHealed {
            fault: undo.fault.clone(),
            unhealed,
            undo: path.to_owned(),
        });
    }
    ledger::forget(path).await?;
    Ok(notes)
}

/// Brings one member back to running; the note says why nothing could be done for it.
pub(crate) async fn mend<E: Engine>(
    engine: &E,
    project: &str,
    member: &Sufferer,
    deadline: Instant,
    asker: Asker,
) -> Result<Option<String>, String> {
    let mut trusted = asker == Asker::Holder;
    let mut pause = Duration::ZERO;
    let mut last = "the engine does not answer".to_owned();
    loop {
        match timeout_at(deadline, member.action.step(engine, project, &member.id)).await {
            Ok(Ok(Step::Done)) if trusted || !member.action.can_be_overtaken() => return Ok(None),
            Ok(Ok(Step::Done)) => {
                // What the dead one had asked for may still be done: it is undone once more.
                trusted = true;
                sleep(ON_ITS_WAY).await;
                continue;
            }
            Ok(Ok(Step::Runs)) if trusted => return Ok(None),
            Ok(Ok(Step::Runs)) => {
                trusted = true;
                sleep(ON_ITS_WAY + member.action.slowest()).await;
                continue;
            }
            Ok(Ok(Step::NotOurs(note))) => return Ok(Some(note)),
            // No waiting makes it ours.
            Ok(Ok(Step::Foreign(reason))) => return Err(format!("refused: {reason}")),
            Ok(Ok(Step::Acted(from))) => {
                trusted = true;
                last = format!("{from} again and again");
            }
            Ok(Err(error)) => last = error.to_string(),
            Err(_) => {}
        }
        if Instant::now() >= deadline {
            return Err(format!("not back within {} s: {last}", HEAL.as_secs()));
        }
        sleep(pause).await;
        pause = (pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use drill::Fault;
    use engine::{Inspect as _, State};

    use super::*;
    use crate::{
        UndoLedger, apply,
        fake::{FakeEngine, Folder, killed, member},
    };

    fn kill() -> Fault {
        Fault::Kill {
            signal: drill::Signal::Kill,
        }
    }

    /// Applies a fault as a controller that dies right after it.
    async fn strike_and_die(engine: &FakeEngine, folder: &Folder, fault: Fault, names: &[&str]) {
        let ledger = UndoLedger::open(&folder.path, "p").unwrap();
        let members: Vec<_> = names.iter().map(|name| member(name)).collect();
        std::mem::forget(apply(engine, &ledger, &fault, &members, Duration::ZERO).await);
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_dead_controller_left_is_healed_newest_first() {
        let (folder, engine) = (
            Folder::new(),
            FakeEngine::running(&["api-1", "ws-1", "redis-1"]),
        );
        strike_and_die(&engine, &folder, kill(), &["api-1", "ws-1"]).await;
        strike_and_die(&engine, &folder, Fault::Pause {}, &["redis-1"]).await;
        engine.world().calls.clear();
        let healed = heal_left(&engine, &folder.path, "p").await.unwrap();
        assert_eq!(
            healed,
            ["pause of redis-1 in p", "kill of api-1, ws-1 in p"]
        );
        assert_eq!(engine.world().calls[0], "unpause c-redis-1");
        assert!(engine.all_run());
        assert!(
            heal_left(&engine, &folder.path, "p")
                .await
                .unwrap()
                .is_empty()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn whichever_call_was_the_last_everything_comes_back() {
        let names = ["api-1", "api-2", "api-3"];
        for fault in [
            kill(),
            Fault::Restart {},
            Fault::Recreate {},
            Fault::Pause {},
        ] {
            for lost in names {
                for action in ["kill c-", "start c-", "remove c-", "make ", "pause c-"] {
                    let (folder, engine) = (Folder::new(), FakeEngine::running(&names));
                    engine.world().failures.insert(format!("{action}{lost}"), 1);
                    strike_and_die(&engine, &folder, fault.clone(), &names).await;
                    engine.world().failures.clear();
                    heal_left(&engine, &folder.path, "p").await.unwrap();
                    assert!(engine.all_run(), "{fault} without {action}{lost}");
                    assert_eq!(engine.members("p").await.unwrap().len(), names.len());
                    assert_eq!(folder.undo_files(), 0);
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn limits_and_networks_come_back_also_to_a_member_that_has_stopped() {
        let squeeze = Fault::Cpu { cores: 0.01 };
        let cut = Fault::Cut {
            network: "app".into(),
        };
        let (folder, engine) = (Folder::new(), FakeEngine::running(&["api-1"]));
        strike_and_die(&engine, &folder, squeeze, &["api-1"]).await;
        strike_and_die(&engine, &folder, cut, &["api-1"]).await;
        engine.put("api-1", killed());
        engine.world().failures.insert("*".into(), 2);
        heal_left(&engine, &folder.path, "p").await.unwrap();
        engine.put("api-1", engine::State::Running);
        assert!(engine.all_well());
        assert_eq!(folder.undo_files(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_that_was_on_its_way_is_undone_a_second_time() {
        let (folder, engine) = (Folder::new(), FakeEngine::running(&["postgres-1"]));
        strike_and_die(&engine, &folder, Fault::ReplicaLag {}, &["postgres-1"]).await;
        engine.world().calls.clear();
        heal_left(&engine, &folder.path, "p").await.unwrap();
        assert_eq!(engine.world().calls, ["exec c-postgres-1"; 2]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_kill_that_was_on_its_way_is_undone_too() {
        let (folder, engine) = (Folder::new(), FakeEngine::running(&["api-1"]));
        engine.world().failures.insert("kill c-api-1".into(), 1);
        strike_and_die(&engine, &folder, kill(), &["api-1"]).await;
        engine.world().dying.insert("c-api-1".into(), 2);
        heal_left(&engine, &folder.path, "p").await.unwrap();
        assert!(engine.all_run());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_that_was_on_its_way_is_waited_for() {
        let grace = Duration::from_secs(5);
        let (folder, engine) = (Folder::new(), FakeEngine::running(&["api-1"]));
        engine.world().failures.insert("stop c-api-1".into(), 1);
        strike_and_die(&engine, &folder, Fault::Stop { grace }, &["api-1"]).await;
        engine.world().dying.insert("c-api-1".into(), 2);
        let begin = Instant::now();
        heal_left(&engine, &folder.path, "p").await.unwrap();
        assert!(engine.all_run() && begin.elapsed() > grace);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_made_anew_of_a_topology_that_is_gone() {
        let (folder, engine) = (Folder::new(), FakeEngine::running(&["api-1"]));
        engine.world().failures.insert("make api-1".into(), 1);
        strike_and_die(&engine, &folder, Fault::Recreate {}, &["api-1"]).await;
        engine.world().calls.clear();
        let healed = heal_left(&engine, &folder.path, "p").await.unwrap();
        assert_eq!(
            healed,
            ["recreate of api-1 in p (api-1 is missing and was left so)"]
        );
        assert!(engine.world().calls.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_failing_engine_is_asked_again() {
        let (folder, engine) = (Folder::new(), FakeEngine::running(&["api-1"]));
        strike_and_die(&engine, &folder, kill(), &["api-1"]).await;
        engine.world().failures.insert("start c-api-1".into(), 5);
        let begin = Instant::now();
        heal_left(&engine, &folder.path, "p").await.unwrap();
        assert!(engine.all_run() && begin.elapsed() < HEAL);
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_come_back_is_named_and_stays_on_the_ledger() {
        let (folder, engine) = (Folder::new(), FakeEngine::running(&["api-1", "ws-1"]));
        strike_and_die(&engine, &folder, kill(), &["api-1"]).await;
        strike_and_die(&engine, &folder, kill(), &["ws-1"]).await;
        engine.world().stillborn.insert("c-ws-1".into());
        let error = heal_left(&engine, &folder.path, "p")
            .await
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("ws-1: not back within 30 s: stopped with exit code 137"),
            "{error}"
        );
        assert!(error.contains("000002-kill.json"), "{error}");
        assert_eq!(folder.undo_files(), 1, "the other was healed");
        let calls = engine.world().calls.len();
        assert!(calls < 40, "{calls} calls in 30 s");
    }

    #[tokio::test(start_paused = true)]
    async fn a_corrupt_file_is_named_and_the_others_are_healed() {
        let (folder, engine) = (Folder::new(), FakeEngine::running(&["api-1"]));
        strike_and_die(&engine, &folder, kill(), &["api-1"]).await;
        std::fs::write(folder.path.join("000007-pause.json"), "{\"format\": 1, ").unwrap();
        let Err(ChaosError::Left { healed, problems }) =
            heal_left(&engine, &folder.path, "p").await
        else {
            panic!("a corrupt file was taken for healed");
        };
        assert_eq!(healed, ["kill of api-1 in p"]);
        assert!(problems[0].contains("000007-pause.json"), "{problems:?}");
        assert!(engine.all_run());
    }

    #[tokio::test(start_paused = true)]
    async fn what_somebody_else_did_is_noted_and_left() {
        for (fault, state, note) in [
            (kill(), State::Missing, "api-1 is missing and was left so"),
            (kill(), State::Paused, "api-1 is paused and was left so"),
            (
                Fault::Pause {},
                killed(),
                "api-1 is stopped with exit code 137 and was left so",
            ),
        ] {
            let (folder, engine) = (Folder::new(), FakeEngine::running(&["api-1"]));
            strike_and_die(&engine, &folder, fault, &["api-1"]).await;
            engine.put("api-1", state);
            let healed = heal_left(&engine, &folder.path, "p").await.unwrap();
            assert!(healed[0].contains(note), "{healed:?}");
            assert_eq!(folder.undo_files(), 0);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn healing_goes_on_when_nobody_waits_for_it() {
        let (folder, engine) = (Folder::new(), FakeEngine::running(&["api-1"]));
        let ledger = UndoLedger::open(&folder.path, "p").unwrap();
        let affliction = apply(
            &engine,
            &ledger,
            &kill(),
            &[member("api-1")],
            Duration::ZERO,
        )
        .await
        .unwrap();
        engine.world().failures.insert("start c-api-1".into(), 3);
        let recovery = crate::Recovery::default();
        let waiting = tokio::time::timeout(
            Duration::from_millis(50),
            affliction.heal(&engine, &recovery),
        );
        assert!(
            waiting.await.is_err(),
            "the engine fails for longer than that"
        );
        let healed = async {
            while folder.undo_files() > 0 {
                sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(HEAL, healed).await.unwrap();
        assert!(engine.all_run());
    }
}
