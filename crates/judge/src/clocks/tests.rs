//! Steps, suspensions, distances and stalls are told with how much, and a healthy run tells of none.

use proptest::prelude::*;
use timeline::{Arrivals, StoredReadings};

use super::*;
use crate::{
    Integrity, judge_record,
    testing::{LOAD_S, Run},
};

/// A moment after the machine's start, and the wall time of that start.
const UP_NS: u64 = 3_600_000_000_000;
const STARTED_NS: u64 = 1_790_000_000_000_000_000;

fn compared(of: Instrument, load_s: u64) -> ClocksCompared {
    let since_ns = UP_NS + load_s * 1_000_000_000;
    let own = ClockReading {
        unix_ns: STARTED_NS + since_ns,
        monotonic_ns: since_ns,
        boottime_ns: since_ns,
    };
    let half = 200_000;
    let read = ClockReading {
        unix_ns: own.unix_ns + half,
        monotonic_ns: own.monotonic_ns + half,
        boottime_ns: own.boottime_ns + half,
    };
    ClocksCompared {
        of,
        read,
        own,
        round_trip: Duration::from_nanos(2 * half),
    }
}

/// A healthy run whose clocks were compared every 10 s; `change` spoils what is read from a moment on.
fn run(change: impl Fn(u64, &mut ClocksCompared)) -> Run {
    let mut run = Run::healthy();
    for load_s in (0..=LOAD_S).step_by(10) {
        for of in [Instrument::Generator, Instrument::Observer] {
            let mut read = compared(of, load_s);
            change(load_s, &mut read);
            run.push(load_s as f64, Event::Clock(read));
        }
    }
    run
}

fn judged(run: &Run) -> Judgement {
    let bytes = run.recording();
    let arrivals = Arrivals::open(bytes.as_slice()).unwrap();
    let integrity = Integrity {
        numbered: true,
        ..Integrity::default()
    };
    let stored = None::<StoredReadings<&[u8]>>;
    judge_record(&run.entries, arrivals, stored, &integrity).unwrap()
}

/// Title and text of each reason for doubt.
fn doubts(run: &Run) -> Vec<(String, String)> {
    let judgement = judged(run);
    let unproven = judgement.findings.into_iter();
    let unproven = unproven.filter(|finding| finding.verdict == Verdict::Unproven);
    unproven.map(|f| (f.title, f.measured.text)).collect()
}

fn only_doubt(run: &Run) -> (String, String) {
    let doubts = doubts(run);
    assert_eq!(doubts.len(), 1, "{doubts:?}");
    assert_eq!(judged(run).verdict, Verdict::Unproven);
    doubts[0].clone()
}

#[test]
fn clocks_that_agree_are_no_reason_for_doubt() {
    let judgement = judged(&run(|_, _| {}));
    assert_eq!(judgement.verdict, Verdict::Held, "{}", judgement.summary);
}

#[test]
fn a_step_of_the_wall_clock_is_told_with_its_size_and_its_time() {
    let stepped = run(|load_s, compared| {
        if load_s >= 30 {
            compared.own.unix_ns += 200_000_000;
            compared.read.unix_ns += 200_000_000;
        }
    });
    let (title, text) = only_doubt(&stepped);
    assert_eq!(title, "clock stepped");
    assert!(
        text.starts_with("200 ms at the controller, first seen at 30.0 s"),
        "{text}"
    );
    // Back again is a step, too; and so are many that are small.
    for (at, by) in [(30..40, 200_000_000), (0..60, 15_000_000)] {
        let stepped = run(|load_s, compared| {
            let steps = match by {
                200_000_000 => u64::from(at.contains(&load_s)),
                _ => load_s / 10,
            };
            compared.own.unix_ns += by * steps;
            compared.read.unix_ns += by * steps;
        });
        assert_eq!(only_doubt(&stepped).0, "clock stepped");
    }
}

