//! An older change that came back is found, and what may still be under way is never accused.

use proptest::prelude::*;
use timeline::{Event, FIRST_PROBE};

use super::*;
use crate::{
    Clause, Judgement, Verdict,
    testing::{Run, at},
};

/// A run with two changes of one patient by clinicians, one after the other, and its stored thresholds.
fn run() -> (Run, [Change; 2], u32) {
    let mut run = Run::healthy();
    run.header().drill.contract.lost_changes = Some(0);
    run.arrivals.retain(|arrival| arrival.class != Class::Admin);
    let (seed, traffic) = (run.header().drill.seed, run.header().drill.traffic.clone());
    // Probes of the same patient that do not set the same; their ticks lie within the minute.
    let ticks = (0..240_u64).flat_map(|first| (first + 8..240).map(move |second| (first, second)));
    let (first, second) = ticks
        .into_iter()
        .find(|(first, second)| {
            probe_patient(seed, *first) == probe_patient(seed, *second)
                && probe_thresholds(seed, *first) != probe_thresholds(seed, *second)
        })
        .unwrap();
    let changes = [first, second].map(|tick| {
        let due = at(tick as f64 * PROBE_EVERY.as_secs_f64());
        let change = arrival(FIRST_PROBE, due);
        run.arrivals.push(change);
        Change {
            user: FIRST_PROBE,
            due,
            sent: change.sent,
            done: change.done,
            acknowledged: true,
            thresholds: probe_thresholds(seed, tick),
        }
    });
    assert!(!traffic.clinician_every().is_zero());
    (run, changes, probe_patient(seed, first))
}

fn arrival(user: u32, due: Offset) -> Arrival {
    Arrival {
        user,
        class: Class::Admin,
        outcome: Outcome::Ok,
        again: false,
        status: 200,
        due,
        sent: Offset(due.0 + 1_000_000),
        done: Offset(due.0 + 20_000_000),
    }
}

fn judge(mut run: Run, stored: Vec<StoredThresholds>) -> Judgement {
    let read = run.arrivals.len() as u64;
    for entry in &mut run.entries {
        if let Event::LoadEnded { arrivals } = &mut entry.event {
            *arrivals = read;
        }
    }
    run.push(60.5, Event::ThresholdsTaken { patients: stored });
    let bytes = run.recording();
    let arrivals = timeline::Arrivals::open(bytes.as_slice()).unwrap();
    crate::judge(&run.entries, arrivals).unwrap()
}

fn row(patient: u32, version: i64, thresholds: Thresholds) -> StoredThresholds {
    StoredThresholds {
        patient,
        version,
        thresholds,
    }
}

fn verdict(judgement: &Judgement) -> Verdict {
    let mut findings = judgement.findings.iter();
    findings
        .find(|f| f.clause == Clause::LostChanges)
        .unwrap()
        .verdict
}

#[test]
fn the_last_change_that_stands_is_held() {
    let (run, [_, last], patient) = run();
    let judgement = judge(run, vec![row(patient, 9, last.thresholds)]);
    assert_eq!(verdict(&judgement), Verdict::Held);
    let changes = judgement.changes.unwrap();
    assert_eq!((changes.acknowledged, changes.compared), (2, 1));
}

#[test]
fn an_acknowledged_change_that_an_older_one_replaced_is_lost_and_named() {
    let (run, [first, last], patient) = run();
    let judgement = judge(run, vec![row(patient, 9, first.thresholds)]);
    assert_eq!(verdict(&judgement), Verdict::Broken);
    let changes = judgement.changes.unwrap();
    let [named] = changes.named.as_slice() else {
        panic!("{changes:?}")
    };
    assert_eq!((named.patient, named.user), (patient, FIRST_PROBE));
    assert_eq!(named.due_s, figure(last.due.since(at(0.0)).as_secs_f64()));
    assert_eq!((named.fault, changes.lost), (EntryFault::Lost, 1));
}

