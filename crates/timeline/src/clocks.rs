//! What was read of the machine's clocks, and by whom.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The clocks of one machine, read at one moment. Containers share the clocks of their kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockReading {
    /// The wall clock, in nanoseconds since the Unix epoch. It steps when somebody sets it.
    pub unix_ns: u64,
    /// The monotonic clock, in nanoseconds since a moment before the machine's start. It never steps, and stands still
    /// while the machine is suspended.
    pub monotonic_ns: u64,
    /// The same, but it goes on while the machine is suspended.
    pub boottime_ns: u64,
}

impl ClockReading {
    /// How far the wall clock is ahead of the time since the machine's start, in nanoseconds: the same at all times
    /// unless the wall clock is set. Time in suspension is on both.
    pub fn wall_ahead_ns(&self) -> i128 {
        i128::from(self.unix_ns) - i128::from(self.boottime_ns)
    }

    /// For how long the machine has been suspended since its start, in nanoseconds.
    pub fn suspended_ns(&self) -> i128 {
        i128::from(self.boottime_ns) - i128::from(self.monotonic_ns)
    }
}

/// Who reads clocks for the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Instrument {
    /// The controller, whose clock is the timeline's.
    Controller,
    /// The load generator, which times the arrivals.
    Generator,
    /// The observer, which times the sightings.
    Observer,
}

impl Instrument {
    /// The word for reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Controller => "controller",
            Self::Generator => "generator",
            Self::Observer => "observer",
        }
    }
}

/// The controller asked an instrument for its clocks. What it read lies between the question and the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClocksCompared {
    /// The instrument.
    pub of: Instrument,
    /// What the instrument read.
    #[serde(flatten)]
    pub read: ClockReading,
    /// What the controller had read itself when it asked.
    pub own: ClockReading,
    /// From the question to the answer.
    pub round_trip: Duration,
}

impl ClocksCompared {
    /// How far the instrument's wall clock is ahead of the controller's, in nanoseconds; negative when it is behind. What
    /// the round trip explains is taken off, so a clock that may agree is 0 apart.
    pub fn apart_ns(&self) -> i128 {
        let asked = i128::from(self.own.unix_ns);
        let answered = asked.saturating_add_unsigned(self.round_trip.as_nanos());
        let read = i128::from(self.read.unix_ns);
        match read {
            read if read < asked => read - asked,
            read if read > answered => read - answered,
            _ => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(unix_ns: u64) -> ClockReading {
        ClockReading {
            unix_ns,
            monotonic_ns: 30,
            boottime_ns: 40,
        }
    }

    #[test]
    fn what_the_round_trip_explains_is_no_distance() {
        let compared = |read| ClocksCompared {
            of: Instrument::Observer,
            read: reading(read),
            own: reading(1000),
            round_trip: Duration::from_nanos(10),
        };
        for (read, apart_ns) in [(1000, 0), (1010, 0), (1011, 1), (999, -1), (0, -1000)] {
            assert_eq!(compared(read).apart_ns(), apart_ns, "{read}");
        }
    }

    #[test]
    fn differences_of_clocks_may_be_negative() {
        assert_eq!(reading(10).wall_ahead_ns(), -30);
        assert_eq!(reading(10).suspended_ns(), 10);
    }

    #[test]
    fn a_comparison_is_one_flat_object() {
        let compared = ClocksCompared {
            of: Instrument::Generator,
            read: reading(5),
            own: reading(4),
            round_trip: Duration::from_millis(1),
        };
        let json = serde_json::to_string(&compared).unwrap();
        assert!(
            json.starts_with(r#"{"of":"generator","unix_ns":5,"#),
            "{json}"
        );
        assert_eq!(
            serde_json::from_str::<ClocksCompared>(&json).unwrap(),
            compared
        );
    }
}
