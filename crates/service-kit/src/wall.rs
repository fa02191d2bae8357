//! The wall clock, for time stamps in answers and rows and for versions; never for measuring.
//!
//! Clocks of real machines are wrong now and then. So that a drill can show what that does, a file in the container's own
//! memory file system may say for how long the clock is off, and by how much: `<microseconds> <until>`, the second in
//! microseconds since the Unix epoch by the true clock. Only who can write there, inside the container, can do that.

use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

/// The file that says how wrong the clock is.
const WRONG: &str = "/dev/shm/wrong-clock";
/// How often it is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// How far the clock of this process is ahead of the true one, in microseconds.
static AHEAD_US: AtomicI64 = AtomicI64::new(0);

/// Milliseconds since the Unix epoch.
pub fn unix_ms() -> i64 {
    unix_us() / 1000
}

/// Microseconds since the Unix epoch.
pub fn unix_us() -> i64 {
    true_us().saturating_add(AHEAD_US.load(Ordering::Relaxed))
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place of the services that reads the wall clock"
)]
fn true_us() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    })
}

/// Goes wrong when the file says so, for as long as the process lives.
pub(crate) async fn go_wrong_when_told() {
    let mut looks = tokio::time::interval(LOOK_EVERY);
    loop {
        looks.tick().await;
        let told = std::fs::read_to_string(Path::new(WRONG)).unwrap_or_default();
        let ahead_us = ahead(&told, true_us());
        if AHEAD_US.swap(ahead_us, Ordering::Relaxed) != ahead_us {
            tracing::warn!(ahead_us, "the clock is off");
        }
    }
}

/// What the file says at `now_us` by the true clock; nothing when its time is over or it can't be understood.
fn ahead(told: &str, now_us: i64) -> i64 {
    let mut numbers = told.split_whitespace().map(str::parse::<i64>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(ahead_us)), Some(Ok(until_us))) if now_us < until_us => ahead_us,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_off_until_its_time_is_over() {
        assert_eq!(ahead("-90000000 2000\n", 1999), -90_000_000);
        assert_eq!(ahead("-90000000 2000\n", 2000), 0);
    }

    #[test]
    fn what_is_not_understood_leaves_the_clock_right() {
        for told in ["", "90", "a b", "90 soon", "9999999999999999999 5"] {
            assert_eq!(ahead(told, 1), 0, "{told:?}");
        }
    }
}
