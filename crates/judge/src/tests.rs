//! What a judgement tells beside its verdict. That each breach and each doubt is found is in `mutations`.

use std::time::Duration;

use drill::{Class, Role};
use timeline::{Arrivals, Event, HEADER, Outcome};

use crate::{
    Clause, EpisodeState, Finding, JudgeError, Judgement, Verdict, judge,
    testing::{Run, at, health},
};

mod measured;
mod unmet;

/// The findings of that verdict, by title.
fn titles(judgement: &Judgement, verdict: Verdict) -> Vec<&str> {
    let found = judgement
        .findings
        .iter()
        .filter(|finding| finding.verdict == verdict);
    found.map(|finding| finding.title.as_str()).collect()
}

#[track_caller]
fn unproven(run: &Run, title: &str) -> Judgement {
    let judgement = run.judge();
    assert_eq!(titles(&judgement, Verdict::Broken), Vec::<&str>::new());
    assert_eq!(titles(&judgement, Verdict::Unproven), [title]);
    assert_eq!(judgement.verdict, Verdict::Unproven);
    assert!(judgement.summary.contains(title), "{}", judgement.summary);
    judgement
}

fn finding(judgement: &Judgement, clause: Clause) -> &Finding {
    judgement
        .findings
        .iter()
        .find(|finding| finding.clause == clause)
        .unwrap()
}

#[test]
fn a_healthy_run_is_held() {
    let judgement = Run::healthy().judge();
    assert_eq!(
        judgement.verdict,
        Verdict::Held,
        "{:#?}",
        judgement.findings
    );
    assert_eq!(
        titles(&judgement, Verdict::Held),
        [
            "availability",
            "latency p70",
            "latency p95",
            "bill",
            "evidence"
        ]
    );
    assert!(judgement.took_down.is_empty());
    assert!(
        judgement
            .episodes
            .iter()
            .all(|row| row.state == EpisodeState::Complete)
    );
}

#[test]
fn judging_twice_gives_the_same_bytes() {
    let run = Run::healthy().fail(10.0..14.0, Class::Admin, Outcome::TimedOut);
    let json = || serde_json::to_string(&run.judge()).unwrap();
    assert_eq!(json(), json());
    let back: Judgement = serde_json::from_str(&json()).unwrap();
    assert_eq!(serde_json::to_string(&back).unwrap(), json());
}

#[test]
fn what_was_good_only_at_the_second_attempt_is_told_apart() {
    let run = Run::healthy().fail(10.0..11.0, Class::Read, Outcome::Broken);
    let mut run = run.each(|arrival| {
        arrival.again = arrival.class == Class::Read && (at(10.0)..at(20.0)).contains(&arrival.due);
    });
    run.header().drill.contract.classes = vec![Class::Ingest, Class::Read];
    let judgement = run.judge();
    let of = |class: Class| {
        judgement
            .classes
            .iter()
            .find(|row| row.class == class)
            .unwrap()
    };
    let read = of(Class::Read);
    // Ten seconds were asked again, and in the first of them in vain.
    let asked_again = run.arrivals.iter().filter(|a| a.again).count() as u64;
    assert_eq!(read.toll.good_again, Some(asked_again - read.toll.bad));
    assert!(read.toll.bad > 0 && read.toll.good_again > Some(read.toll.bad));
    let at_first = 1.0 - asked_again as f64 / read.toll.requests as f64;
    assert!((read.good_at_first_percent.unwrap() - 100.0 * at_first).abs() < 1e-5);
    assert!(read.good_percent > read.good_at_first_percent);
    assert_eq!(of(Class::Ingest).good_at_first_percent, Some(100.0));
    let text = &finding(&judgement, Clause::Availability).measured.text;
    let expected = format!(
        "at the first attempt {:.4} %, worst class read",
        100.0 * at_first
    );
    assert!(text.ends_with(&expected), "{text}");
    let episodes = judgement.episodes.iter().flat_map(|row| &row.toll.by_class);
    let in_episodes: u64 = episodes.filter_map(|toll| toll.good_again).sum();
    assert_eq!(Some(in_episodes), read.toll.good_again);
}