#[test]
fn a_suspended_machine_is_no_step_of_its_clock() {
    let suspended = run(|load_s, compared| {
        if load_s >= 40 {
            for read in [&mut compared.own, &mut compared.read] {
                // The wall clock and the time since the start go on; the monotonic clock does not.
                read.unix_ns += 5_000_000_000;
                read.boottime_ns += 5_000_000_000;
            }
        }
    });
    let (title, text) = only_doubt(&suspended);
    assert_eq!(title, "machine was suspended");
    assert!(text.starts_with("5000 ms at the controller"), "{text}");
}

#[test]
fn instruments_on_other_clocks_are_told() {
    let other = run(|_, compared| {
        if compared.of == Instrument::Observer {
            compared.read.unix_ns -= 80_000_000;
        }
    });
    let (title, text) = only_doubt(&other);
    assert_eq!(title, "clocks apart");
    assert!(
        text.starts_with("80 ms between the controller and the observer"),
        "{text}"
    );
    // A long round trip explains as much.
    let slow = run(|_, compared| {
        compared.read.unix_ns += 80_000_000;
        compared.round_trip += Duration::from_millis(80);
    });
    assert_eq!(doubts(&slow), []);
}

#[test]
fn a_run_without_comparisons_proves_less_where_they_are_due() {
    let of = |event: &Event, of| matches!(event, Event::Clock(compared) if compared.of == of);
    let never = run(|_, _| {}).without(|event| of(event, Instrument::Observer));
    let (title, text) = only_doubt(&never);
    assert_eq!(
        (title.as_str(), text.as_str()),
        ("clocks not compared", "never with the observer")
    );
    let mut late = run(|_, _| {});
    late.entries.retain(|entry| {
        entry.at < crate::testing::at(15.0) || !of(&entry.event, Instrument::Generator)
    });
    let (_, text) = only_doubt(&late);
    assert_eq!(text, "not for 50 s with the generator");
    // Older builds did not compare, and nothing is held against them.
    assert_eq!(Run::healthy().judge().verdict, Verdict::Held);
}

fn stall(load_s: f64, ms: u64) -> Run {
    let mut run = run(|_, _| {});
    let lasted = Duration::from_millis(ms);
    run.push(load_s, Event::Stalled { lasted });
    run
}

/// The first fault is requested at 10 s and applied at 10.1 s; it is healed from 18 s to 18.5 s.
#[test]
fn a_stall_within_a_faults_application_makes_its_episode_unproven_and_no_other() {
    for (load_s, ms) in [(10.09, 80), (10.15, 80), (18.3, 80)] {
        let stalled_run = stall(load_s, ms);
        assert_eq!(
            only_doubt(&stalled_run),
            ("controller stalled".into(), "80 ms within server".into())
        );
        let judgement = judged(&stalled_run);
        assert!(stalled("server", &judgement).is_some());
        assert!(stalled("database-primary", &judgement).is_none());
    }
}

#[test]
fn a_stall_at_any_other_time_is_nothing() {
    for (load_s, ms) in [(9.9, 80), (10.3, 80), (15.0, 2000), (25.0, 80), (50.0, 80)] {
        assert_eq!(doubts(&stall(load_s, ms)), [], "{load_s}");
    }
}

#[test]
fn entries_are_folded_by_their_time_and_not_by_their_line() {
    let mut run = run(|_, _| {});
    run.entries[1..].reverse();
    assert_eq!(judged(&run).verdict, Verdict::Held);
}

proptest! {
    #[test]
    fn the_spread_is_told_exactly_where_it_is_too_wide(
        values in prop::collection::vec(-100_000_000_i128..100_000_000, 0..20)
    ) {
        let told = spread(values.iter().enumerate().map(|(at, value)| (Offset(at as u64), *value)));
        let widest = values.iter().max().zip(values.iter().min()).map_or(0, |(most, least)| most - least);
        prop_assert_eq!(told.is_some(), widest > TOLERANCE_NS);
        if let Some((at, by)) = told {
            prop_assert_eq!(by, widest);
            let before = &values[..at.0 as usize];
            let wide = before.iter().max().zip(before.iter().min()).is_some_and(|(most, least)| most - least > TOLERANCE_NS);
            prop_assert!(!wide);
        }
    }
}
