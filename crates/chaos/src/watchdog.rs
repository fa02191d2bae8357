//! Heals what a dead holder left, without being asked.
//!
//! A run's folder is locked by its holder for as long as that process lives, however it ends. Whoever can take the
//! lock while an undo file is there has found a fault that nobody answers for.

use std::{convert::Infallible, path::Path, time::Duration};

use tokio::time::sleep;

use crate::{Engine, heal_left, ledger, trust};

/// Time between two looks at the lock. A holder that dies is noticed within it.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Name of the lock in a run's folder.
pub const LOCK: &str = "holder.lock";
/// Name of the folder of undo files in a run's folder.
pub const UNDO: &str = "undo";

/// Watches the folder of a project's run and heals whenever its holder is gone and has left faults behind, until the returned
/// future is dropped. Acts only on what carries the labels of `project`.
pub async fn watch<E: Engine>(engine: &E, folder: &Path, project: &str) -> Infallible {
    loop {
        if is_orphaned(folder) {
            match heal_left(engine, &folder.join(UNDO), project).await {
                Ok(healed) => tracing::warn!(healed = healed.join("; "), "the holder is gone"),
                Err(error) => tracing::error!(%error, "the holder is gone; trying again"),
            }
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Whether a folder has faults that nobody answers for. The lock is let go at once, because healing twice is harmless
/// and `gameday heal` takes a folder that is locked for that of a living run.
fn is_orphaned(folder: &Path) -> bool {
    // The lock is not even touched while there is nothing to heal: its owner may be about to take it.
    let left = ledger::left_in(&folder.join(UNDO)).is_ok_and(|left| !left.is_empty());
    left && match trust::open(&folder.join(LOCK)) {
        Ok(lock) => lock.try_lock().is_ok(),
        Err(error) => {
            tracing::error!(%error, "nothing is healed while the lock can't be looked at");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use drill::{Fault, Signal};
    use tokio::time::timeout;

    use super::*;
    use crate::{
        UndoLedger, apply,
        fake::{FakeEngine, Folder, member},
    };

    /// A fault of a holder that has died; the lock is free.
    async fn abandoned(engine: &FakeEngine, folder: &Folder) {
        let ledger = UndoLedger::open(&folder.path.join(UNDO), "p").unwrap();
        let fault = Fault::Kill {
            signal: Signal::Kill,
        };
        std::mem::forget(apply(engine, &ledger, &fault, &[member("api-1")], Duration::ZERO).await);
        File::create(folder.path.join(LOCK)).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_answers_for_is_healed() {
        let (folder, engine) = (Folder::new(), FakeEngine::running(&["api-1"]));
        abandoned(&engine, &folder).await;
        assert!(!engine.all_run());
        let healed = async {
            while !engine.all_run() {
                sleep(LOOK_EVERY).await;
            }
        };
        tokio::select! {
            never = watch(&engine, &folder.path, "p") => match never {},
            healed = timeout(Duration::from_secs(10), healed) => healed.unwrap(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_faults_of_a_living_holder_are_its_own() {
        let (folder, engine) = (Folder::new(), FakeEngine::running(&["api-1"]));
        abandoned(&engine, &folder).await;
        let holder = File::open(folder.path.join(LOCK)).unwrap();
        holder.lock().unwrap();
        let watching = timeout(Duration::from_secs(60), watch(&engine, &folder.path, "p"));
        assert!(watching.await.is_err());
        assert!(!engine.all_run());
    }

    #[test]
    fn a_folder_without_faults_or_without_a_lock_is_left_alone() {
        let folder = Folder::new();
        assert!(!is_orphaned(&folder.path));
        File::create(folder.path.join(LOCK)).unwrap();
        assert!(!is_orphaned(&folder.path));
    }
}
