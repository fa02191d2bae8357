//! Known losses must come back by name, and without every stored reading nothing is proven.

use std::time::Duration;

use drill::{Class, alarms, reading, reading_id};
use timeline::{
    Arrivals, Entry, Event, Outcome, STORED_HEADER, StoredReadings, encode_stored, stored_footer,
};
use wire::{Paged, Reading, Thresholds};

use crate::{
    Clause, EntryFault, Judgement, Verdict, judge_with_ledger,
    testing::{Run, at},
};

/// A run with its ledger: everything acknowledged is stored until a test spoils it.
struct Ledgered {
    run: Run,
    stored: Vec<Reading>,
    complete: bool,
    /// The third party's book, where it was read.
    book: Option<Vec<Paged>>,
}

impl Ledgered {
    fn healthy() -> Self {
        let mut run = Run::healthy();
        let header = run.header();
        header.zero_unix_ns = 1_700_000_000_000_000_000;
        // What is on the grid is too little for a high percentile.
        header.drill.contract.latency.truncate(1);
        header.drill.contract.lost_readings = Some(0);
        header.drill.contract.duplicate_readings = Some(0);
        header.drill.contract.lost_pages = Some(0);
        let zero = header.zero_unix_ns;
        let every = header.drill.traffic.monitor_every();
        // The synthetic load asks each second: what is left is on a monitor's grid.
        run.arrivals.retain(|arrival| {
            let within = arrival.due.since(at(0.0)).as_nanos() % every.as_nanos();
            arrival.class != Class::Ingest || within < 1_000_000_000
        });
        let read = run.arrivals.len() as u64;
        for entry in &mut run.entries {
            if let Event::LoadEnded { arrivals } = &mut entry.event {
                *arrivals = read;
            }
        }
        let ingest = run.arrivals.iter().filter(|a| a.class == Class::Ingest);
        let posts: Vec<_> = ingest
            .map(|arrival| {
                let slot = arrival.due.since(at(0.0)).as_nanos() / every.as_nanos();
                let taken_at_ms = ((zero + arrival.due.0) / 1_000_000) as i64;
                (arrival.user, slot as u32, taken_at_ms)
            })
            .collect();
        let limits = Thresholds::default();
        // Three readings in a thousand alarm: here are few, so a seed is taken for which at least one does.
        let stored_by = |seed| -> Vec<Reading> {
            let posts = posts.iter();
            posts
                .map(|(user, slot, ms)| reading(seed, *user, *slot, *ms))
                .collect()
        };
        let some_alarm = |seed: &u64| stored_by(*seed).iter().any(|r| alarms(r, &limits));
        let seed = (1..1000).find(some_alarm).unwrap();
        let stored = stored_by(seed);
        let alarming = stored.iter().filter(|r| alarms(r, &limits));
        let page = |(number, reading): (usize, &Reading)| Paged {
            alert_id: uuid::Uuid::from_u128(number as u128),
            reading_id: reading.reading_id,
            taken_at_ms: reading.taken_at_ms + 1500,
        };
        let book = alarming.enumerate().map(page).collect();
        run.header().drill.seed = seed;
        Self {
            stored,
            run,
            complete: true,
            book: Some(book),
        }
    }

    fn judge(&self) -> Judgement {
        let mut bytes = STORED_HEADER.to_vec();
        self.stored
            .iter()
            .for_each(|reading| bytes.extend(encode_stored(reading)));
        if self.complete {
            bytes.extend(stored_footer(self.stored.len() as u64));
        }
        let mut entries = self.run.entries.clone();
        if let Some(pages) = self.book.clone() {
            let event = Event::PagesTaken { pages };
            entries.push(Entry {
                at: at(60.5),
                event,
            });
        }
        let recording = self.run.recording();
        let arrivals = Arrivals::open(recording.as_slice()).unwrap();
        let stored = StoredReadings::open(bytes.as_slice()).unwrap();
        judge_with_ledger(&entries, arrivals, Some(stored)).unwrap()
    }
}

fn verdict(judgement: &Judgement, clause: Clause) -> Verdict {
    let finding = judgement
        .findings
        .iter()
        .find(|finding| finding.clause == clause);
    finding.unwrap().verdict
}

#[test]
fn everything_stored_as_posted_is_held() {
    let judgement = Ledgered::healthy().judge();
    assert_eq!(judgement.verdict, Verdict::Held, "{:?}", judgement.findings);
    let ledger = judgement.ledger.unwrap();
    assert!(ledger.acknowledged > 20 && ledger.acknowledged == ledger.stored);
    assert!(ledger.named.is_empty());
}

