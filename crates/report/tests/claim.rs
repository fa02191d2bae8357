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
fn only_a_window_that_was_run_is_spoken_of_without_scaling() {
    let whole = said(172_800.0, 1.0, |judgement| {
        judgement.quiet.seconds = 172_800.0;
    });
    assert!(whole.contains("48.0 hours were run, walking 48 h of the curve at its own pace."));
    assert!(whole.contains("at 95 %.") && !whole.contains("too short to exclude"));
    let half = said(86_400.0, 2.0, |judgement| {
        judgement.quiet.seconds = 80_000.0
    });
    assert!(half.contains("24.0 hours were run, walking 48 h of the curve 2 times as fast."));
    assert!(half.contains("too short to exclude"), "{half}");
}

#[test]
fn without_an_episode_nothing_is_said_of_faults() {
    let none = said(480.0, 360.0, |judgement| {
        if let Some(known) = &mut judgement.confidence {
            known.episodes = 0;
        }
    });
    assert!(none.contains("about faults nothing is known"), "{none}");
    assert!(!none.contains("such faults cost"), "{none}");
    let bare = said(480.0, 360.0, |judgement| judgement.confidence = None);
    assert!(
        bare.contains("8 minutes were run") && !bare.contains("at 95 %"),
        "{bare}"
    );
}
