//! All clocks of the machine at one moment, to tell a step of the wall clock and a suspended machine from time that passed.

use rustix::time::{ClockId, clock_gettime};
use timeline::ClockReading;

/// Between the first and the last clock of a reading no more than so much may pass: a thread that loses its processor in
/// between would look like a step.
const AT_ONE_MOMENT_NS: u64 = 1_000_000;
/// On a busy machine the best of so many attempts is taken.
const ATTEMPTS: usize = 5;

/// Reads the wall clock, the monotonic clock and the one that goes on while the machine is suspended, as near to one
/// moment as the machine allows.
pub fn read() -> ClockReading {
    let (mut best, mut took_ns) = attempt();
    for _ in 1..ATTEMPTS {
        if took_ns <= AT_ONE_MOMENT_NS {
            break;
        }
        let (reading, ns) = attempt();
        if ns < took_ns {
            (best, took_ns) = (reading, ns);
        }
    }
    best
}

/// A reading, and the nanoseconds that it took.
fn attempt() -> (ClockReading, u64) {
    let before_ns = nanoseconds(ClockId::Monotonic);
    let unix_ns = nanoseconds(ClockId::Realtime);
    let boottime_ns = nanoseconds(ClockId::Boottime);
    let after_ns = nanoseconds(ClockId::Monotonic);
    let took_ns = after_ns.saturating_sub(before_ns);
    let reading = ClockReading {
        unix_ns,
        monotonic_ns: before_ns + took_ns / 2,
        boottime_ns,
    };
    (reading, took_ns)
}

/// Nothing before the clock's zero is ever read: 0 stands for it.
fn nanoseconds(clock: ClockId) -> u64 {
    let now = clock_gettime(clock);
    let (seconds, rest) = (u64::try_from(now.tv_sec), u64::try_from(now.tv_nsec));
    match (seconds, rest) {
        (Ok(seconds), Ok(rest)) => seconds.saturating_mul(1_000_000_000).saturating_add(rest),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clocks_agree_on_what_passes_between_two_readings() {
        let (first, second) = (read(), read());
        assert!(second.monotonic_ns >= first.monotonic_ns);
        assert!(first.boottime_ns > 0 && first.suspended_ns() >= -1_000_000);
        // Far more than two readings take, far less than a step that matters would be.
        let moved = second.wall_ahead_ns() - first.wall_ahead_ns();
        assert!(moved.abs() < 50_000_000, "{moved} ns");
    }

    #[test]
    fn the_wall_clock_is_that_of_the_standard_library() {
        let apart = read().unix_ns.abs_diff(crate::unix_ns());
        assert!(apart < 1_000_000_000, "{apart} ns apart");
    }
}