#[test]
fn an_outage_beyond_the_budget_is_broken_and_names_who_took_the_service_down() {
    let run = Run::healthy().fail(30.0..52.0, Class::Ingest, Outcome::Failed);
    let judgement = run.judge();
    assert_eq!(judgement.verdict, Verdict::Broken);
    assert_eq!(judgement.took_down, ["postgres (primary)"]);
    let availability = finding(&judgement, Clause::Availability);
    assert_eq!(availability.verdict, Verdict::Broken);
    assert!((availability.measured.number.unwrap() - 22.0).abs() < 0.1);
    assert!(
        availability
            .why
            .contains("went down with: postgres (primary)")
    );
    assert!(
        availability
            .why
            .contains("60 s of load with 2 injected faults")
    );
    assert_eq!(availability.evidence.episodes, ["database-primary"]);
}

#[test]
fn an_outage_within_the_budget_keeps_the_availability_but_not_the_percentile() {
    let mut run = Run::healthy().fail(30.0..40.0, Class::Ingest, Outcome::TimedOut);
    run.header().drill.contract.latency.remove(0);
    let judgement = run.judge();
    assert_eq!(titles(&judgement, Verdict::Broken), ["latency p95"]);
    assert_eq!(finding(&judgement, Clause::Latency).measured.number, None);
}

#[test]
fn a_slow_class_is_broken_even_if_the_others_are_fast() {
    let run = Run::healthy().each(|arrival| {
        if arrival.class == Class::Static {
            arrival.done.0 += 150_000_000;
        }
    });
    let judgement = run.judge();
    assert_eq!(
        titles(&judgement, Verdict::Broken),
        ["latency p70", "latency p95"]
    );
    assert!(
        finding(&judgement, Clause::Latency)
            .measured
            .text
            .contains("static")
    );
}

#[test]
fn a_class_that_the_contract_does_not_name_breaks_nothing() {
    let mut run = Run::healthy().fail(0.0..60.0, Class::Static, Outcome::Failed);
    run.header()
        .drill
        .contract
        .classes
        .retain(|class| *class != Class::Static);
    assert_eq!(run.judge().verdict, Verdict::Held);
}

#[test]
fn a_bill_above_the_limit_is_broken() {
    let mut run = Run::healthy();
    run.header().bill[0].count = 26;
    assert_eq!(titles(&run.judge(), Verdict::Broken), ["bill"]);
    run.header().bill.clear();
    unproven(&run, "bill");
}

#[test]
fn a_record_that_no_generator_writes_is_unproven_not_an_error() {
    let run = Run::healthy();
    let mut bytes = run.recording();
    bytes[HEADER.len() + 100 * 32 + 31] = 99;
    let judgement = judge(&run.entries, Arrivals::open(bytes.as_slice()).unwrap()).unwrap();
    assert!(titles(&judgement, Verdict::Unproven).contains(&"recording incomplete"));
}

#[test]
fn a_lost_observer_is_unproven() {
    let mut run = Run::healthy();
    let reason = "connection reset".to_owned();
    run.push(20.0, Event::ObserverLost { reason });
    let judgement = unproven(&run, "observer lost");
    let doubt = finding(&judgement, Clause::Evidence);
    assert_eq!(doubt.evidence.offsets, [at(20.0)]);
}

#[test]
fn a_late_generator_is_unproven() {
    let late = Run::healthy().each(|arrival| arrival.sent.0 = arrival.due.0 + 26_000_000);
    unproven(&late, "generator late");
    let in_time = Run::healthy().each(|arrival| arrival.sent.0 = arrival.due.0 + 24_000_000);
    assert_eq!(in_time.judge().verdict, Verdict::Held);
}

