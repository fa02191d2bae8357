//! A fault proves nothing where no load met it.

use std::time::Duration;

use drill::Class;
use timeline::{Event, Offset, Outcome};

use crate::{
    Clause, EpisodeState, Judgement, Verdict,
    testing::{Run, at, health},
};

const TITLE: &str = "fault that no load met";

fn told(judgement: &Judgement) -> Option<&str> {
    let finding = judgement.findings.iter().find(|f| f.title == TITLE)?;
    assert_eq!(finding.verdict, Verdict::Unproven);
    Some(&finding.measured.text)
}

#[test]
fn a_fault_that_begins_just_before_the_load_ends_is_unmet() {
    let mut run = Run::healthy();
    // The last fault is moved to 58 s of 60 s.
    let (from, by) = (at(29.0), Duration::from_secs(28));
    for entry in &mut run.entries {
        if entry.at > from && !matches!(entry.event, Event::LoadEnded { .. }) {
            entry.at = Offset::from(entry.at.as_duration() + by);
        }
    }
    let judgement = run.judge();
    assert_eq!(judgement.episodes[1].state, EpisodeState::NotMet);
    assert_eq!(judgement.episodes[0].state, EpisodeState::Complete);
    let text = told(&judgement).unwrap();
    assert!(
        text.contains("database-primary: the load ended at 60.1 s"),
        "{text}"
    );
    assert_eq!(judgement.verdict, Verdict::Unproven);
}

#[test]
fn a_class_that_nobody_asked_for_during_a_fault_is_named() {
    let mut run = Run::healthy();
    let during = at(9.0)..at(21.0);
    run.arrivals
        .retain(|a| a.class != Class::Admin || !during.contains(&a.due));
    let arrivals = run.arrivals.len() as u64;
    for entry in &mut run.entries {
        if let Event::LoadEnded { arrivals: told } = &mut entry.event {
            *told = arrivals;
        }
    }
    let judgement = run.judge();
    let text = told(&judgement).unwrap();
    assert!(text.contains("server: no user asked for admin"), "{text}");
    assert_eq!(told(&Run::healthy().judge()), None);
}

fn verdict(run: &Run, clause: Clause) -> Verdict {
    let findings = run.judge().findings;
    findings
        .iter()
        .find(|f| f.clause == clause)
        .unwrap()
        .verdict
}

#[test]
fn a_read_without_what_was_acknowledged_breaks_visibility() {
    let mut run = Run::healthy();
    run.header().drill.contract.visible_within = Some(Duration::from_secs(2));
    assert_eq!(verdict(&run, Clause::Visibility), Verdict::Held);
    let spoilt = run.fail(40.0..41.0, Class::Read, Outcome::NotVisible);
    assert_eq!(verdict(&spoilt, Clause::Visibility), Verdict::Broken);
    let mut blind = Run::healthy();
    blind.header().drill.contract.visible_within = Some(Duration::from_secs(2));
    blind.arrivals.retain(|a| a.class != Class::Ingest);
    assert_eq!(verdict(&blind, Clause::Visibility), Verdict::Unproven);
}

#[test]
fn an_alert_that_nobody_could_observe_is_neither_missed_nor_in_time() {
    let mut run = Run::healthy();
    run.header().drill.contract.alert_within = Some(Duration::from_secs(2));
    assert_eq!(verdict(&run, Clause::Alerts), Verdict::Held);
    let unseen = run.fail(40.0..41.0, Class::Alert, Outcome::Unobserved);
    assert_eq!(verdict(&unseen, Clause::Alerts), Verdict::Unproven);
    let broken = unseen.fail(42.0..43.0, Class::Alert, Outcome::TimedOut);
    assert_eq!(verdict(&broken, Clause::Alerts), Verdict::Broken);
}

#[test]
fn a_primary_that_nobody_can_see_is_not_ruled_out() {
    let mut run = Run::healthy();
    run.header().drill.contract.no_split_brain = true;
    assert_eq!(verdict(&run, Clause::SplitBrain), Verdict::Held);
    let dark = |answered| {
        let mut health = health("postgres-3", answered, &[]);
        health.answered = answered;
        Event::Member(health)
    };
    run.push(45.0, dark(false));
    run.push(50.0, dark(true));
    assert_eq!(verdict(&run, Clause::SplitBrain), Verdict::Unproven);
    // The engine's word that it was dead rules it out.
    let (member, action) = ("postgres-3".to_owned(), "die".to_owned());
    run.push(44.9, Event::Engine { member, action });
    assert_eq!(verdict(&run, Clause::SplitBrain), Verdict::Held);
    // A frozen member takes no writes; a signal alone proves nothing, and one that was woken may run.
    let told = |words: &[(f64, &str)]| {
        let mut run = Run {
            entries: run.entries.clone(),
            arrivals: run.arrivals.clone(),
            footer: true,
        }
        .without(|event| matches!(event, Event::Engine { .. }));
        for (load_s, action) in words {
            let (member, action) = ("postgres-3".to_owned(), (*action).to_owned());
            run.push(*load_s, Event::Engine { member, action });
        }
        verdict(&run, Clause::SplitBrain)
    };
    assert_eq!(told(&[(44.9, "pause"), (50.1, "unpause")]), Verdict::Held);
    assert_eq!(told(&[(44.9, "kill")]), Verdict::Unproven);
    let woken = told(&[(44.8, "pause"), (44.9, "unpause")]);
    assert_eq!(woken, Verdict::Unproven);
}
