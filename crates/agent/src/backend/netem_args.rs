//! An effect in the words of tc-netem(8), and matches in those of tc-u32(8).

use std::time::Duration;

use crate::{Effect, NetworkFault};

/// Packets that may wait: as many as the packet queue holds, so that both mechanisms lose at the same load.
const LIMIT: u32 = 100_000;

/// The options of an effect.
pub(super) fn options(effect: &Effect) -> Vec<String> {
    let us = |time: Duration| format!("{}us", time.as_micros());
    let line = match effect {
        Effect::Delay { latency, jitter } if jitter.is_zero() => format!("delay {}", us(*latency)),
        Effect::Delay { latency, jitter } => format!("delay {} {}", us(*latency), us(*jitter)),
        Effect::Loss {
            percent,
            burst: None,
        } => format!("loss random {percent}%"),
        Effect::Loss {
            percent,
            burst: Some(burst),
        } => {
            let (share, leave) = (percent / 100.0, 1.0 / burst);
            let enter = (leave * share / (1.0 - share)).min(1.0);
            format!(
                "loss gemodel {:.6}% {:.6}% 100% 0%",
                enter * 100.0,
                leave * 100.0
            )
        }
        Effect::Duplicate { percent } => format!("duplicate {percent}%"),
        // Netem delays what is not reordered: the share that goes on at once overtakes.
        Effect::Reorder { percent, by } => {
            format!("delay {} reorder {}%", us(*by), 100.0 - percent)
        }
        Effect::Corrupt { percent, .. } => format!("corrupt {percent}%"),
        Effect::Rate { bytes_per_s } => format!("rate {}bit", bytes_per_s * 8),
        Effect::Partition {} => "loss random 100%".into(),
        // Refused before it comes here.
        Effect::Reject {} | Effect::Reset {} | Effect::Dns { .. } => String::new(),
    };
    let limit = ["limit".into(), LIMIT.to_string()];
    limit
        .into_iter()
        .chain(line.split(' ').map(String::from))
        .collect()
}

/// One match for each peer and port of either end: address and port in one filter, since separate ones would add up.
pub(super) fn filters(fault: &NetworkFault) -> Vec<String> {
    let peers = fault.peers.iter().map(|net| format!("match ip dst {net} "));
    let mut peers: Vec<_> = peers.collect();
    if peers.is_empty() && !fault.ports.is_empty() {
        peers.push(String::new());
    }
    let ports = fault
        .ports
        .iter()
        .flat_map(|range| range.first()..=range.last());
    let ports: Vec<_> = ports.collect();
    if ports.is_empty() {
        return peers;
    }
    let mut filters = Vec::new();
    for peer in &peers {
        for port in &ports {
            for end in ["sport", "dport"] {
                filters.push(format!("{peer}match ip {end} {port} 0xffff"));
            }
        }
    }
    filters
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(effect: &str) -> String {
        options(&serde_json::from_str(effect).unwrap()).join(" ")
    }

    #[test]
    fn effects_in_the_words_of_tc() {
        for (effect, expected) in [
            (r#"{"delay":{"latency":"50ms"}}"#, "delay 50000us"),
            (
                r#"{"delay":{"latency":"50ms","jitter":"5ms"}}"#,
                "delay 50000us 5000us",
            ),
            (r#"{"loss":{"percent":10}}"#, "loss random 10%"),
            (
                r#"{"loss":{"percent":10,"burst":4}}"#,
                "loss gemodel 2.777778% 25.000000% 100% 0%",
            ),
            (
                r#"{"reorder":{"percent":5,"by":"10ms"}}"#,
                "delay 10000us reorder 95%",
            ),
            (r#"{"rate":{"bytes_per_s":125000}}"#, "rate 1000000bit"),
            (r#"{"partition":{}}"#, "loss random 100%"),
        ] {
            assert_eq!(words(effect), format!("limit 100000 {expected}"));
        }
    }

    #[test]
    fn address_and_port_are_one_match() {
        let line = r#"{"effect":{"partition":{}},"peers":["10.0.0.2"],"ports":["80"]}"#;
        let filters = filters(&serde_json::from_str(line).unwrap());
        assert_eq!(
            filters,
            [
                "match ip dst 10.0.0.2/32 match ip sport 80 0xffff",
                "match ip dst 10.0.0.2/32 match ip dport 80 0xffff"
            ]
        );
    }
}
