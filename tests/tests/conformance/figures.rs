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

/// The last question after the kill that was still spoiled, in milliseconds after it; 0 when none was.
pub(crate) fn gone_after_ms(
    samples: &[Sample],
    killed_us: u64,
    spoiled: impl Fn(&Sample) -> bool,
) -> f64 {
    let after = samples
        .iter()
        .filter(|sample| sample.at_us > killed_us && spoiled(sample));
    after
        .last()
        .map_or(0.0, |sample| (sample.at_us - killed_us) as f64 / 1e3)
}
