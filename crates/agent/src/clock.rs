//! The agent's own monotonic clock. It runs alone in another container's namespaces, so it shares no run's clock:
//! everything here is a duration.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Now.
#[expect(
    clippy::disallowed_methods,
    reason = "the agent's one place that reads the monotonic clock"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The wall clock since the Unix epoch: only for the stop dates of rules, which the kernel compares with it.
#[expect(
    clippy::disallowed_methods,
    reason = "the agent's one place that reads the wall clock"
)]
pub(crate) fn wall() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
