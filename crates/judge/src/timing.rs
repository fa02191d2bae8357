//! Time without a good answer, to the resolution of the requests themselves and not of whole seconds.
//!
//! In the order in which they were due, each request of a class speaks for the time from half way to the one before it to
//! half way to the one after it; the first and the last speak for their inner half alone. Requests of one moment share its
//! time. What bad requests speak for is lost: a whole outage counts with its length in the mean, however few requests a
//! second there are, and a share of bad requests among many counts as that share of the time.

use timeline::Offset;

use crate::{slots::CLASSES, story::Stretch};

/// Lost time, and the longest time in which nothing was asked, of every class and share of the run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Timing {
    classes: [OfClass; CLASSES],
}

#[derive(Debug, Clone, Default)]
struct OfClass {
    now: Option<Moment>,
    /// Seconds by share.
    lost_s: Vec<f64>,
    /// Longest silence by share, in nanoseconds.
    silent_ns: Vec<u64>,
    /// Stretches that ended before the last moment.
    passed: usize,
}

/// Requests that were due at the same moment.
#[derive(Debug, Clone)]
struct Moment {
    due: Offset,
    /// Time since the moment before, in nanoseconds; 0 for the first.
    before_ns: u64,
    count: u32,
    /// Bad ones by share.
    bad: Vec<(usize, u32)>,
}

impl Timing {
    /// Takes a request of a class that falls to a share. They come in the order in which they were due.
    pub(crate) fn see(&mut self, class: usize, due: Offset, share: usize, bad: bool) {
        let of_class = &mut self.classes[class];
        of_class.come_to(due);
        let Some(now) = &mut of_class.now else { return };
        now.count += 1;
        if !bad {
            return;
        }
        match now.bad.iter_mut().find(|(of, _)| *of == share) {
            Some((_, count)) => *count += 1,
            None => now.bad.push((share, 1)),
        }
    }

    /// Notes the silence of a class since its request before, or since `begin`, before its request at `due` is taken. What
    /// belongs to a stretch counts for its episode, and the rest for the quiet time.
    pub(crate) fn hear(&mut self, class: usize, begin: Offset, due: Offset, stretches: &[Stretch]) {
        let of_class = &mut self.classes[class];
        let since = of_class.now.as_ref().map_or(begin, |now| now.due);
        let passed = &mut of_class.passed;
        while stretches.get(*passed).is_some_and(|s| s.until <= since) {
            *passed += 1;
        }
        for (share, from, until) in pieces(since, due, &stretches[*passed..]) {
            let longest = at(&mut of_class.silent_ns, share);
            *longest = (*longest).max(until.0 - from.0);
        }
    }

    /// Seconds that a class lost in a share, up to its last request.
    pub(crate) fn lost_s(&self, class: usize, share: usize) -> f64 {
        let of_class = &self.classes[class];
        let closed = of_class.lost_s.get(share).copied().unwrap_or(0.0);
        closed
            + of_class
                .now
                .as_ref()
                .map_or(0.0, |now| now.lost_s(share, 0))
    }

    /// Longest time of a share in which a class was not asked for, in seconds.
    pub(crate) fn silent_s(&self, class: usize, share: usize) -> f64 {
        let silent_ns = self.classes[class].silent_ns.get(share).copied();
        Offset(silent_ns.unwrap_or(0)).as_secs_f64()
    }
}

impl OfClass {
    /// Makes `due` the present moment.
    fn come_to(&mut self, due: Offset) {
        match &mut self.now {
            None => {
                self.now = Some(Moment {
                    due,
                    before_ns: 0,
                    count: 0,
                    bad: vec![],
                });
            }
            Some(now) if now.due < due => {
                let between_ns = due.0 - now.due.0;
                for (share, _) in &now.bad {
                    *at(&mut self.lost_s, *share) += now.lost_s(*share, between_ns);
                }
                now.bad.clear();
                (now.due, now.before_ns, now.count) = (due, between_ns, 0);
            }
            Some(_) => {}
        }
    }
}

impl Moment {
    /// Seconds that a share lost, when the next moment comes `after_ns` later.
    fn lost_s(&self, share: usize, after_ns: u64) -> f64 {
        let bad = self.bad.iter().find(|(of, _)| *of == share);
        let stretch_s = (self.before_ns as f64 + after_ns as f64) / 2e9;
        bad.map_or(0.0, |(_, bad)| {
            stretch_s * f64::from(*bad) / f64::from(self.count)
        })
    }
}

/// The parts of a time that belong to each share, with the share's number, its begin and its end. `stretches` are in order of
/// time and do not overlap; what lies outside them is quiet time, which is share 0.
pub(crate) fn pieces(
    from: Offset,
    until: Offset,
    stretches: &[Stretch],
) -> impl Iterator<Item = (usize, Offset, Offset)> {
    let met = stretches.iter().take_while(move |s| s.from < until);
    let met = met.map(move |s| (s.episode + 1, s.from.max(from), s.until.min(until)));
    // After the last stretch there is only quiet time.
    let met = met.chain([(0, until, until)]);
    let parts = met.scan(from, |quiet_from, (share, begins, ends)| {
        let quiet = (0, *quiet_from, begins);
        *quiet_from = ends.max(begins);
        Some([quiet, (share, begins, ends)])
    });
    parts.flatten().filter(|(_, from, until)| from < until)
}