#[test]
fn what_was_not_sent_is_unproven_and_bad() {
    let mut run = Run::healthy();
    run.header().drill.contract.latency.clear();
    let run = run.fail(20.0..21.0, Class::Read, Outcome::NotSent);
    let judgement = unproven(&run, "requests not sent");
    assert!(finding(&judgement, Clause::Availability).measured.number > Some(0.9));
}

#[test]
fn a_fault_without_proof_is_unproven() {
    let run =
        Run::healthy().without(|event| matches!(event, Event::FaultProven { episode: 1, .. }));
    let judgement = unproven(&run, "fault without proof");
    let doubt = finding(&judgement, Clause::Evidence);
    assert_eq!(doubt.evidence.episodes, ["database-primary"]);
    let mut run = Run::healthy();
    let reason = "still running".to_owned();
    run.push(11.0, Event::FaultFailed { episode: 0, reason });
    let judgement = unproven(&run, "fault without proof");
    assert_eq!(judgement.episodes[0].state, EpisodeState::NotProven);
}

#[test]
fn an_episode_that_did_not_run_or_recover_is_unproven() {
    let of_second = |event: &Event| {
        matches!(
            event,
            Event::FaultRequested { episode: 1, .. }
                | Event::FaultApplied { episode: 1 }
                | Event::FaultProven { episode: 1, .. }
                | Event::EpisodeEnded { episode: 1 }
        )
    };
    unproven(&Run::healthy().without(of_second), "episode not run");
    let ended = |event: &Event| matches!(event, Event::EpisodeEnded { episode: 0 });
    let mut run = Run::healthy().without(ended);
    let reason = "no full health within 10 s: redis-1".to_owned();
    run.push(29.0, Event::EpisodeFailed { episode: 0, reason });
    let judgement = unproven(&run, "no full health after the fault");
    assert!(
        finding(&judgement, Clause::Evidence)
            .measured
            .text
            .contains("redis-1")
    );
}

#[test]
fn nothing_at_all_is_unproven_and_no_header_an_error() {
    let run = Run::healthy();
    let empty = Arrivals::open(HEADER.as_slice()).unwrap();
    assert_eq!(
        judge(&run.entries[..1], empty).unwrap().verdict,
        Verdict::Unproven
    );
    let empty = Arrivals::open(HEADER.as_slice()).unwrap();
    assert!(matches!(
        judge(&run.entries[1..], empty),
        Err(JudgeError::NoHeader)
    ));
}

#[test]
fn a_breach_stays_broken_when_the_evidence_is_thin() {
    let run = Run::healthy().fail(30.0..52.0, Class::Ingest, Outcome::Failed);
    let run = run.without(|event| matches!(event, Event::FaultProven { .. }));
    assert_eq!(run.judge().verdict, Verdict::Broken);
}

#[test]
fn a_successor_that_is_struck_too_is_a_victim_and_no_heir() {
    let mut run = Run::healthy();
    let again = Event::FaultRequested {
        episode: 1,
        members: vec!["postgres-2".into()],
        roles: vec![Role::PostgresPrimary],
    };
    let seen = "exited with code 9".to_owned();
    let heir = health("postgres-3", true, &[Role::PostgresPrimary]);
    let at_heal = run.entries.partition_point(|entry| entry.at < at(38.0));
    let late = [
        (33.0, again),
        (33.2, Event::FaultProven { episode: 1, seen }),
        (36.0, Event::Member(heir)),
    ];
    let late = late.map(|(load_s, event)| timeline::Entry {
        at: at(load_s),
        event,
    });
    run.entries.splice(at_heal..at_heal, late);
    let row = &run.judge().episodes[1];
    assert_eq!(row.members, ["postgres-1", "postgres-2"]);
    assert_eq!(row.detail, "exited with code 137; exited with code 9");
    assert!((row.begin_s.unwrap() - 30.0).abs() < 0.01);
    assert!((row.replaced_s.unwrap() - 6.0).abs() < 0.01);
}

