//! A survival matrix, word for word.

mod sample;

use drill::{
    Role,
    survival::{Blow, Subject},
};
use judge::survival::{Asked, Matrix, Tried, matrix, tried};
use report::{Style, survival_html, survival_json, survival_markdown, survival_text};
use sample::{drill, judged};

/// Two runs that killed the primary, and a pause of the queue's leader without proof; nobody has tried `api-1`.
fn collected() -> Matrix {
    let drill = drill();
    let calm = tried(&drill, &judged(0.0..0.0, true));
    let bad = tried(&drill, &judged(22.05..41.0, true));
    let unproven = Tried {
        subject: Subject::Role(Role::QueueLeader),
        blow: Blow::Pause,
        member: "rabbitmq-3".into(),
        roles: vec![Role::QueueLeader],
        doubt: Some("no proof of the fault: it is not paused".into()),
        ..calm[0].clone()
    };
    let asked = Asked {
        topology: "ha".into(),
        settings: Default::default(),
        platform: "0123456789ab".into(),
        users: 200,
        hold_s: 10.0,
        subjects: vec![
            Subject::Member("api-1".into()),
            Subject::Role(Role::PostgresPrimary),
            Subject::Role(Role::QueueLeader),
        ],
        blows: vec![Blow::Kill, Blow::Pause],
        repetitions: 2,
    };
    // A trial that cost as much as the bad one and does not count, for a reason of its own.
    let late = Tried {
        doubt: Some("generator late: 31.0 ms late at p99.9".into()),
        ..bad[0].clone()
    };
    let stuck = Tried {
        not_back: Some("postgres-1 does not follow".into()),
        back_s: None,
        at_risk_s: None,
        ..bad[0].clone()
    };
    matrix(asked, &[calm, bad, vec![unproven, late, stuck]].concat())
}

#[test]
fn in_a_terminal() {
    insta::assert_snapshot!(survival_text(&collected(), Style::default()));
}

#[test]
fn in_a_repository() {
    insta::assert_snapshot!(survival_markdown(&collected()));
}

#[test]
fn what_proves_nothing_and_what_is_missing_is_said_in_every_form() {
    let matrix = collected();
    for text in [
        survival_text(&matrix, Style::default()),
        survival_markdown(&matrix),
        survival_html(&matrix),
    ] {
        for words in [
            "unproven",
            "no proof of the fault",
            "api-1 0/2",
            "not back in 1",
            "1 felt)",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
    }
}

#[test]
fn the_page_needs_nothing_else_and_trusts_no_name() {
    let mut matrix = collected();
    matrix.rows[0].member = "<script>".into();
    let page = survival_html(&matrix);
    for banned in ["<script", "http://", "https://", "@import", "url("] {
        assert!(!page.contains(banned), "{banned}");
    }
}

#[test]
fn json_is_read_back_as_the_same_matrix() {
    let matrix = collected();
    let read: Matrix = serde_json::from_str(&survival_json(&matrix)).unwrap();
    assert_eq!(read, matrix);
}
