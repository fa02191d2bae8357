//! Faults of name resolution.

use agent::measure::Sample;
use serde_json::{Value, json};

use super::{
    effects::lost,
    figures::percent,
    stand::Stand,
    suite::{Case, Finding, See, Spoiled, finding},
};

/// Every answer that a resolver may give, about one name, for the mechanism that has them.
pub(crate) fn cases(stand: &Stand, backend: &'static str) -> Vec<Case> {
    let name = stand.named("far");
    let case = |asked, answer: Value, see, spoiled| {
        let effect = json!({ "dns": { "answer": answer, "names": [name] } });
        let fault = json!({ "network": { "effect": effect, "backend": backend } });
        let watch = format!("lookup --name {name} --patience-ms 40");
        Case {
            name: "dns",
            asked,
            fault,
            see,
            watch,
            every_us: 8000,
            spoiled,
        }
    };
    vec![
        case(
            "no answer",
            json!("timeout"),
            (|stand| lookups(stand, "no answer")) as See,
            lost as Spoiled,
        ),
        case(
            "failure",
            json!("failure"),
            |stand| lookups(stand, "SERVFAIL"),
            failed,
        ),
        case(
            "no such name",
            json!("no-such-name"),
            |stand| lookups(stand, "NXDOMAIN"),
            failed,
        ),
        case(
            "192.0.2.7",
            json!({ "wrong": "192.0.2.7" }),
            |stand| lookups(stand, "192.0.2.7"),
            wrong,
        ),
    ]
}

fn failed(sample: &Sample) -> bool {
    matches!(sample.note.as_deref(), Some("SERVFAIL" | "NXDOMAIN"))
}

fn wrong(sample: &Sample) -> bool {
    sample.note.as_deref() == Some("192.0.2.7")
}

fn lookups(stand: &Stand, expected: &str) -> Vec<Finding> {
    // A busy machine may take a while over an answer; one that is not to come needs less patience.
    let pace = |silent: bool| match silent {
        true => "--count 25 --every-us 3000 --patience-ms 60",
        false => "--count 100 --every-us 3000 --patience-ms 500",
    };
    let ask = |name: &str, silent: bool| {
        let words = format!("lookup --name {} {}", stand.named(name), pace(silent));
        stand.measure("near", &words)
    };
    let said = |samples: &[Sample], word: &str| {
        percent(samples, |sample| sample.note.as_deref() == Some(word))
    };
    let (hit, spared) = (
        said(&ask("far", expected == "no answer"), expected),
        said(&ask("other", false), &stand.address("other")),
    );
    vec![
        finding(format!("{hit:.0} % {expected}"), "100 %", hit == 100.0),
        finding(
            format!("another name: {spared:.0} % right"),
            "100 %",
            spared == 100.0,
        ),
    ]
}
