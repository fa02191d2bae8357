//! What may be claimed takes as many schedules as it says, and quiet time as whole windows.

use super::*;
use crate::testing::{Run, drill};

/// A drill whose first episode was repeated so often, all rows alike, with quiet time of so many windows.
fn repeated(times: usize, windows: f64, change: impl Fn(usize, &mut EpisodeFigures)) -> Claim {
    let judgement = Run::healthy().judge();
    let mut drill = drill();
    let (episode, row) = (drill.episodes[0].clone(), judgement.episodes[0].clone());
    let name = episode.name.clone();
    drill.episodes = vec![episode; times];
    for episode in &mut drill.episodes {
        episode.repetition_of = Some(name.clone());
        episode.per_window = 1.0 / times as f64;
    }
    let mut rows = vec![row; times];
    for (number, row) in rows.iter_mut().enumerate() {
        row.toll.by_class[0].resolution_s = Some(0.1);
        change(number, row);
    }
    let mut quiet = judgement.quiet.clone();
    quiet.seconds = windows * drill.contract.window.as_secs_f64();
    let asked = judgement.classes.iter().map(|row| (row.class, 1_000_000));
    claim(&drill, &rows, &quiet, &asked.collect(), 60.0)
}

#[test]
fn a_run_of_minutes_claims_nothing_and_says_what_it_would_take() {
    let claim = Run::healthy().judge().claim;
    assert_eq!(claim.window_at_most_percent, None);
    assert_eq!(claim.faults_at_most_percent, None);
    assert_eq!(claim.quiet_at_most_percent, None);
    assert_eq!((claim.schedules, claim.schedules_needed), (1, 19));
    assert_eq!(claim.quiet_h_needed, 19.0 * 48.0);
    assert_eq!(claim.quiet_h_needed_for_window, 39.0 * 48.0);
    assert_eq!((claim.episodes, claim.clean), (2, 2));
}

#[test]
fn nineteen_repetitions_bound_the_faults_and_eighteen_do_not() {
    assert_eq!(repeated(18, 0.0, |_, _| ()).faults_at_most_percent, None);
    let enough = repeated(19, 0.0, |_, _| ());
    assert!(enough.faults_at_most_percent.is_some());
    assert_eq!(enough.window_at_most_percent, None);
    assert_eq!(enough.faults[0].repetitions, 19);
}

#[test]
fn the_whole_window_takes_both_and_shares_the_error() {
    assert_eq!(repeated(38, 40.0, |_, _| ()).window_at_most_percent, None);
    assert_eq!(repeated(40, 38.0, |_, _| ()).window_at_most_percent, None);
    assert!(
        repeated(39, 39.0, |_, _| ())
            .window_at_most_percent
            .is_some()
    );
}

#[test]
fn the_costliest_repetition_is_the_bound_and_one_without_an_end_leaves_none() {
    let costly = |number: usize, row: &mut EpisodeFigures| {
        if number == 7 {
            row.toll.by_class[0].bad_second_equivalents = 17.28;
        }
    };
    let claim = repeated(19, 0.0, costly);
    assert!(claim.faults_at_most_percent >= Some(100.0), "{claim:?}");
    let endless = |number: usize, row: &mut EpisodeFigures| {
        if number == 7 {
            row.state = EpisodeState::NotRecovered;
        }
    };
    let claim = repeated(19, 0.0, endless);
    assert_eq!(claim.faults_at_most_percent, None);
    assert_eq!((claim.episodes, claim.clean), (19, 18));
}

#[test]
fn a_fault_that_was_not_proven_is_no_repetition() {
    let claim = repeated(19, 0.0, |number, row| {
        if number == 0 {
            row.state = EpisodeState::NotProven;
        }
    });
    assert_eq!(claim.faults[0].repetitions, 18);
    assert_eq!(claim.faults_at_most_percent, None);
}
