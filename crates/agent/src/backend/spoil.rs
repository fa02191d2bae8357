//! What becomes of a packet: a pure function of the order, the seed, and the packets of its flow before it.

use std::{collections::HashMap, time::Duration};

use rand::{RngExt, SeedableRng, rngs::StdRng};

use crate::{
    Effect,
    packet::{Packet, Question, answer, refusal},
};

/// Flows that are remembered; beyond that all begin anew, which bounds the memory.
const MOST_FLOWS: usize = 65_536;
/// The longest that a packet waits for a slow link before it is dropped.
const ROOM: Duration = Duration::from_millis(500);

/// What becomes of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nothing.
    Pass,
    /// It disappears.
    Drop,
    /// It goes on at this time since the fault began.
    Hold(Duration),
    /// It goes on, and a copy with it.
    Twice,
    /// It goes on with this bit of its payload flipped, and its checksum mended if so.
    Flip { bit: usize, mend: bool },
    /// It disappears, and its sender gets this instead.
    Answer(Vec<u8>),
}

/// Decides for each packet.
#[derive(Debug)]
pub(super) struct Spoiler {
    effect: Effect,
    seed: u64,
    flows: HashMap<u64, Flow>,
    /// When the link is free again: out, in.
    free: [Duration; 2],
}

/// What is remembered of one direction of one conversation.
#[derive(Debug)]
struct Flow {
    random: StdRng,
    /// Whether packets are being lost, in the burst model.
    bad: bool,
    /// The latest release so far.
    last: Duration,
}

impl Spoiler {
    pub(super) fn new(effect: &Effect, seed: u64) -> Self {
        Self {
            effect: effect.clone(),
            seed,
            flows: HashMap::new(),
            free: [Duration::ZERO; 2],
        }
    }

    /// Decides at `now`, the time since the fault began.
    pub(super) fn decide(&mut self, packet: &Packet<'_>, inward: bool, now: Duration) -> Fate {
        if self.flows.len() >= MOST_FLOWS {
            self.flows.clear();
        }
        let (key, seed) = (packet.flow(inward), self.seed);
        let flow = self
            .flows
            .entry(key)
            .or_insert_with(|| Flow::new(seed, key, &self.effect));
        let mut hit = |percent: f64| flow.random.random_bool(percent / 100.0);
        match &self.effect {
            Effect::Delay { latency, jitter } => {
                let spread = jitter.as_secs_f64();
                let shift = if jitter.is_zero() {
                    0.0
                } else {
                    flow.random.random_range(-spread..=spread)
                };
                let held = Duration::from_secs_f64((latency.as_secs_f64() + shift).max(0.0));
                flow.last = flow.last.max(now + held);
                Fate::Hold(flow.last)
            }
            Effect::Loss {
                percent,
                burst: None,
            } if hit(*percent) => Fate::Drop,
            Effect::Loss {
                percent,
                burst: Some(burst),
            } => {
                // Evaluated before the step: the first packet is in the state that was drawn for it.
                let lost = flow.bad;
                flow.step(percent / 100.0, *burst);
                if lost { Fate::Drop } else { Fate::Pass }
            }
            Effect::Duplicate { percent } if hit(*percent) => Fate::Twice,
            Effect::Reorder { percent, by } if hit(*percent) => Fate::Hold(now + *by),
            Effect::Corrupt { percent, mend } if hit(*percent) => Fate::Flip {
                bit: flow.random.random_range(0..usize::MAX),
                mend: *mend,
            },
            Effect::Rate { bytes_per_s } => {
                self.carry(*bytes_per_s, packet.bytes.len(), inward, now)
            }
            Effect::Partition {} => Fate::Drop,
            Effect::Reject {} => refusal(packet).map_or(Fate::Drop, Fate::Answer),
            Effect::Dns {
                answer: with,
                names,
            } => match Question::read(packet) {
                Some(question) if question.is_about(names) => {
                    answer(packet, &question, *with).map_or(Fate::Drop, Fate::Answer)
                }
                _ => Fate::Pass,
            },
            _ => Fate::Pass,
        }
    }

    /// A link that carries one packet after the other.
    fn carry(&mut self, bytes_per_s: u64, bytes: usize, inward: bool, now: Duration) -> Fate {
        let free = &mut self.free[usize::from(inward)];
        let begin = now.max(*free);
        if begin - now > ROOM {
            return Fate::Drop;
        }
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        *free =
            begin + Duration::from_secs(1) * bytes / u32::try_from(bytes_per_s).unwrap_or(u32::MAX);
        Fate::Hold(*free)
    }
}

