//! Live streams judged by time: how many of those who follow one have none that works.
//!
//! The generator notes for each follower from when to when it followed, and from when to when its stream said nothing in
//! time. Pings ask only now and then; a stream that is lost for a second is lost for a second, whenever its ping was due.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use timeline::{Offset, Span, SpanKind};

use crate::{figures::figure, story::Stretch, timing::pieces};

/// What followers of live streams went through.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct StreamFigures {
    /// Stays of followers.
    pub followers: u64,
    /// Times in which a follower had no working stream.
    pub gaps: u64,
    /// Share of the followers without a working stream, integrated over the load, in seconds.
    pub lost_s: f64,
    /// Length of all gaps, for each of the stays, in seconds.
    pub lost_mean_s: f64,
    /// Longest gap, in seconds.
    pub longest_gap_s: f64,
}

/// The streams of a run, by its shares: quiet time first, then one for each episode.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Streams {
    pub(crate) figures: StreamFigures,
    /// Share of the followers in a gap that began in it, integrated, in seconds.
    pub(crate) lost_s: Vec<f64>,
    /// What the spans do not tell of it, in seconds.
    pub(crate) resolution_s: Vec<f64>,
}

/// The time of the load, and what of it belongs to which episode.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times<'a> {
    pub(crate) begin: Offset,
    pub(crate) end: Offset,
    pub(crate) stretches: &'a [Stretch],
}

/// A moment at which the number of followers or of gaps changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Change {
    at: Offset,
    /// Share of a gap; none for a stay.
    gap: Option<usize>,
    /// Whether it begins.
    begins: bool,
}

/// The streams of a load; none where the recording does not tell how long anybody followed. `shares` is their number, and
/// `place` tells the share to which a gap belongs.
///
/// A silence shorter than a follower's patience is no gap, as a late answer is no failure: it is in the latency. What stays
/// untold is how long before the silence was noticed its stream was gone, in the mean, and any time without a follower.
pub(crate) fn streams(
    spans: &[Span],
    shares: usize,
    times: Times<'_>,
    place: impl Fn(&Span) -> usize,
) -> Option<Streams> {
    let of = |kind: SpanKind| spans.iter().filter(move |span| span.kind == kind);
    let followers = of(SpanKind::Stay).count() as u64;
    if followers == 0 {
        return None;
    }
    let within = |span: &Span| (span.from.max(times.begin), span.until.min(times.end));
    let mut changes = vec![];
    for span in spans {
        let ((from, until), gap) = (
            within(span),
            (span.kind == SpanKind::Gap).then(|| place(span)),
        );
        let change = |at, begins| Change { at, gap, begins };
        if from < until {
            changes.extend([change(from, true), change(until, false)]);
        }
    }
    changes.sort_unstable();
    let mut sweep = Sweep::new(shares, times);
    changes.iter().for_each(|change| sweep.take(*change));
    sweep.pass(times.end);
    let lengths = of(SpanKind::Gap).map(|gap| {
        let (from, until) = within(gap);
        until.since(from).as_secs_f64()
    });
    let lengths: Vec<f64> = lengths.collect();
    Some(Streams {
        figures: StreamFigures {
            followers,
            gaps: lengths.len() as u64,
            lost_s: figure(sweep.lost_s.iter().sum()),
            lost_mean_s: figure(lengths.iter().sum::<f64>() / followers as f64),
            longest_gap_s: figure(lengths.into_iter().fold(0.0, f64::max)),
        },
        resolution_s: resolution(of(SpanKind::Gap), &sweep.alone_s, place),
        lost_s: sweep.lost_s,
    })
}

/// For each share the mean time between the earliest begin of its gaps and the sure one, and the longest time in which nobody
/// followed anything.
fn resolution<'a>(
    gaps: impl Iterator<Item = &'a Span>,
    alone_s: &[f64],
    place: impl Fn(&Span) -> usize,
) -> Vec<f64> {
    let mut unsure = vec![(0.0, 0_u64); alone_s.len()];
    for gap in gaps {
        if let Some((sum, count)) = unsure.get_mut(place(gap)) {
            *sum += gap.sure.since(gap.from).as_secs_f64();
            *count += 1;
        }
    }
    let mean = |(sum, count): (f64, u64)| sum / count.max(1) as f64;
    let both = unsure.into_iter().zip(alone_s);
    both.map(|(unsure, alone)| mean(unsure) + alone).collect()
}

/// Passes through the changes in order of time.
struct Sweep<'a> {
    times: Times<'a>,
    now: Offset,
    following: u64,
    /// Gaps by share.
    gaps: Vec<u64>,
    lost_s: Vec<f64>,
    /// Longest time without a follower, by share.
    alone_s: Vec<f64>,
}