#[test]
fn an_older_change_that_says_the_same_is_told_by_when_it_was_made() {
    const ZERO_NS: u64 = 1_700_000_000_000_000_000;
    let judged = |made: Offset| {
        let (mut run, [_, last], patient) = run();
        run.header().zero_unix_ns = ZERO_NS;
        let version = ((ZERO_NS + made.0) / 1000).cast_signed();
        judge(run, vec![row(patient, version, last.thresholds)])
    };
    let (_, [_, last], _) = run();
    assert_eq!(verdict(&judged(last.sent)), Verdict::Held);
    let before = Offset(last.sent.0 - 5_000_000_000);
    let judgement = judged(before);
    assert_eq!(verdict(&judgement), Verdict::Broken);
    assert_eq!(judgement.changes.unwrap().lost, 1);
}

#[test]
fn a_change_without_an_answer_may_come_at_any_time() {
    let (mut run, [first, _], patient) = run();
    let of_first = run
        .arrivals
        .iter_mut()
        .find(|a| a.due == first.due && a.is_probe());
    of_first.unwrap().outcome = Outcome::TimedOut;
    let judgement = judge(run, vec![row(patient, 9, first.thresholds)]);
    assert_eq!(verdict(&judgement), Verdict::Held);
}

#[test]
fn what_nobody_asked_for_and_what_nobody_changed_are_losses() {
    let odd = Thresholds {
        heart_rate_low: 12,
        ..Thresholds::default()
    };
    let fault = |stored: fn(u32, Thresholds) -> Vec<StoredThresholds>, limits| {
        let (run, _, patient) = run();
        let judgement = judge(run, stored(patient, limits));
        assert_eq!(verdict(&judgement), Verdict::Broken);
        judgement.changes.unwrap().named[0].fault
    };
    let (_, [_, last], _) = run();
    assert_eq!(fault(|p, t| vec![row(p, 9, t)], odd), EntryFault::Altered);
    // As it was before any change, even where that is what was asked for.
    assert_eq!(
        fault(|p, t| vec![row(p, 1, t)], last.thresholds),
        EntryFault::Lost
    );
    assert_eq!(fault(|_, _| vec![], odd), EntryFault::Lost);
}

#[test]
fn without_a_look_or_a_change_nothing_is_proven() {
    let (mut run_without, _, _) = run();
    let reason = "postgres-1 gave no answer".to_owned();
    run_without.push(60.5, Event::ThresholdsFailed { reason });
    assert_eq!(verdict(&run_without.judge()), Verdict::Unproven);
    let (mut nobody, _, _) = run();
    nobody
        .arrivals
        .retain(|arrival| arrival.class != Class::Admin);
    assert_eq!(verdict(&judge(nobody, vec![])), Verdict::Unproven);
    // A change that the seed does not explain may be the one that is missing.
    let (mut strange, [_, last], patient) = run();
    strange.arrivals.push(arrival(0, at(59.0)));
    let judgement = judge(strange, vec![row(patient, 9, last.thresholds)]);
    assert_eq!(verdict(&judgement), Verdict::Unproven);
    assert_eq!(judgement.changes.unwrap().unexplained, 1);
}

fn limits(shift: i32) -> Thresholds {
    Thresholds {
        heart_rate_low: 45 + shift,
        ..Thresholds::default()
    }
}

proptest! {
    /// Each change takes effect at one moment between its sending and its answer, or much later where it has none.
    #[test]
    fn what_some_order_explains_is_never_accused(
        all in prop::collection::vec((0_u64..1000, 1_u64..300, 0.0..1.0_f64, any::<bool>(), 0_i32..7), 1..12),
    ) {
        let mut effects: Vec<(u64, i32)> = vec![];
        let changes: Vec<_> = all.iter().map(|(sent, took, when, acknowledged, shift)| {
            let stretch = if *acknowledged { *took } else { 2000 };
            effects.push((sent + (stretch as f64 * when) as u64, *shift));
            Change {
                user: 0,
                due: Offset(*sent),
                sent: Offset(*sent),
                done: if *acknowledged { Offset(sent + took) } else { NEVER },
                acknowledged: *acknowledged,
                thresholds: limits(*shift),
            }
        }).collect();
        let last_of_all = effects.iter().max_by_key(|(when, _)| *when).unwrap();
        let stored = row(1, 9, limits(last_of_all.1));
        let acknowledged = changes.iter().filter(|change| change.acknowledged);
        if let Some(last) = acknowledged.max_by_key(|change| change.sent) {
            prop_assert_eq!(fault(Some(&stored), &changes, last), None);
        }
    }
}