impl Flow {
    fn new(seed: u64, key: u64, effect: &Effect) -> Self {
        // An odd factor spreads neighbouring flows over all seeds (Knuth's multiplicative hashing).
        let mut random = StdRng::seed_from_u64(seed ^ key.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let share = match effect {
            Effect::Loss {
                percent,
                burst: Some(_),
            } => percent / 100.0,
            _ => 0.0,
        };
        let bad = random.random_bool(share);
        Self {
            random,
            bad,
            last: Duration::ZERO,
        }
    }

    /// Gilbert's two states: leaving the bad one after `burst` packets in the mean, and entering it as often as makes
    /// the mean loss `share` (Gilbert 1960; the same as netem's `gemodel` with 1-h = 1 and 1-k = 0).
    fn step(&mut self, share: f64, burst: f64) {
        let leave = 1.0 / burst;
        let enter = (leave * share / (1.0 - share)).min(1.0);
        let change = if self.bad { leave } else { enter };
        self.bad ^= self.random.random_bool(change);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::tests::udp;

    const MS: Duration = Duration::from_millis(1);

    /// The fates of so many packets of one flow, a millisecond apart.
    fn fates(effect: &str, seed: u64, count: u32) -> Vec<Fate> {
        let effect: Effect = serde_json::from_str(effect).unwrap();
        let (mut spoiler, bytes) = (Spoiler::new(&effect, seed), udp(&[0; 72]));
        let packet = Packet::read(&bytes).unwrap();
        (0..count)
            .map(|n| spoiler.decide(&packet, true, MS * n))
            .collect()
    }

    fn share(fates: &[Fate], of: impl Fn(&Fate) -> bool) -> f64 {
        let hit = fates.iter().filter(|fate| of(fate)).count();
        hit as f64 / fates.len() as f64
    }

    #[test]
    fn shares_are_as_asked_and_replay_with_the_seed() {
        let loss = r#"{"loss":{"percent":10}}"#;
        let lost = fates(loss, 1, 50_000);
        assert!((share(&lost, |fate| *fate == Fate::Drop) - 0.1).abs() < 0.005);
        assert_eq!(lost, fates(loss, 1, 50_000));
        assert_ne!(lost, fates(loss, 2, 50_000));
        let twice = fates(r#"{"duplicate":{"percent":5}}"#, 1, 50_000);
        assert!((share(&twice, |fate| *fate == Fate::Twice) - 0.05).abs() < 0.005);
        for (percent, expected) in [("0", 0.0), ("100", 1.0)] {
            let fates = fates(&format!(r#"{{"loss":{{"percent":{percent}}}}}"#), 1, 1000);
            assert!((share(&fates, |fate| *fate == Fate::Drop) - expected).abs() < f64::EPSILON);
        }
    }

    #[test]
    fn bursts_have_the_mean_and_the_length_asked_for() {
        let fates = fates(r#"{"loss":{"percent":10,"burst":4}}"#, 3, 200_000);
        assert!((share(&fates, |fate| *fate == Fate::Drop) - 0.1).abs() < 0.01);
        let bursts = fates
            .windows(2)
            .filter(|pair| pair[0] == Fate::Pass && pair[1] == Fate::Drop)
            .count();
        let length = share(&fates, |fate| *fate == Fate::Drop) * 200_000.0 / bursts as f64;
        assert!((length - 4.0).abs() < 0.2, "{length}");
    }

    #[test]
    fn jitter_keeps_the_order_of_a_flow() {
        let fates = fates(r#"{"delay":{"latency":"50ms","jitter":"20ms"}}"#, 1, 2000);
        let mut last = Duration::ZERO;
        for (n, fate) in (0..).zip(fates) {
            let Fate::Hold(until) = fate else {
                panic!("{fate:?}")
            };
            assert!(
                until >= last && until >= MS * (n + 30),
                "{until:?} of packet {n}"
            );
            last = until;
        }
        let one = fates_of_one_delay();
        assert_eq!(one, Fate::Hold(MS * 50));
    }

    fn fates_of_one_delay() -> Fate {
        fates(r#"{"delay":{"latency":"50ms"}}"#, 1, 1).remove(0)
    }

    #[test]
    fn a_link_carries_its_rate_and_drops_what_does_not_fit() {
        // 100 bytes each millisecond are ten times what the link carries.
        let fates = fates(r#"{"rate":{"bytes_per_s":10000}}"#, 1, 2000);
        let carried = share(&fates, |fate| matches!(fate, Fate::Hold(_))) * 2000.0;
        assert!(
            (carried - 250.0).abs() < 10.0,
            "{carried} in 2 s and half a second of room"
        );
        assert_eq!(fates[0], Fate::Hold(MS * 10));
        assert_eq!(fates[1], Fate::Hold(MS * 20));
    }

    #[test]
    fn a_query_about_another_name_passes() {
        let fates = fates(r#"{"dns":{"answer":"timeout","names":["api"]}}"#, 1, 1);
        assert_eq!(fates, [Fate::Pass]);
    }
}
