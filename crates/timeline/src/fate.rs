//! What became of requests that press on the platform, and where they were stopped.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Arrival, Outcome};

/// Numbers of users from here on are those of abusers: no part of any promise, and counted apart.
pub const FIRST_ABUSER: u32 = 1 << 31;
/// Numbers of users from here on, below those of abusers, are those of steady probes: requests of a class that users make
/// too seldom to time its outages by. They are no part of any count or percentile of users.
pub const FIRST_PROBE: u32 = 1 << 30;
/// What the gateway answers to whoever sends too much; nobody else in the platform does.
const TOO_MANY_REQUESTS: u16 = 429;

/// Requests by what became of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Fates {
    /// Answered as they asked to be.
    pub let_through: u64,
    /// Refused with 429, at the gateway.
    pub limited: u64,
    /// Refused by another status, wherever.
    pub refused: u64,
    /// No answer, or half of one.
    pub unanswered: u64,
    /// Not sent in time, the generator's own fault.
    pub not_sent: u64,
}

impl Fates {
    /// Counts one more.
    pub fn add(&mut self, outcome: Outcome, status: u16) {
        let count = match outcome {
            Outcome::Ok
            | Outcome::Stale
            | Outcome::Repeated
            | Outcome::Wrong
            | Outcome::NotVisible
            | Outcome::Unobserved => &mut self.let_through,
            Outcome::Rejected if status == TOO_MANY_REQUESTS => &mut self.limited,
            Outcome::Rejected | Outcome::Failed => &mut self.refused,
            Outcome::Unreachable | Outcome::Broken | Outcome::TimedOut => &mut self.unanswered,
            Outcome::NotSent => &mut self.not_sent,
        };
        *count += 1;
    }

    /// All that were sent, and have ended.
    pub fn sent(&self) -> u64 {
        self.let_through + self.limited + self.refused + self.unanswered
    }
}

impl Arrival {
    /// Whether it is an abuser's.
    pub fn is_abuse(&self) -> bool {
        self.user >= FIRST_ABUSER
    }

    /// Whether it is a steady probe's.
    pub fn is_probe(&self) -> bool {
        (FIRST_PROBE..FIRST_ABUSER).contains(&self.user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_has_one_fate() {
        let mut fates = Fates::default();
        Outcome::ALL
            .iter()
            .for_each(|outcome| fates.add(*outcome, 0));
        fates.add(Outcome::Rejected, 429);
        let expected = Fates {
            let_through: 6,
            limited: 1,
            refused: 2,
            unanswered: 3,
            not_sent: 1,
        };
        assert_eq!(fates, expected);
        assert_eq!(fates.sent(), 12);
    }
}
