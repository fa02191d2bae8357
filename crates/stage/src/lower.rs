//! Putting a topology down, and what is kept of it.

use std::path::Path;

use engine::{Inspect, Member, Removed, Sweep};
use futures_util::{StreamExt, stream};

use crate::StageError;

/// How many lines of each container's log are kept. A server that complains about each of its clients, as
/// Patroni does with a traceback, must not push the first fault of a run out of its log.
const LOG_LINES: u32 = 20_000;
/// How many logs are read at the same time.
const LOGS_AT_ONCE: usize = 8;
/// How often a project is removed before it counts as raised by somebody else. A killed Compose may have
/// requests under way that the engine still answers, hence more than once.
const ROUNDS: usize = 4;

/// Removes every container, network and volume of a project, whatever state it is in, and looks again
/// until nothing is left. Needs no Compose file; nothing to remove is success.
///
/// # Errors
/// When the engine does not answer, something can't be removed, or the project keeps coming back.
pub async fn lower(engine: &(impl Sweep + Sync), project: &str) -> Result<Removed, StageError> {
    let mut all = Removed::default();
    let mut failed = None;
    for _ in 0..ROUNDS {
        match engine.remove_project(project).await {
            Ok(removed) if removed == Removed::default() => return Ok(all),
            Ok(removed) => {
                all.containers += removed.containers;
                all.networks += removed.networks;
                all.volumes += removed.volumes;
            }
            Err(error @ engine::EngineError::NotOurs { .. }) => return Err(error.into()),
            // A container that came up late keeps its network busy until the next round removes it.
            Err(error) if failed.is_none() => failed = Some(error),
            Err(error) => return Err(error.into()),
        }
    }
    Err(StageError::Left {
        project: project.to_owned(),
    })
}

/// Writes the newest lines of every member's log to `<service>.log` in a folder. Best effort: what can't
/// be had is reported to our own log and left out.
pub async fn save_logs(engine: &(impl Inspect + Sync), members: &[Member], dir: &Path) {
    if let Err(error) = tokio::fs::create_dir_all(dir).await {
        tracing::warn!(%error, dir = %dir.display(), "logs are not kept");
        return;
    }
    stream::iter(members)
        .for_each_concurrent(LOGS_AT_ONCE, |member| async move {
            let text = match engine.logs(&member.id, LOG_LINES).await {
                Ok(text) => text,
                Err(error) => {
                    return tracing::warn!(%error, service = member.service, "log is not kept");
                }
            };
            let path = dir.join(format!("{}.log", member.service));
            if let Err(error) = tokio::fs::write(&path, text).await {
                tracing::warn!(%error, path = %path.display(), "log is not kept");
            }
        })
        .await;
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use engine::{EngineError, Life, Project};

    use super::*;
    use crate::testing::Folder;

    /// Answers one removal after the other, then removes nothing.
    struct Script(Mutex<Vec<Result<Removed, EngineError>>>);

    impl Script {
        fn of(answers: impl IntoIterator<Item = Result<Removed, EngineError>>) -> Self {
            let mut answers: Vec<_> = answers.into_iter().collect();
            answers.reverse();
            Self(Mutex::new(answers))
        }
    }

    impl Sweep for Script {
        async fn projects(&self) -> Result<Vec<Project>, EngineError> {
            Ok(vec![])
        }
        async fn remove_project(&self, _: &str) -> Result<Removed, EngineError> {
            let answer = self.0.lock().unwrap().pop();
            answer.unwrap_or(Ok(Removed::default()))
        }
        async fn subnets(&self) -> Result<Vec<String>, EngineError> {
            Ok(vec![])
        }
    }

    fn removed(containers: usize) -> Result<Removed, EngineError> {
        Ok(Removed {
            containers,
            networks: 3,
            volumes: 1,
        })
    }

    fn busy() -> Result<Removed, EngineError> {
        Err(EngineError::HungUp {
            project: "p".into(),
        })
    }

    #[tokio::test]
    async fn what_comes_late_is_removed_as_well() {
        let script = Script::of([removed(30), busy(), removed(1)]);
        let all = lower(&script, "p").await.unwrap();
        assert_eq!((all.containers, all.networks, all.volumes), (31, 6, 2));
        assert_eq!(lower(&script, "p").await.unwrap(), Removed::default());
    }

    #[tokio::test]
    async fn what_can_not_be_removed_or_is_not_ours_is_an_error() {
        let error = lower(&Script::of([busy(), busy()]), "p").await.unwrap_err();
        assert!(matches!(error, StageError::Engine(_)));
        let others = EngineError::NotOurs {
            project: "p".into(),
            container: "c".into(),
        };
        let error = lower(&Script::of([Err(others)]), "p").await.unwrap_err();
        assert_eq!(error.kind(), crate::ErrorKind::Own);
        let again = Script::of((0..9).map(|_| removed(1)));
        let error = lower(&again, "p").await.unwrap_err();
        assert!(matches!(error, StageError::Left { .. }), "{error}");
    }

    /// Has logs for everyone but `lost`.
    struct Logs;

    impl Inspect for Logs {
        async fn members(&self, _: &str) -> Result<Vec<Member>, EngineError> {
            Ok(vec![])
        }
        async fn life(&self, _: &str) -> Result<Life, EngineError> {
            busy().map(|_| unreachable!())
        }
        async fn logs(&self, id: &str, tail_lines: u32) -> Result<String, EngineError> {
            match id {
                "lost" => busy().map(|_| String::new()),
                id => Ok(format!("{id}, {tail_lines} lines\n")),
            }
        }
    }

    #[tokio::test]
    async fn logs_are_kept_by_service_and_a_lost_one_does_not_hide_the_rest() {
        let member = |service: &str| Member {
            id: service.into(),
            project: "p".into(),
            service: service.into(),
            component: String::new(),
            zone: None,
            addresses: [].into(),
            published: [].into(),
        };
        let folder = Folder::with(&[]);
        let dir = folder.path().join("logs");
        save_logs(&Logs, &[member("lost"), member("api-1")], &dir).await;
        let text = std::fs::read_to_string(dir.join("api-1.log")).unwrap();
        assert_eq!(text, "api-1, 20000 lines\n");
        assert!(!dir.join("lost.log").exists());
    }
}
