//! Stopping in two steps: first the admin port says that we are leaving, so that load balancers send nothing
//! new, and only then connections are closed.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The two steps, shared by everything that must stop. Copies agree.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    /// Cancelled first: still serving, no longer ready.
    pub draining: CancellationToken,
    /// Cancelled second: finish what is in flight and end.
    pub closing: CancellationToken,
}

impl Shutdown {
    /// Runs both steps with `drain` between them.
    pub async fn begin(&self, drain: Duration) {
        self.draining.cancel();
        tokio::time::sleep(drain).await;
        self.closing.cancel();
    }

    /// Begins at the first SIGTERM or SIGINT.
    pub async fn on_signal(self, drain: Duration) -> std::io::Result<()> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!(?drain, "draining");
        self.begin(drain).await;
        tracing::info!("closing");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn closing_follows_draining_after_the_drain_time() {
        let shutdown = Shutdown::default();
        let began = tokio::time::Instant::now();
        let other = shutdown.clone();
        tokio::spawn(async move { other.begin(Duration::from_secs(2)).await });
        shutdown.draining.cancelled().await;
        assert!(!shutdown.closing.is_cancelled());
        shutdown.closing.cancelled().await;
        assert_eq!(began.elapsed(), Duration::from_secs(2));
    }
}
