//! Each promise beside the classic ones: held by a healthy run, broken by its breach, unproven without its evidence.

use std::time::Duration;

use drill::{Class, Component, Contract, Role, UptimeClause};
use timeline::{Arrival, Event, MemberHealth, Offset, Outcome};

use crate::{
    Clause, Verdict,
    testing::{Run, at},
};

/// A healthy run under one more promise.
fn under(promise: impl Fn(&mut Contract)) -> Run {
    let mut run = Run::healthy();
    promise(&mut run.header().drill.contract);
    run
}

fn verdict(run: &Run, clause: Clause) -> Verdict {
    let judgement = run.judge();
    let finding = judgement.findings.iter().find(|f| f.clause == clause);
    finding.expect("the clause").verdict
}

#[test]
fn a_promise_that_the_contract_does_not_have_is_not_judged() {
    let clauses: Vec<_> = Run::healthy()
        .judge()
        .findings
        .iter()
        .map(|f| f.clause)
        .collect();
    for absent in [
        Clause::Recovery,
        Clause::Alerts,
        Clause::SplitBrain,
        Clause::UserUptime,
    ] {
        assert!(!clauses.contains(&absent), "{absent:?}");
    }
}

#[test]
fn service_is_back_with_the_last_bad_request() {
    let run = || under(|c| c.service_back_within = Some(Duration::from_secs(3)));
    assert_eq!(verdict(&run(), Clause::Recovery), Verdict::Held);
    let short = run().fail(10.0..12.5, Class::Read, Outcome::Failed);
    assert_eq!(verdict(&short, Clause::Recovery), Verdict::Held);
    let long = run().fail(10.0..14.5, Class::Read, Outcome::Failed);
    assert_eq!(verdict(&long, Clause::Recovery), Verdict::Broken);
    let nothing = run().without(|event| matches!(event, Event::FaultProven { .. }));
    assert_eq!(verdict(&nothing, Clause::Recovery), Verdict::Unproven);
}

#[test]
fn redundancy_that_never_comes_back_is_broken() {
    let run = |s| under(move |c| c.redundancy_back_within = Some(Duration::from_secs(s)));
    assert_eq!(verdict(&run(2), Clause::Redundancy), Verdict::Held);
    assert_eq!(verdict(&run(1), Clause::Redundancy), Verdict::Broken);
    let never = run(2).without(|event| matches!(event, Event::EpisodeEnded { episode: 1 }));
    assert_eq!(verdict(&never, Clause::Redundancy), Verdict::Broken);
}

#[test]
fn one_stale_read_is_broken_and_without_a_change_nothing_is_proven() {
    let run = || under(|c| c.stale_at_most = Some(Duration::from_secs(5)));
    assert_eq!(verdict(&run(), Clause::Staleness), Verdict::Held);
    let mut one = run();
    let read = one.arrivals.iter_mut().find(|a| a.class == Class::Read);
    read.expect("a read").outcome = Outcome::Stale;
    assert_eq!(verdict(&one, Clause::Staleness), Verdict::Broken);
    let unchanged = run().fail(0.0..60.0, Class::Admin, Outcome::Failed);
    assert_eq!(verdict(&unchanged, Clause::Staleness), Verdict::Unproven);
}

#[test]
fn one_failed_request_is_one_too_many_where_none_may_fail() {
    let run = |most| under(move |c| c.failed_requests = Some(most));
    assert_eq!(verdict(&run(0), Clause::FailedRequests), Verdict::Held);
    let one = |most| {
        let mut run = run(most);
        let read = run.arrivals.iter_mut().find(|a| a.class == Class::Read);
        read.expect("a read").outcome = Outcome::TimedOut;
        run
    };
    assert_eq!(verdict(&one(0), Clause::FailedRequests), Verdict::Broken);
    assert_eq!(verdict(&one(1), Clause::FailedRequests), Verdict::Held);
    let nobody = run(0).each(|arrival| arrival.class = Class::Alert);
    assert_eq!(verdict(&nobody, Clause::FailedRequests), Verdict::Unproven);
}

