//! The observer of a running platform. `LISTEN` is where it answers, `0.0.0.0:7100` by default.

use std::{env, io};

use probe::{Ports, serve};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
};
use tracing_subscriber::EnvFilter;

// One thread: all it does is wait for others, and it must not take a core from what it observes.
#[tokio::main(flavor = "current_thread")]
async fn main() -> io::Result<()> {
    let filter = EnvFilter::try_from_env("LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().with_env_filter(filter).init();
    let listen = env::var("LISTEN").unwrap_or_else(|_| "0.0.0.0:7100".into());
    let listener = TcpListener::bind(&listen).await?;
    tracing::info!(%listen, "observing");
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        () = serve(listener, Ports::default()) => {}
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    Ok(())
}
