//! Figures of samples, and how far chance alone may carry them.

use agent::measure::Sample;

/// The value that a normal variable stays within 99 % of the time, in standard deviations.
const Z_99: f64 = 2.576;

/// Times until the first answer in milliseconds, in order of size.
pub(crate) fn times_ms(samples: &[Sample]) -> Vec<f64> {
    let mut times: Vec<_> = samples
        .iter()
        .filter_map(|sample| Some(sample.rtt_us? as f64 / 1e3))
        .collect();
    times.sort_by(f64::total_cmp);
    times
}

/// The time below which a share of the answered questions lies; infinite when none was answered.
pub(crate) fn quantile_ms(samples: &[Sample], share: f64) -> f64 {
    let times = times_ms(samples);
    let place = (times.len() as f64 * share) as usize;
    times
        .get(place.min(times.len().saturating_sub(1)))
        .copied()
        .unwrap_or(f64::INFINITY)
}

/// Mean and standard deviation in milliseconds.
pub(crate) fn spread_ms(samples: &[Sample]) -> (f64, f64) {
    let times = times_ms(samples);
    let count = times.len().max(1) as f64;
    let mean = times.iter().sum::<f64>() / count;
    let squares: f64 = times.iter().map(|time| (time - mean).powi(2)).sum();
    (mean, (squares / count).sqrt())
}

/// The share of samples that are like this, in percent.
pub(crate) fn percent(samples: &[Sample], like: impl Fn(&Sample) -> bool) -> f64 {
    let like = samples.iter().filter(|sample| like(sample)).count();
    like as f64 * 100.0 / samples.len().max(1) as f64
}

/// Half the width of the 99 % interval of a share of so many packets, in percentage points. `memory` is what consecutive
/// packets have in common, from 0.
pub(crate) fn chance(percent: f64, count: usize, memory: f64) -> f64 {
    let share = percent / 100.0;
    let inflated = (1.0 + memory) / (1.0 - memory);
    Z_99 * (share * (1.0 - share) / count as f64 * inflated).sqrt() * 100.0
}

/// Mean number of unanswered questions in a row, and how many such rows there are.
pub(crate) fn bursts(samples: &[Sample]) -> (f64, usize) {
    let lost: Vec<_> = samples
        .iter()
        .map(|sample| sample.rtt_us.is_none())
        .collect();
    let begins = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count()
        + usize::from(lost.first() == Some(&true));
    let all = lost.iter().filter(|lost| **lost).count();
    (all as f64 / begins.max(1) as f64, begins)
}

/// Half the width of the 99 % interval of a mean length of bursts, which are geometric.
pub(crate) fn chance_of_length(length: f64, bursts: usize) -> f64 {
    Z_99 * (length * (length - 1.0) / bursts.max(1) as f64).sqrt()
}

/// The share of answers that came after the answer to a later question, in percent.
pub(crate) fn overtaken_percent(samples: &[Sample]) -> f64 {
    let (mut overtaken, mut earliest) = (0, u64::MAX);
    for sample in samples.iter().rev() {
        if let Some(rtt_us) = sample.rtt_us {
            let arrived = sample.at_us + rtt_us;
            overtaken += u32::from(arrived > earliest);
            earliest = earliest.min(arrived);
        }
    }
    f64::from(overtaken) * 100.0 / samples.len().max(1) as f64
}

/// Bytes of IP packets that came back per second, between the first answer and the last.
pub(crate) fn bytes_per_s(samples: &[Sample], bytes_each: usize) -> f64 {
    let arrived: Vec<_> = samples
        .iter()
        .filter_map(|sample| Some(sample.at_us + sample.rtt_us?))
        .collect();
    let (first, last) = (arrived.iter().min(), arrived.iter().max());
    let took_us = last
        .zip(first)
        .map_or(0, |(last, first)| last - first)
        .max(1);
    let carried = arrived.len().saturating_sub(1) * bytes_each;
    carried as f64 * 1e6 / took_us as f64
}

/// Milliseconds from the kill to the first question from which on none was spoiled any more; 0 when that is the first one
/// after the kill, infinite when the last one still was.
pub(crate) fn gone_after_ms(
    samples: &[Sample],
    killed_us: u64,
    spoiled: impl Fn(&Sample) -> bool,
) -> f64 {
    let after: Vec<_> = samples
        .iter()
        .filter(|sample| sample.at_us > killed_us)
        .collect();
    let last = after.iter().rposition(|sample| spoiled(sample));
    let first_good = last.map_or(0, |last| last + 1);
    after
        .get(first_good)
        .map_or(f64::INFINITY, |good| (good.at_us - killed_us) as f64 / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Questions a millisecond apart, by when they were answered.
    fn samples(answered_us: &[Option<u64>]) -> Vec<Sample> {
        let sample = |(number, rtt_us): (u64, &Option<u64>)| Sample {
            at_us: number * 1000,
            rtt_us: *rtt_us,
            ..Sample::default()
        };
        (0..).zip(answered_us).map(sample).collect()
    }

    #[test]
    fn a_fault_is_gone_with_the_first_of_only_good_answers() {
        let lost = |sample: &Sample| sample.rtt_us.is_none();
        let seen = samples(&[None, None, Some(1), None, Some(1), Some(1)]);
        assert_eq!(gone_after_ms(&seen, 500, lost), 3.5);
        assert_eq!(gone_after_ms(&seen, 3500, lost), 0.5);
        assert_eq!(
            gone_after_ms(&samples(&[Some(1), None]), 500, lost),
            f64::INFINITY
        );
        assert_eq!(
            gone_after_ms(&seen, 9000, lost),
            f64::INFINITY,
            "nothing was asked after the kill"
        );
    }

    #[test]
    fn bursts_are_counted_from_the_first_packet_on() {
        let seen = samples(&[None, None, Some(1), None, Some(1)]);
        assert_eq!(bursts(&seen), (1.5, 2));
        assert_eq!(bursts(&samples(&[])), (0.0, 0));
    }

    #[test]
    fn an_answer_is_overtaken_by_a_later_questions_answer() {
        assert_eq!(
            overtaken_percent(&samples(&[Some(5000), Some(100), Some(100), None])),
            25.0
        );
        assert_eq!(overtaken_percent(&samples(&[Some(100), Some(100)])), 0.0);
    }

    #[test]
    fn chance_shrinks_with_the_count_and_grows_with_memory() {
        assert!((chance(10.0, 2500, 0.0) - 1.546).abs() < 0.01);
        assert!(chance(10.0, 2500, 0.5) > chance(10.0, 2500, 0.0));
    }
}
