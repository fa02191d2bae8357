//! The share of the packets that a fault hit, as its proof: when it is told, and from when on it says how much.

use std::time::Duration;

use crate::{Effect, Event, Figures};

/// Packets are counted for at least so long.
pub(super) const COUNTED: Duration = Duration::from_secs(2);
/// Where none was hit by then, it is waited for one until now: of eight packets that may each be lost by 20 %, none is
/// once in six times. The controller waits for 8 s.
const PATIENCE: Duration = Duration::from_secs(7);
/// The controller wants four fifths of what was asked for: the fifth is to be so many standard deviations, which a
/// share of independent packets exceeds once in 30,000 times.
const DEVIATIONS: f64 = 4.0;
/// Of the share that was asked for.
const TOLERANCE: f64 = 0.2;

/// What is asked of a share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share {
    percent: Option<f64>,
    /// Mean packets that are hit in a row.
    burst: f64,
}

impl Share {
    pub(super) fn new(effect: &Effect) -> Self {
        let burst = match effect {
            Effect::Loss { burst, .. } => burst.unwrap_or(1.0),
            _ => 1.0,
        };
        Self {
            percent: effect.percent(),
            burst: burst.max(1.0),
        }
    }

    /// Whether it is told after so long.
    pub(super) fn is_told(self, figures: &Figures, waited: Duration) -> bool {
        waited >= PATIENCE || waited >= COUNTED && figures.affected > 0
    }

    /// What the fault did to the packets so far: proof for the effects that a connect does not show.
    pub(super) fn event(self, figures: &Figures) -> Event {
        let Figures {
            packets, affected, ..
        } = *figures;
        let seen = match packets {
            0 => 0.0,
            packets => 100.0 * affected as f64 / packets as f64,
        };
        Event::Measured {
            what: format!("packets hit, of {packets}"),
            expected: self.percent.filter(|_| self.is_enough(packets)),
            seen,
            unit: "%".into(),
        }
    }

    /// Whether so many packets say how much is hit. Fewer say only that the fault bites.
    fn is_enough(self, packets: u64) -> bool {
        let share = self.percent.unwrap_or(0.0) / 100.0;
        // Hits in a row tell less than hits apart: the variance of a two-state chain is up to so many times the coin's.
        let inflated = 2.0 * self.burst - 1.0;
        let hits = packets as f64 * share;
        packets > 0 && hits >= (DEVIATIONS / TOLERANCE).powi(2) * (1.0 - share) * inflated
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(packets: u64, affected: u64) -> Figures {
        Figures {
            packets,
            affected,
            ..Figures::default()
        }
    }

    fn loss(percent: f64, burst: Option<f64>) -> Share {
        Share::new(&Effect::Loss { percent, burst })
    }

    fn expected(share: Share, figures: &Figures) -> Option<f64> {
        match share.event(figures) {
            Event::Measured { expected, .. } => expected,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_coin_that_fell_well_eight_times_is_thrown_again_and_not_for_ever() {
        let share = loss(20.0, None);
        assert!(!share.is_told(&figures(8, 0), COUNTED));
        assert!(!share.is_told(&figures(30, 4), COUNTED - Duration::from_millis(1)));
        assert!(share.is_told(&figures(9, 1), COUNTED));
        assert!(share.is_told(&figures(0, 0), PATIENCE));
    }

    #[test]
    fn a_few_packets_say_that_it_bites_and_many_say_how_much() {
        assert_eq!(expected(loss(20.0, None), &figures(1_599, 300)), None);
        assert_eq!(expected(loss(20.0, None), &figures(1_600, 300)), Some(20.0));
        assert_eq!(expected(loss(1.0, None), &figures(5_000, 50)), None);
        assert_eq!(expected(loss(20.0, Some(5.0)), &figures(1_600, 300)), None);
    }

    #[test]
    fn what_hits_every_packet_is_held_to_the_first_one() {
        let whole = Share::new(&Effect::Partition {});
        assert_eq!(expected(whole, &figures(1, 0)), Some(100.0));
        assert_eq!(expected(whole, &figures(0, 0)), None);
    }
}