#[test]
fn one_missing_reading_is_named_with_its_episode() {
    let mut run = Ledgered::healthy();
    // Due 35 s into the load, in the episode of the database primary.
    let from_ms = (1_700_000_000_000 + at(35.0).as_duration().as_millis()) as i64;
    let missing = run
        .stored
        .iter()
        .position(|r| r.taken_at_ms >= from_ms)
        .unwrap();
    let missing = run.stored.remove(missing);
    let judgement = run.judge();
    assert_eq!(
        verdict(&judgement, Clause::AcknowledgedLoss),
        Verdict::Broken
    );
    assert_eq!(judgement.verdict, Verdict::Broken);
    let ledger = judgement.ledger.unwrap();
    let [named] = ledger.named.as_slice() else {
        panic!("{ledger:?}")
    };
    assert_eq!(named.reading_id, missing.reading_id.to_string());
    assert_eq!((named.fault, ledger.lost), (EntryFault::Lost, 1));
    assert_eq!(named.episode.as_deref(), Some("database-primary"));
    assert_eq!(ledger.by_episode["database-primary"], 1);
}

#[test]
fn changed_values_are_a_loss_too() {
    let changes: [fn(&mut Reading); 4] = [
        |r| r.heart_rate += 1,
        |r| r.patient_id += 1,
        |r| r.taken_at_ms += 1,
        |r| r.systolic = 0,
    ];
    for change in changes {
        let mut run = Ledgered::healthy();
        change(&mut run.stored[3]);
        let judgement = run.judge();
        assert_eq!(
            verdict(&judgement, Clause::AcknowledgedLoss),
            Verdict::Broken
        );
        assert_eq!(judgement.ledger.unwrap().altered, 1);
    }
}

#[test]
fn what_is_there_twice_is_named() {
    let mut run = Ledgered::healthy();
    run.stored.push(run.stored[5].clone());
    let judgement = run.judge();
    assert_eq!(verdict(&judgement, Clause::Duplicates), Verdict::Broken);
    assert_eq!(verdict(&judgement, Clause::AcknowledgedLoss), Verdict::Held);
    assert_eq!(
        judgement.ledger.unwrap().named[0].fault,
        EntryFault::Duplicated
    );
}

#[test]
fn what_was_given_up_and_what_is_not_ours_breaks_no_promise() {
    let mut run = Ledgered::healthy();
    let given_up = run
        .run
        .arrivals
        .iter_mut()
        .find(|a| a.class == Class::Ingest);
    given_up.unwrap().outcome = Outcome::TimedOut;
    let foreign = reading_id(99, 1, 1);
    run.stored.push(Reading {
        reading_id: foreign,
        ..run.stored[0].clone()
    });
    let judgement = run.judge();
    assert_eq!(verdict(&judgement, Clause::AcknowledgedLoss), Verdict::Held);
    let ledger = judgement.ledger.unwrap();
    assert_eq!((ledger.unacknowledged, ledger.foreign), (1, 1));
}

#[test]
fn a_ledger_cut_short_proves_nothing() {
    let mut run = Ledgered::healthy();
    run.stored.truncate(2);
    run.complete = false;
    let judgement = run.judge();
    assert_eq!(
        verdict(&judgement, Clause::AcknowledgedLoss),
        Verdict::Unproven
    );
    assert_eq!(verdict(&judgement, Clause::Duplicates), Verdict::Unproven);
}

#[test]
fn without_a_ledger_the_reason_is_told() {
    let mut run = Ledgered::healthy().run;
    let reason = "postgres-1 gave no answer".to_owned();
    run.push(60.5, Event::LedgerFailed { reason });
    let judgement = run.judge();
    assert_eq!(judgement.verdict, Verdict::Unproven);
    let mut findings = judgement.findings.iter();
    let finding = findings
        .find(|f| f.clause == Clause::AcknowledgedLoss)
        .unwrap();
    assert!(finding.measured.text.contains("postgres-1 gave no answer"));
}

#[test]
fn staff_that_was_not_notified_is_named() {
    let mut run = Ledgered::healthy();
    let judgement = run.judge();
    let pages = judgement.pages.as_ref().unwrap();
    assert!(pages.due > 0 && pages.missing == 0, "{pages:?}");
    assert!((1.5..1.6).contains(&pages.slowest_s.unwrap()), "{pages:?}");
    assert_eq!(verdict(&judgement, Clause::Pages), Verdict::Held);

    let lost = run.book.as_mut().unwrap().pop().unwrap();
    let judgement = run.judge();
    let pages = judgement.pages.as_ref().unwrap();
    assert_eq!(pages.named[0].reading_id, lost.reading_id.to_string());
    assert_eq!(pages.named[0].fault, EntryFault::NotPaged);
    assert_eq!(verdict(&judgement, Clause::Pages), Verdict::Broken);
    assert_eq!(verdict(&judgement, Clause::AcknowledgedLoss), Verdict::Held);
}

