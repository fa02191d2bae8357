//! Prometheus' text format, as far as the counters need it.

use crate::look::Reading;

/// Which samples a counter sums: those of the metric, or only those with the label.
pub(crate) struct Wanted {
    counter: &'static str,
    metric: &'static str,
    label: Option<(&'static str, &'static [&'static str])>,
}

/// A counter that sums every sample of a metric.
pub(crate) const fn all(counter: &'static str, metric: &'static str) -> Wanted {
    Wanted {
        counter,
        metric,
        label: None,
    }
}

/// A counter that sums the samples whose label has one of the values.
pub(crate) const fn only(
    counter: &'static str,
    metric: &'static str,
    label: &'static str,
    values: &'static [&'static str],
) -> Wanted {
    Wanted {
        counter,
        metric,
        label: Some((label, values)),
    }
}

/// Sums the wanted samples. A counter without samples reads 0: a metric with labels shows none before it first
/// counts, and the increase is taken from the first reading.
pub(crate) fn read(wanted: &[Wanted], text: &str) -> Vec<Reading> {
    let samples: Vec<_> = text.lines().filter_map(sample).collect();
    let sum = |wanted: &Wanted| {
        let counted = samples.iter().filter(|sample| sample.is(wanted));
        let sum = counted.fold(0.0, |sum, sample| sum + sample.value);
        (wanted.counter.into(), sum)
    };
    wanted.iter().map(sum).collect()
}

struct Sample<'a> {
    metric: &'a str,
    /// What is between the braces.
    labels: &'a str,
    value: f64,
}

impl Sample<'_> {
    fn is(&self, wanted: &Wanted) -> bool {
        self.metric == wanted.metric
            && wanted
                .label
                .is_none_or(|(label, values)| self.has(label, values))
    }

    fn has(&self, label: &str, values: &[&str]) -> bool {
        let mut pairs = self
            .labels
            .split(',')
            .filter_map(|pair| pair.split_once('='));
        pairs.any(|(l, v)| l.trim() == label && values.contains(&v.trim().trim_matches('"')))
    }
}

/// `metric{label="value",...} 12.5`, or nothing for comments and whatever is not a sample.
fn sample(line: &str) -> Option<Sample<'_>> {
    if line.starts_with('#') {
        return None;
    }
    let (head, value) = line.rsplit_once(' ')?;
    let (metric, labels) = match head.split_once('{') {
        Some((metric, labels)) => (metric, labels.strip_suffix('}')?),
        None => (head, ""),
    };
    let value = value.parse().ok()?;
    Some(Sample {
        metric,
        labels,
        value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
# HELP reads_total Reads by where they were served from.
# TYPE reads_total counter
reads_total{from=\"redis\",class=\"read\"} 30
reads_total{from=\"replica\",class=\"read\"} 4
reads_total_seconds 0.5
up 1
";

    #[test]
    fn samples_are_summed_over_labels_or_picked_by_one() {
        let wanted = [
            all("reads", "reads_total"),
            only("reads_redis", "reads_total", "from", &["redis"]),
            only("reads_here", "reads_total", "from", &["redis", "replica"]),
            only("reads_primary", "reads_total", "from", &["primary"]),
            all("up_now", "up"),
        ];
        let expected: [Reading; 5] = [
            ("reads".into(), 34.0),
            ("reads_redis".into(), 30.0),
            ("reads_here".into(), 34.0),
            ("reads_primary".into(), 0.0),
            ("up_now".into(), 1.0),
        ];
        assert_eq!(read(&wanted, TEXT), expected);
    }

    #[test]
    fn what_is_not_a_sample_counts_nothing() {
        for text in ["", "# up 1", "up", "up x", "up{a=\"b\" 1"] {
            let nothing = [Reading::from(("up".into(), 0.0))];
            assert_eq!(read(&[all("up", "up")], text), nothing, "{text:?}");
        }
    }
}