#[test]
fn an_episode_row_tells_its_times() {
    let run = Run::healthy().fail(30.5..33.0, Class::Ingest, Outcome::Unreachable);
    let judgement = run.judge();
    let row = &judgement.episodes[1];
    let about = |value: Option<f64>, expected: f64| (value.unwrap() - expected).abs() < 0.01;
    assert!(about(row.begin_s, 30.0) && about(row.hold_s, 7.9) && about(row.recovery_s, 2.0));
    assert!(about(row.noticed_s, 0.5) && about(row.replaced_s, 2.0) && about(row.exposed_s, 10.5));
    assert!(about(row.first_bad_s, 1.0) && about(row.last_bad_s, 2.06));
    assert_eq!(
        (row.toll.down.as_slice(), row.toll.longest_outage_s),
        ([Class::Ingest].as_slice(), 2)
    );
    assert_eq!(
        (row.members.as_slice(), row.detail.as_str()),
        (["postgres-1".to_owned()].as_slice(), "exited with code 137")
    );
    let [outage] = row.outages.as_slice() else {
        panic!("{:?}", row.outages)
    };
    assert_eq!(outage.class, Class::Ingest);
    assert!(about(outage.lasted_s, 2.0), "{outage:?}");
    assert_eq!(judgement.episodes[0].replaced_s, None);
    assert_eq!(judgement.quiet.toll.bad, 0);
    assert!((judgement.quiet.seconds - (60.1 - 21.0)).abs() < 0.01);
}

#[test]
fn what_was_under_way_when_the_fault_came_is_the_faults_doing() {
    let mut run = Run::healthy();
    let last = run.arrivals.iter_mut().rfind(|a| a.due < at(10.0)).unwrap();
    last.outcome = Outcome::Broken;
    last.done = at(10.05);
    let judgement = run.judge();
    assert_eq!(
        (judgement.episodes[0].toll.bad, judgement.quiet.toll.bad),
        (1, 0)
    );
    assert_eq!(judgement.episodes[0].first_bad_s, Some(0.0));
}

#[test]
fn episodes_and_quiet_time_add_up_to_the_run() {
    let run = Run::healthy().fail(5.0..35.0, Class::Live, Outcome::Failed);
    let judgement = run.judge();
    let rows = judgement
        .episodes
        .iter()
        .map(|row| &row.toll)
        .chain([&judgement.quiet.toll]);
    let rows: Vec<_> = rows.collect();
    let live = judgement
        .classes
        .iter()
        .find(|c| c.class == Class::Live)
        .unwrap();
    let sum: f64 = rows.iter().map(|toll| toll.bad_second_equivalents).sum();
    assert!((sum - live.toll.bad_second_equivalents).abs() < 1e-5);
    assert_eq!(
        rows.iter().map(|toll| toll.requests).sum::<u64>(),
        judgement.load.arrivals
    );
    assert_eq!(
        rows.iter().map(|toll| toll.bad).sum::<u64>(),
        judgement.load.bad
    );
}

#[test]
fn the_load_is_told_in_numbers() {
    let judgement = Run::healthy().judge();
    let load = &judgement.load;
    assert!(
        (load.seconds - 60.1).abs() < 0.01 && load.users_seen == 20,
        "{load:?}"
    );
    assert!(load.peak_requests_per_s > load.mean_requests_per_s);
    assert!((load.lateness.sent.p99_ms.unwrap() - 0.2).abs() < 0.01);
    assert_eq!(judgement.classes.len(), Class::ALL.len());
    assert!((judgement.classes[0].latency.p99_ms.unwrap() - 5.0).abs() < 0.01);
    assert_eq!(judgement.components[0].counters[0].value, 250.0);
    assert_eq!(judgement.bill.total_usd, 72.0);
    let series = &judgement.series;
    assert_eq!(series.requests[&Class::Ingest].len(), 60);
    assert_eq!(series.answered_p99_ms.len(), 12);
    let due = Duration::from_secs(6).as_secs_f64();
    assert_eq!((series.users_step_s, series.users.len()), (due, 10));
}
