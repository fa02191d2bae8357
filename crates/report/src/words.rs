//! Numbers and names as people read them.

use drill::Component;
use judge::{Burn, EpisodeState, Finding, LoadFigures, Outage, Verdict};

/// A count with its thousands set apart: `12,345`.
pub(crate) fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A counter's value: whole where it is whole, else with one decimal.
pub(crate) fn amount(value: f64) -> String {
    if value.fract() == 0.0 && (0.0..1e15).contains(&value) {
        count(value as u64)
    } else {
        format!("{value:.1}")
    }
}

/// A share in percent, or a dash where there was nothing to share. What is not the whole never looks like it.
pub(crate) fn percent(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), |percent| format!("{percent:.4}"))
}

/// A share in percent to a tenth, or a dash where there was nothing to share.
pub(crate) fn tenth(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), |percent| format!("{percent:.1}"))
}

/// Seconds, or a dash where there were none.
pub(crate) fn seconds(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), |seconds| format!("{seconds:.1}"))
}

/// Milliseconds; a percentile that falls on a failed request has none.
pub(crate) fn millis(value: Option<f64>) -> String {
    match value {
        None => "failed".into(),
        Some(ms) if ms >= 100.0 => format!("{ms:.0}"),
        Some(ms) => format!("{ms:.1}"),
    }
}

/// US dollars.
pub(crate) fn usd(value: f64) -> String {
    format!("{value:.2}")
}

/// The first word of a report.
pub(crate) fn shout(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Held => "HELD",
        Verdict::Broken => "BROKEN",
        Verdict::Unproven => "UNPROVEN",
    }
}

/// How far an episode came, where that needs saying.
pub(crate) fn trouble(state: EpisodeState) -> Option<&'static str> {
    match state {
        EpisodeState::Complete => None,
        EpisodeState::NotProven => Some("not proven"),
        EpisodeState::NotMet => Some("no load"),
        EpisodeState::NotRecovered => Some("no full health"),
        EpisodeState::NotRun => Some("not run"),
    }
}

/// The class that an episode troubled for longest; a dash where there was none.
pub(crate) fn longest(outages: &[Outage]) -> String {
    // One that did not end is the longest.
    let length = |outage: &&Outage| outage.lasted_s.unwrap_or(f64::INFINITY);
    let longest = outages
        .iter()
        .max_by(|a, b| length(a).total_cmp(&length(b)));
    longest.map_or_else(|| "-".into(), outage)
}

/// Every class that an episode troubled, and for how many seconds; none where there was no such class.
pub(crate) fn troubled(outages: &[Outage]) -> Option<String> {
    let all: Vec<_> = outages.iter().map(outage).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

fn outage(outage: &Outage) -> String {
    match outage.lasted_s {
        Some(lasted_s) => format!("{} {lasted_s:.2}", outage.class),
        None => format!("{} to the end", outage.class),
    }
}

/// How fast the curve was walked, completing "walked ".
pub(crate) fn pace(load: &LoadFigures) -> String {
    match load.speed > 1.0 {
        true => format!("{} times as fast", amount(load.speed)),
        false => "at its own pace".into(),
    }
}

/// A length as people say it.
pub(crate) fn lasting(seconds: f64) -> String {
    match seconds {
        s if s < 120.0 => format!("{s:.0} seconds"),
        s if s < 7200.0 => format!("{:.0} minutes", s / 60.0),
        s => format!("{:.1} hours", s / 3600.0),
    }
}

/// What was measured, and what was promised.
pub(crate) fn measured(finding: &Finding) -> String {
    match &finding.limit {
        Some(limit) => format!("{} (limit {})", finding.measured.text, limit.text),
        None => finding.measured.text.clone(),
    }
}

/// What a stretch of the run took of the outage budget, completing "this episode ".
pub(crate) fn burned(burn: &Burn) -> String {
    match burn.class {
        None => "cost users nothing".into(),
        Some(class) => format!(
            "burned {:.2} s of {class}{}, {:.1} % of the budget",
            burn.seconds,
            times(burn.per_window),
            burn.percent
        ),
    }
}

/// How often a fault counts in the window, where that is not once.
fn times(per_window: f64) -> String {
    match per_window == 1.0 {
        true => String::new(),
        false => format!(" {} times", amount(per_window)),
    }
}

/// The scenario's components, by the scenario's own words, in the order in which a request meets them.
pub(crate) const SCENARIO: [(Component, &str); 9] = [
    (Component::Varnish, "CDN"),
    (Component::Haproxy, "LB"),
    (Component::Gateway, "rate limiter"),
    (Component::Api, "server"),
    (Component::Ws, "WS"),
    (Component::Redis, "Redis"),
    (Component::Postgres, "Postgres"),
    (Component::Rabbitmq, "queue"),
    (Component::Worker, "worker"),
];

/// The text in lines of at most `width` characters; a longer word has a line of its own.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = vec![];
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use drill::Class;

    use super::*;

    #[test]
    fn thousands_are_set_apart() {
        for (value, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (1_234_567, "1,234,567"),
        ] {
            assert_eq!(count(value), text);
        }
        assert_eq!(amount(1500.0), "1,500");
        assert_eq!(amount(0.25), "0.2");
    }

    #[test]
    fn a_length_has_the_unit_that_people_would_use() {
        for (seconds, text) in [
            (0.0, "0 seconds"),
            (119.0, "119 seconds"),
            (480.1, "8 minutes"),
            (7200.0, "2.0 hours"),
            (172_800.0, "48.0 hours"),
        ] {
            assert_eq!(lasting(seconds), text);
        }
    }

    #[test]
    fn trouble_without_an_end_is_the_longest() {
        let outage = |class, lasted_s| Outage { class, lasted_s };
        let outages = [
            outage(Class::Read, Some(22.3)),
            outage(Class::Admin, None),
            outage(Class::Live, Some(0.5)),
        ];
        assert_eq!(longest(&outages), "admin to the end");
        assert_eq!(longest(&outages[..1]), "read 22.30");
        let all = troubled(&outages).unwrap();
        assert_eq!(all, "read 22.30, admin to the end, live 0.50");
        assert_eq!((longest(&[]).as_str(), troubled(&[])), ("-", None));
    }

    #[test]
    fn lines_keep_to_the_width_where_words_allow() {
        assert_eq!(wrap("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrap("unbreakable a", 3), ["unbreakable", "a"]);
        assert!(wrap(" ", 3).is_empty());
    }
}