impl<'a> Sweep<'a> {
    fn new(shares: usize, times: Times<'a>) -> Self {
        Self {
            times,
            now: times.begin,
            following: 0,
            gaps: vec![0; shares],
            lost_s: vec![0.0; shares],
            alone_s: vec![0.0; shares],
        }
    }

    fn take(&mut self, change: Change) {
        self.pass(change.at);
        let count = match change.gap {
            None => Some(&mut self.following),
            Some(share) => self.gaps.get_mut(share),
        };
        if let Some(count) = count {
            *count = if change.begins {
                *count + 1
            } else {
                count.saturating_sub(1)
            };
        }
    }

    fn pass(&mut self, until: Offset) {
        let (from, passed_s) = (self.now, until.since(self.now).as_secs_f64());
        self.now = self.now.max(until);
        // A gap lies within a stay; should one be told wrongly, the share stays one.
        let all_gaps: u64 = self.gaps.iter().sum();
        let following = self.following.max(all_gaps);
        if following == 0 {
            for (share, from, until) in pieces(from, until, self.times.stretches) {
                if let Some(alone) = self.alone_s.get_mut(share) {
                    *alone = alone.max(until.since(from).as_secs_f64());
                }
            }
            return;
        }
        if all_gaps > 0 {
            for (lost, gaps) in self.lost_s.iter_mut().zip(&self.gaps) {
                *lost += passed_s * *gaps as f64 / following as f64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: f64) -> Offset {
        Offset((seconds * 1e9) as u64)
    }

    fn span(kind: SpanKind, from: f64, sure: f64, until: f64) -> Span {
        Span {
            user: 1,
            kind,
            from: at(from),
            sure: at(sure),
            until: at(until),
        }
    }

    fn stay(from: f64, until: f64) -> Span {
        span(SpanKind::Stay, from, from, until)
    }

    /// A load of 100 s, whose only episode lasts from 10 to 50 s.
    fn judged(spans: &[Span]) -> Option<Streams> {
        let stretches = [Stretch {
            from: at(10.0),
            until: at(50.0),
            episode: 0,
        }];
        let times = Times {
            begin: at(0.0),
            end: at(100.0),
            stretches: &stretches,
        };
        streams(spans, 2, times, |gap| {
            usize::from((at(10.0)..at(50.0)).contains(&gap.from))
        })
    }

    #[test]
    fn half_of_the_followers_without_a_stream_lose_half_of_the_time() {
        let gap = span(SpanKind::Gap, 20.0, 21.0, 24.0);
        let streams = judged(&[gap, stay(0.0, 100.0), stay(0.0, 100.0)]).unwrap();
        assert_eq!(streams.lost_s, [0.0, 2.0]);
        assert_eq!(streams.resolution_s, [0.0, 1.0]);
        let expected = StreamFigures {
            followers: 2,
            gaps: 1,
            lost_s: 2.0,
            lost_mean_s: 2.0,
            longest_gap_s: 4.0,
        };
        assert_eq!(streams.figures, expected);
    }

    #[test]
    fn a_gap_belongs_to_the_episode_in_which_it_began() {
        let gap = span(SpanKind::Gap, 49.0, 49.0, 60.0);
        let streams = judged(&[gap, stay(0.0, 100.0)]).unwrap();
        assert_eq!(streams.lost_s, [0.0, 11.0]);
    }

    #[test]
    fn time_without_a_follower_is_untold_and_not_lost() {
        let streams = judged(&[stay(0.0, 30.0), stay(45.0, 70.0)]).unwrap();
        assert_eq!(streams.lost_s, [0.0, 0.0]);
        assert_eq!(streams.resolution_s, [30.0, 15.0]);
    }

    #[test]
    fn a_recording_without_stays_is_not_judged_by_them() {
        assert_eq!(judged(&[]), None);
        assert_eq!(judged(&[span(SpanKind::Gap, 20.0, 21.0, 24.0)]), None);
    }

    proptest! {
        #[test]
        fn no_more_is_lost_than_there_is_time_and_a_further_gap_never_helps(
            gaps in prop::collection::vec((0.0..100.0_f64, 0.0..30.0_f64), 1..30),
        ) {
            let mut spans: Vec<_> = gaps.iter().map(|_| stay(0.0, 100.0)).collect();
            let mut before = 0.0;
            for (from, lasts) in gaps {
                spans.push(span(SpanKind::Gap, from, from, from + lasts));
                let lost = judged(&spans).unwrap().figures.lost_s;
                prop_assert!(lost >= before - 1e-5 && lost <= 100.0);
                before = lost;
            }
        }
    }
}