#[test]
fn a_page_taken_again_is_a_second_call_of_staff() {
    let mut run = Ledgered::healthy();
    let text = |judgement: &Judgement| {
        let mut findings = judgement.findings.iter();
        let finding = findings.find(|f| f.clause == Clause::Duplicates);
        finding.unwrap().measured.text.clone()
    };
    let judgement = run.judge();
    assert_eq!(verdict(&judgement, Clause::Duplicates), Verdict::Held);
    assert!(
        text(&judgement).starts_with("twice: 0 of "),
        "{}",
        text(&judgement)
    );
    let book = run.book.as_mut().unwrap();
    let again = book[0].clone();
    book.push(again);
    let judgement = run.judge();
    assert_eq!(judgement.pages.as_ref().unwrap().repeated, 1);
    assert_eq!(verdict(&judgement, Clause::Duplicates), Verdict::Broken);
    assert_eq!(verdict(&judgement, Clause::Pages), Verdict::Held);
}

#[test]
fn a_page_after_five_minutes_is_late_and_named_with_its_episode() {
    let mut run = Ledgered::healthy();
    run.run.header().drill.contract.paged_within = Some(Duration::from_secs(20));
    assert_eq!(verdict(&run.judge(), Clause::PageDelivery), Verdict::Held);
    for page in run.book.as_mut().unwrap() {
        page.taken_at_ms += 298_500;
    }
    let judgement = run.judge();
    assert_eq!(verdict(&judgement, Clause::Pages), Verdict::Held);
    assert_eq!(verdict(&judgement, Clause::PageDelivery), Verdict::Broken);
    let pages = judgement.pages.unwrap();
    assert!((299.9..300.1).contains(&pages.slowest_s.unwrap()));
    assert_eq!(pages.late, pages.due);
}

#[test]
fn a_page_that_never_came_is_not_in_time() {
    let mut run = Ledgered::healthy();
    let contract = &mut run.run.header().drill.contract;
    contract.paged_within = Some(Duration::from_secs(20));
    contract.lost_pages = None;
    run.book.as_mut().unwrap().pop();
    assert_eq!(verdict(&run.judge(), Clause::PageDelivery), Verdict::Broken);
    // With a clause of its own it breaks that one; and where nothing came, nothing is known of the time.
    run.run.header().drill.contract.lost_pages = Some(0);
    run.book = Some(vec![]);
    let judgement = run.judge();
    assert_eq!(verdict(&judgement, Clause::Pages), Verdict::Broken);
    assert_eq!(verdict(&judgement, Clause::PageDelivery), Verdict::Unproven);
}

#[test]
fn without_two_clocks_that_agree_no_page_is_in_time() {
    let mut run = Ledgered::healthy();
    run.run.header().drill.contract.paged_within = Some(Duration::from_secs(20));
    for page in run.book.as_mut().unwrap() {
        page.taken_at_ms -= 60_000;
    }
    assert_eq!(
        verdict(&run.judge(), Clause::PageDelivery),
        Verdict::Unproven
    );
    run.run.header().zero_unix_ns = 0;
    assert_eq!(
        verdict(&run.judge(), Clause::PageDelivery),
        Verdict::Unproven
    );
    run.book = None;
    assert_eq!(
        verdict(&run.judge(), Clause::PageDelivery),
        Verdict::Unproven
    );
}

#[test]
fn what_was_given_up_must_be_as_it_was_posted_all_the_same() {
    let changes: [fn(&mut Reading); 3] = [
        |r| r.heart_rate += 1,
        |r| r.patient_id += 1,
        |r| r.taken_at_ms += 1,
    ];
    for change in changes {
        let mut run = Ledgered::healthy();
        let ingest = run
            .run
            .arrivals
            .iter_mut()
            .filter(|a| a.class == Class::Ingest);
        let mut of_stored = ingest.zip(&mut run.stored);
        let (given_up, stored) = of_stored.next().unwrap();
        given_up.outcome = Outcome::TimedOut;
        change(stored);
        let judgement = run.judge();
        assert_eq!(
            verdict(&judgement, Clause::AcknowledgedLoss),
            Verdict::Broken
        );
        let ledger = judgement.ledger.unwrap();
        let counts = (ledger.altered, ledger.altered_unacknowledged);
        assert_eq!((counts, ledger.unacknowledged), ((0, 1), 1));
        assert_eq!(ledger.compared, Some(ledger.stored));
        assert_eq!(ledger.named[0].fault, EntryFault::AlteredUnacknowledged);
    }
}

#[test]
fn without_the_third_partys_book_nothing_is_proven() {
    let mut run = Ledgered::healthy();
    run.book = None;
    assert_eq!(verdict(&run.judge(), Clause::Pages), Verdict::Unproven);
    let reason = "10.0.0.1:9100: refused".to_owned();
    run.run.push(60.5, Event::PagesFailed { reason });
    let judgement = run.judge();
    let finding = judgement
        .findings
        .iter()
        .find(|f| f.clause == Clause::Pages);
    assert!(finding.unwrap().measured.text.contains("refused"));
}
