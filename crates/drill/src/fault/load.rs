//! Faults that come through the entrance: more users than the curve says, or abusers. Nobody is touched; the load
//! generator sends them.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A rate needs so long to be measured.
const SHORTEST_HOLD: Duration = Duration::from_secs(3);
/// What one generator can carry beside the curve's own users.
const MOST_USERS: u32 = 20_000;
/// What one generator can send on two cores without being late for its users.
const MOST_REQUESTS_PER_S: u32 = 5_000;
/// Abusers have numbers of their own, of which there are many more.
const MOST_CLIENTS: u32 = 1_000_000;

/// More legitimate users than the curve says: they behave as all users do, and are judged as all are. In a drill file:
/// `fault.surge = { users = 1000 }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Surge {
    /// How many come beside those of the curve, 1 to 20,000.
    pub users: u32,
}

/// Abusers who hammer one path and wait for nobody. What becomes of their requests is counted, and is no part of the
/// contract. In a drill file: `fault.flood = { requests_per_s = 500, clients = 3 }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flood {
    /// Of all of them together, 1 to 5,000.
    pub requests_per_s: u32,
    /// Names under which they come, in turn, 1 to 1,000,000: few are a runaway client, more than there are requests are
    /// abusers who take another name for each.
    pub clients: u32,
}

/// What a fault of the load asks of the generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pressure {
    /// More users.
    Surge(Surge),
    /// Abusers.
    Flood(Flood),
}

impl Pressure {
    /// What is wrong with its values, in words that complete "fault ".
    pub(super) fn mistake(self) -> Option<String> {
        match self {
            Self::Surge(Surge { users }) if !(1..=MOST_USERS).contains(&users) => Some(format!(
                "surge: {users} users are not within 1 to {MOST_USERS}"
            )),
            Self::Flood(flood) if !(1..=MOST_REQUESTS_PER_S).contains(&flood.requests_per_s) => {
                Some(format!(
                    "flood: requests_per_s {} is not within 1 to {MOST_REQUESTS_PER_S}",
                    flood.requests_per_s
                ))
            }
            Self::Flood(flood) if !(1..=MOST_CLIENTS).contains(&flood.clients) => Some(format!(
                "flood: {} clients are not within 1 to {MOST_CLIENTS}",
                flood.clients
            )),
            _ => None,
        }
    }

    /// What is wrong with holding it for so long, in words that complete "fault ".
    pub(crate) fn mistake_of_hold(self, hold: Duration) -> Option<String> {
        (hold < SHORTEST_HOLD).then(|| {
            format!("{self}: a hold of {hold:?} is below the {SHORTEST_HOLD:?} in which a rate can be measured")
        })
    }
}

impl std::fmt::Display for Pressure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Surge(Surge { users }) => f.pad(&format!("surge {users} users")),
            Self::Flood(flood) => f.pad(&format!("flood {}/s", flood.requests_per_s)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fault;

    #[test]
    fn values_out_of_range_are_mistakes_that_name_the_range() {
        for (line, expected) in [
            ("surge = { users = 0 }", "1 to 20000"),
            ("surge = { users = 20001 }", "1 to 20000"),
            ("flood = { requests_per_s = 0, clients = 3 }", "1 to 5000"),
            (
                "flood = { requests_per_s = 9, clients = 0 }",
                "1 to 1000000",
            ),
        ] {
            let fault: Fault = toml::from_str(line).unwrap();
            let mistake = fault.mistake().unwrap();
            assert!(mistake.contains(expected), "{mistake}");
        }
        for odd in ["surge = {}", "flood = { requests_per_s = 5, users = 3 }"] {
            assert!(toml::from_str::<Fault>(odd).is_err(), "{odd}");
        }
    }

    #[test]
    fn only_faults_of_the_load_press() {
        let fault: Fault = toml::from_str("surge = { users = 7 }").unwrap();
        assert_eq!(fault.pressure(), Some(Pressure::Surge(Surge { users: 7 })));
        assert_eq!(
            (fault.name(), fault.to_string().as_str()),
            ("surge", "surge 7 users")
        );
        assert_eq!(Fault::Pause {}.pressure(), None);
    }

    #[test]
    fn a_hold_must_leave_time_to_measure() {
        let surge = Pressure::Surge(Surge { users: 7 });
        assert!(surge.mistake_of_hold(Duration::from_secs(2)).is_some());
        assert_eq!(surge.mistake_of_hold(SHORTEST_HOLD), None);
    }
}
