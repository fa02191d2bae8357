//! A tiny platform on a port of its own, and a generator that loads it.

mod pages;
mod plan;
mod platform;

pub(crate) use plan::{Shape, generator, get, plan, record, record_spans};
pub(crate) use platform::{Mode, Platform};

use std::time::Duration;

/// Waits until `is_so`, for ten seconds at most.
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !is_so().await {
            // Looks again; the deadline around it decides.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(10), waiting).await;
    waited.unwrap_or_else(|_| panic!("{what}: not within 10 s"));
}
