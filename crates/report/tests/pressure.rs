//! A flood in the report: where it was stopped, and what it did to everybody else.

mod sample;

use judge::{Judgement, PressureFigures, StrainFigures};
use report::{html, text};
use sample::judged;
use timeline::Fates;

fn flooded() -> Judgement {
    let mut judgement = judged(0.0..0.0, true);
    judgement.pressures = vec![PressureFigures {
        episode: "abusers".into(),
        fault: "flood 500/s".into(),
        abuse: true,
        seconds: 30.0,
        clients: 3,
        requests: 15_000,
        requests_per_s: 500.0,
        fates: Fates {
            let_through: 1_860,
            limited: 13_137,
            refused: 2,
            unanswered: 1,
            not_sent: 0,
        },
        others: 5_012,
        others_bad: 4,
    }];
    judgement.strain = vec![StrainFigures {
        database_busy_percent: Some(12.25),
        ..StrainFigures::default()
    }];
    judgement
}

#[test]
fn a_reader_sees_where_abuse_was_stopped() {
    let text = text(&flooded());
    let row = text.lines().find(|line| line.contains("flood 500/s"));
    let cells: Vec<_> = row.unwrap().split_whitespace().collect();
    let figures = "3 15,000 500.0 1,860 13,137 2 1 5,012 4";
    assert!(cells.join(" ").ends_with(figures), "{cells:?}");
    assert!(text.contains("PRESSURE") && text.contains("STRAIN"));
    let widest = text.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(100), "{widest:?}");
    assert!(html(&flooded(), &[]).contains("13,137"));
}

#[test]
fn a_drill_without_one_has_no_such_section() {
    let text = text(&judged(0.0..0.0, true));
    assert!(!text.contains("PRESSURE") && !text.contains("STRAIN"));
}
