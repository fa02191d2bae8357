//! The watchdog of a raised topology: heals what a dead holder left. `FOLDER` is the run's folder, `/run-folder` by
//! default; `DOCKER_HOST` names the engine. It heals its own project alone, which it knows by its own container's labels.

use std::{env, io, path::PathBuf, time::Duration};

use engine::{Docker, Own as _, Thing};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Time between two attempts to reach the engine.
const AGAIN: Duration = Duration::from_secs(2);

#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let filter = EnvFilter::try_from_env("LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).init();
    let folder = env::var("FOLDER").unwrap_or_else(|_| "/run-folder".into());
    let folder = PathBuf::from(folder);
    let mut terminate = signal(SignalKind::terminate())?;
    let watching = async {
        let docker = connect().await;
        let project = own_project(&docker).await;
        tracing::info!(folder = %folder.display(), engine = docker.host(), project, "watching");
        chaos::watchdog::watch(&docker, &folder, &project).await
    };
    tokio::select! {
        never = watching => match never {},
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(())
}

/// The project of the container that this runs in, however long the engine takes to tell. What lies in the folder can't tell it:
/// that may have come from anywhere.
async fn own_project(docker: &Docker) -> String {
    // The engine names a container's host after its id.
    let id = env::var("HOSTNAME").unwrap_or_default();
    loop {
        match docker.owner(Thing::Container(&id)).await {
            Ok(Some(owner)) => match owner.project {
                Some(project) => return project,
                None => tracing::error!(id, "no project: what a dead holder leaves stays"),
            },
            Ok(None) => tracing::error!(id, "no such container: what a dead holder leaves stays"),
            Err(error) => tracing::error!(%error, "no project: what a dead holder leaves stays"),
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// The engine, however long it takes to answer.
async fn connect() -> Docker {
    loop {
        match Docker::connect().await {
            Ok(docker) => return docker,
            Err(error) => tracing::error!(%error, "no engine: what a dead holder leaves stays"),
        }
        tokio::time::sleep(AGAIN).await;
    }
}
