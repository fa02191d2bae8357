//! Every clause has a known breach that is *broken*, and becomes *unproven* where the breach can't be seen.

use std::time::Duration;

use drill::{Class, Contract, UptimeClause};
use timeline::{Event, Outcome};

use crate::{Clause, Verdict, testing::Run};

/// How a clause is shown to be judged both ways.
enum Pair {
    /// The promise, its breach, and what removes the evidence.
    Here(fn(&mut Contract), super::Change, super::Change),
    /// Needs more than arrivals: the source with both tests, and their names.
    In(&'static str, [&'static str; 2]),
    /// In the table of breaches of this module, under the title.
    Table(&'static str),
    /// Has no pair, for a reason.
    Without(&'static str),
}

const LEDGER: &str = include_str!("../ledger/tests.rs");
const CHANGES: &str = include_str!("../changes/tests.rs");
const CLAUSES: &str = include_str!("../clauses/tests.rs");
const SPLIT: [&str; 2] = [
    "two_primaries_for_longer_than_two_looks_are_a_split_brain",
    "two_logs_that_grow_are_a_split_brain_whatever_their_owners_say",
];
const MINUTE: Duration = Duration::from_secs(60);

/// A clause that is new does not compile before it has a row.
fn pair(clause: Clause) -> Pair {
    match clause {
        Clause::Availability => Pair::Table("availability"),
        Clause::Latency => Pair::Table("latency p95"),
        Clause::Bill => Pair::Table("bill"),
        Clause::Evidence => Pair::Without("It is itself the doubt: unproven at worst."),
        Clause::Claim => Pair::Without("Tells what a run may claim: too few runs prove nothing."),
        Clause::Redundancy => Pair::Here(
            |c| c.redundancy_back_within = Some(Duration::from_secs(1)),
            |run| run,
            unproven_faults,
        ),
        Clause::Recovery => Pair::Here(
            |c| c.service_back_within = Some(Duration::from_secs(3)),
            |run| run.fail(10.0..14.5, Class::Read, Outcome::Failed),
            unproven_faults,
        ),
        Clause::FailedRequests => Pair::Here(
            |c| c.failed_requests = Some(0),
            |run| run.fail(20.0..22.0, Class::Read, Outcome::TimedOut),
            super::without_load,
        ),
        Clause::UserUptime => Pair::Here(
            |c| c.user_uptime = vec![window(10)],
            |run| run.fail(20.0..25.0, Class::Read, Outcome::Failed),
            |mut run| {
                run.header().drill.contract.user_uptime = vec![window(600)];
                run
            },
        ),
        Clause::Alerts => Pair::Here(
            |c| c.alert_within = Some(MINUTE),
            |run| run.fail(20.0..21.0, Class::Alert, Outcome::TimedOut),
            super::without_load,
        ),
        Clause::RepeatedAlerts => Pair::Here(
            |c| (c.alert_within, c.repeated_alerts) = (Some(MINUTE), Some(0)),
            |run| run.fail(20.0..20.5, Class::Alert, Outcome::Repeated),
            super::without_load,
        ),
        Clause::Staleness => Pair::Here(
            |c| c.stale_at_most = Some(MINUTE),
            |run| run.fail(20.0..21.0, Class::Read, Outcome::Stale),
            super::without_load,
        ),
        Clause::Visibility => Pair::Here(
            |c| c.visible_within = Some(MINUTE),
            |run| run.fail(20.0..21.0, Class::Read, Outcome::NotVisible),
            super::without_load,
        ),
        Clause::SplitBrain => Pair::In(CLAUSES, SPLIT),
        Clause::Pages => Pair::In(
            LEDGER,
            [
                "staff_that_was_not_notified_is_named",
                "without_the_third_partys_book_nothing_is_proven",
            ],
        ),
        Clause::PageDelivery => Pair::In(
            LEDGER,
            [
                "a_page_after_five_minutes_is_late_and_named_with_its_episode",
                "without_two_clocks_that_agree_no_page_is_in_time",
            ],
        ),
        Clause::AcknowledgedLoss => Pair::In(
            LEDGER,
            [
                "one_missing_reading_is_named_with_its_episode",
                "without_a_ledger_the_reason_is_told",
            ],
        ),
        Clause::Duplicates => Pair::In(
            LEDGER,
            [
                "what_is_there_twice_is_named",
                "a_ledger_cut_short_proves_nothing",
            ],
        ),
        Clause::LostChanges => Pair::In(
            CHANGES,
            [
                "an_acknowledged_change_that_an_older_one_replaced_is_lost_and_named",
                "without_a_look_or_a_change_nothing_is_proven",
            ],
        ),
    }
}

fn window(window_s: u64) -> UptimeClause {
    UptimeClause {
        window: Duration::from_secs(window_s),
        at_least_percent: 95.0,
    }
}

fn unproven_faults(run: Run) -> Run {
    run.without(|event| matches!(event, Event::FaultProven { .. }))
}

fn verdict(run: &Run, clause: Clause) -> Option<Verdict> {
    let judgement = run.judge();
    let finding = judgement.findings.iter().find(|f| f.clause == clause);
    finding.map(|finding| finding.verdict)
}

#[test]
fn every_clause_is_broken_by_a_breach_and_unproven_without_evidence() {
    for clause in Clause::ALL {
        match pair(clause) {
            Pair::Here(promise, breach, blind) => {
                let run = || {
                    let mut run = Run::healthy();
                    promise(&mut run.header().drill.contract);
                    breach(run)
                };
                let seen = verdict(&run(), clause);
                assert_eq!(seen, Some(Verdict::Broken), "{clause:?}");
                let unseen = verdict(&blind(run()), clause);
                assert_eq!(unseen, Some(Verdict::Unproven), "{clause:?}");
            }
            Pair::In(source, tests) => {
                let has = |test: &str| source.contains(&format!("fn {test}()"));
                assert!(tests.into_iter().all(has), "{clause:?}");
            }
            Pair::Table(title) => {
                let has = |breach: &super::Breach| breach.broken.contains(&title);
                assert!(super::BREACHES.iter().any(has), "{clause:?}");
            }
            Pair::Without(reason) => assert!(!reason.is_empty(), "{clause:?}"),
        }
    }
}
