//! What a run of some length at some speed may claim about 48 hours.

mod sample;

use judge::Judgement;
use report::text;
use sample::judged;

/// The text in one line, of a run as long and as fast as given.
fn said(seconds: f64, speed: f64, change: impl Fn(&mut Judgement)) -> String {
    let mut judgement = judged(0.0..0.0, true);
    judgement.load.seconds = seconds;
    judgement.load.speed = speed;
    change(&mut judgement);
    let words: Vec<_> = text(&judgement)
        .split_whitespace()
        .map(String::from)
        .collect();
    words.join(" ")
}

#[test]
fn a_compressed_run_says_how_short_it_was() {
    let said = said(480.1, 360.0, |_| {});
    assert!(said.contains("8 minutes were run, walking 48 h of the curve 360 times as fast."));
    assert!(said.contains("The 48 h curve was walked 360 times as fast;"));
    assert!(
        said.contains("leaks and full disks, had no time to"),
        "{said}"
    );
}

#[test]
fn a_soak_counts_by_its_real_hours() {
    let said = said(9000.0, 1.0, |judgement| judgement.load.scenario_hours = 2.5);
    assert!(said.contains("2.5 hours were run, walking 2.5 h of the curve at its own pace."));
    assert!(
        !said.contains("full disks") && !said.contains("times as fast"),
        "{said}"
    );
    assert!(!said.contains("48.0 hours were run"));
}

#[test]
fn a_run_cut_short_walked_only_a_part() {
    for (seconds, speed) in [(300.0, 360.0), (9000.0, 1.0)] {
        let said = said(seconds, speed, |_| {});
        assert!(
            said.contains("were run, walking a part of the 48 h curve"),
            "{said}"
        );
        assert!(!said.contains("walking 48 h"), "{said}");
    }
}

#[test]
fn a_run_of_minutes_claims_nothing_and_says_what_it_would_take() {
    let said = said(480.0, 360.0, |_| {});
    assert!(
        said.contains("its faults not claimed 1 schedule 19 schedules"),
        "{said}"
    );
    assert!(
        said.contains("its quiet time not claimed 0.01 h 912 h"),
        "{said}"
    );
    assert!(said.contains("the whole of it not claimed"), "{said}");
    assert!(!said.contains("at most 0.0 % of the budget"), "{said}");
}

#[test]
fn a_bound_is_told_as_a_share_of_the_budget() {
    let said = said(480.0, 360.0, |judgement| {
        judgement.claim.window_at_most_percent = Some(62.5);
    });
    assert!(
        said.contains("the whole of it at most 62.5 % of the budget"),
        "{said}"
    );
}

#[test]
fn without_an_episode_nothing_is_said_of_faults() {
    let none = said(480.0, 360.0, |judgement| {
        judgement.claim.episodes = 0;
        judgement.claim.costly_at_most_percent = None;
    });
    assert!(none.contains("about faults nothing is known"), "{none}");
    assert!(!none.contains("such faults cost"), "{none}");
}