/// The place of a share in a list that grows as shares come up.
fn at<T: Clone + Default>(by_share: &mut Vec<T>, share: usize) -> &mut T {
    if share >= by_share.len() {
        by_share.resize(share + 1, T::default());
    }
    &mut by_share[share]
}

#[cfg(test)]
mod tests {
    use super::*;
    use drill::derive_seed;
    use proptest::prelude::*;

    fn seconds(s: f64) -> Offset {
        Offset((s * 1e9) as u64)
    }

    /// Seconds lost by share, from due times in seconds, shares and whether they were bad.
    fn lost(requests: &[(f64, usize, bool)]) -> [f64; 2] {
        let mut timing = Timing::default();
        for (due, share, bad) in requests {
            timing.see(0, seconds(*due), *share, *bad);
        }
        [0, 1].map(|share| timing.lost_s(0, share))
    }

    #[test]
    fn a_request_speaks_for_half_the_way_to_its_neighbours() {
        let requests = [(0.0, 0, false), (1.0, 0, true), (4.0, 0, false)];
        assert_eq!(lost(&requests), [2.0, 0.0]);
    }

    #[test]
    fn the_first_and_the_last_speak_for_their_inner_half() {
        let requests = [(5.0, 0, true), (6.0, 0, false), (8.0, 0, true)];
        assert_eq!(lost(&requests), [1.5, 0.0]);
        assert_eq!(lost(&[(5.0, 0, true)]), [0.0, 0.0]);
    }

    #[test]
    fn requests_of_one_moment_share_its_time() {
        let requests = [
            (0.0, 0, false),
            (1.0, 0, true),
            (1.0, 1, true),
            (1.0, 0, false),
            (1.0, 0, false),
            (2.0, 0, false),
        ];
        assert_eq!(lost(&requests), [0.25, 0.25]);
    }

    #[test]
    fn the_longest_silence_is_told_for_each_episode_and_for_the_quiet_time() {
        let stretch = |from: f64, until: f64, episode| Stretch {
            from: seconds(from),
            until: seconds(until),
            episode,
        };
        let stretches = [stretch(10.0, 20.0, 1), stretch(20.0, 23.0, 0)];
        let mut timing = Timing::default();
        for due in [1.0, 2.0, 9.0, 13.0, 18.0, 30.0] {
            timing.hear(0, seconds(0.0), seconds(due), &stretches);
            timing.see(0, seconds(due), 0, false);
        }
        timing.hear(0, seconds(0.0), seconds(31.0), &stretches);
        // From 23 to 30 s it is quiet, the second episode has no request at all, and the first is silent from 13 to 18 s.
        let silent = [0, 1, 2].map(|share| timing.silent_s(0, share));
        assert_eq!(silent, [7.0, 3.0, 5.0]);
    }

    /// An outage of a second at a random phase of evenly spread requests with some jitter.
    fn measured_s(rate: f64, seed: u64) -> f64 {
        let random = |n: u64| derive_seed(seed, n) as f64 / u64::MAX as f64;
        let from = 20.0 + random(0);
        let mut timing = Timing::default();
        for n in 0..(40.0 * rate) as u64 {
            let due = (n as f64 + random(1) + 0.5 * random(2 + n)) / rate;
            timing.see(0, seconds(due), 0, (from..from + 1.0).contains(&due));
        }
        timing.lost_s(0, 0)
    }

    #[test]
    fn an_outage_of_a_second_measures_a_second_in_the_mean_at_any_rate() {
        for (rate, times) in [(1.0, 8000), (2.0, 6000), (10.0, 1000), (100.0, 100)] {
            let sum: f64 = (0..times).map(|seed| measured_s(rate, seed)).sum();
            let mean = sum / times as f64;
            assert!((mean - 1.0).abs() < 0.05, "{mean} s at {rate} a second");
        }
    }

    proptest! {
        #[test]
        fn a_share_of_bad_requests_is_that_share_of_the_time(every in 2_u64..50) {
            let requests: Vec<_> = (0..5000).map(|n: u64| (n as f64 / 100.0, 0, n % every == 1)).collect();
            let expected = 50.0 / every as f64;
            prop_assert!((lost(&requests)[0] - expected).abs() <= 0.02 * expected);
        }

        #[test]
        fn shares_add_up_and_nothing_is_lost_twice(
            mut requests in prop::collection::vec((0_u32..500, 0_usize..2, any::<bool>()), 0..200),
        ) {
            requests.sort_unstable();
            let due = |(tenth, share, bad): &(u32, usize, bool)| (f64::from(*tenth) / 10.0, *share, *bad);
            let requests: Vec<_> = requests.iter().map(due).collect();
            let as_one: Vec<_> = requests.iter().map(|(at, _, bad)| (*at, 0, *bad)).collect();
            let all_bad: Vec<_> = requests.iter().map(|(at, ..)| (*at, 0, true)).collect();
            let [first, second] = lost(&requests);
            prop_assert!((first + second - lost(&as_one)[0]).abs() < 1e-6);
            let span = requests.last().map_or(0.0, |last| last.0 - requests[0].0);
            prop_assert!((lost(&all_bad)[0] - span).abs() < 1e-6);
        }
    }
}
