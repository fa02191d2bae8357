//! The watchdog of a raised topology: heals what a dead holder left. `FOLDER` is the run's folder, `/run-folder` by
//! default; `DOCKER_HOST` names the engine.

use std::{env, io, path::PathBuf, time::Duration};

use engine::Docker;
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
        tracing::info!(folder = %folder.display(), engine = docker.host(), "watching");
        chaos::watchdog::watch(&docker, &folder).await
    };
    tokio::select! {
        never = watching => match never {},
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(())
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