#[test]
fn every_alert_comes_and_comes_in_time() {
    // In the synthetic run each user of a class asks once a second: here, for an alert.
    let run = || under(|c| c.alert_within = Some(Duration::from_secs(2)));
    assert_eq!(verdict(&run(), Clause::Alerts), Verdict::Held);
    let missed = run().fail(20.0..21.0, Class::Alert, Outcome::TimedOut);
    assert_eq!(verdict(&missed, Clause::Alerts), Verdict::Broken);
    let late = run().each(|arrival: &mut Arrival| {
        if arrival.class == Class::Alert && arrival.due >= at(50.0) {
            arrival.done = Offset::from(arrival.due.as_duration() + Duration::from_secs(3));
        }
    });
    assert_eq!(verdict(&late, Clause::Alerts), Verdict::Broken);
    let mut none = run();
    none.arrivals
        .retain(|arrival| arrival.class != Class::Alert);
    assert_eq!(verdict(&none, Clause::Alerts), Verdict::Unproven);
}

#[test]
fn an_alert_that_comes_again_is_no_second_alert_and_breaks_its_own_promise() {
    let run = || {
        under(|c| {
            c.alert_within = Some(Duration::from_secs(2));
            c.repeated_alerts = Some(0);
        })
    };
    assert_eq!(verdict(&run(), Clause::RepeatedAlerts), Verdict::Held);
    let again = run().fail(20.0..20.5, Class::Alert, Outcome::Repeated);
    assert_eq!(verdict(&again, Clause::RepeatedAlerts), Verdict::Broken);
    assert_eq!(verdict(&again, Clause::Alerts), Verdict::Held);
    let none = run().each(|arrival| {
        if arrival.class == Class::Alert {
            arrival.class = Class::Read;
        }
    });
    assert_eq!(verdict(&none, Clause::RepeatedAlerts), Verdict::Unproven);
}

#[test]
fn two_primaries_for_longer_than_two_looks_are_a_split_brain() {
    let primary = |member: &str, is: bool| {
        Event::Member(MemberHealth {
            member: member.into(),
            component: Component::Postgres,
            healthy: true,
            answered: true,
            roles: if is {
                vec![Role::PostgresPrimary]
            } else {
                vec![]
            },
            detail: String::new(),
        })
    };
    let run = |together_s: f64| {
        let mut run =
            under(|c| c.no_split_brain = true).without(|event| matches!(event, Event::Member(_)));
        run.push(1.0, primary("postgres-1", true));
        run.push(40.0, primary("postgres-2", true));
        run.push(40.0 + together_s, primary("postgres-1", false));
        run
    };
    assert_eq!(verdict(&run(1.5), Clause::SplitBrain), Verdict::Held);
    assert_eq!(verdict(&run(2.5), Clause::SplitBrain), Verdict::Broken);
    let blind = under(|c| c.no_split_brain = true).without(|e| matches!(e, Event::Member(_)));
    assert_eq!(verdict(&blind, Clause::SplitBrain), Verdict::Unproven);
}

#[test]
fn two_logs_that_grow_are_a_split_brain_whatever_their_owners_say() {
    let run = |both_s: u64| {
        let mut run = under(|c| c.no_split_brain = true);
        for second in 0..60 {
            for (member, until) in [("postgres-1", 20 + both_s), ("postgres-2", 60)] {
                let from = if member == "postgres-1" { 0 } else { 20 };
                if (from..until).contains(&second) {
                    let sample = Event::Counter {
                        member: member.into(),
                        component: Component::Postgres,
                        counter: "wal_written".into(),
                        value: second as f64,
                    };
                    run.push(second as f64, sample);
                }
            }
        }
        run
    };
    assert_eq!(verdict(&run(0), Clause::SplitBrain), Verdict::Held);
    assert_eq!(verdict(&run(6), Clause::SplitBrain), Verdict::Broken);
}

#[test]
fn the_worst_window_of_the_users_time_counts() {
    let run = |window_s, at_least_percent| {
        under(move |c| {
            let window = Duration::from_secs(window_s);
            c.user_uptime = vec![UptimeClause {
                window,
                at_least_percent,
            }];
        })
    };
    let dark = |run: Run| run.fail(20.0..25.0, Class::Read, Outcome::Failed);
    assert_eq!(verdict(&run(10, 100.0), Clause::UserUptime), Verdict::Held);
    // A fifth of the users are readers: down for half of the worst ten seconds.
    assert_eq!(
        verdict(&dark(run(10, 85.0)), Clause::UserUptime),
        Verdict::Held
    );
    assert_eq!(
        verdict(&dark(run(10, 95.0)), Clause::UserUptime),
        Verdict::Broken
    );
    assert_eq!(
        verdict(&run(600, 1.0), Clause::UserUptime),
        Verdict::Unproven
    );
}
