//! What is measured in the order of due times: outages, the users' time, steady probes and live streams.

use drill::{Class, derive_seed};
use timeline::{Arrival, Arrivals, Event, FIRST_PROBE, HEADER, Outcome, Span, SpanKind};

use super::titles;
use crate::{
    Judgement, Verdict, judge,
    testing::{Run, at},
};

/// Records of one moment change places, and what timed out comes seconds after what was answered at once.
#[test]
fn the_order_in_which_arrivals_end_does_not_matter() {
    let run = Run::healthy().fail(10.0..14.0, Class::Admin, Outcome::TimedOut);
    let mut shuffled = Run::healthy().fail(10.0..14.0, Class::Admin, Outcome::TimedOut);
    shuffled
        .arrivals
        .sort_by_key(|a| a.due.0 + derive_seed(u64::from(a.user), a.due.0) % 3_000_000_000);
    assert_ne!(run.arrivals, shuffled.arrivals);
    assert_eq!(run.judge(), shuffled.judge());
}

#[test]
fn what_is_recorded_long_after_its_end_is_a_doubt_and_counts() {
    let mut run = Run::healthy().fail(10.0..14.0, Class::Admin, Outcome::Failed);
    let late = run.arrivals.iter().position(|a| a.outcome != Outcome::Ok);
    let late = run.arrivals.remove(late.unwrap());
    run.arrivals.push(late);
    let judgement = run.judge();
    assert!(titles(&judgement, Verdict::Unproven).contains(&"recording out of order"));
    assert_eq!(judgement.load.bad, 9);
}

#[test]
fn a_timeout_that_is_recorded_after_a_later_good_answer_makes_its_user_down() {
    let mut run = Run::healthy();
    let failed = run
        .arrivals
        .iter()
        .position(|a| a.user == 0 && a.due > at(40.5))
        .unwrap();
    let mut failed = run.arrivals.remove(failed);
    failed.outcome = Outcome::TimedOut;
    failed.done.0 = failed.due.0 + 2_000_000_000;
    let place = run.arrivals.partition_point(|a| a.due < failed.done);
    run.arrivals.insert(place, failed);
    let worst = run.judge().user_uptime[0];
    assert!(worst.up_percent < 100.0, "{worst:?}");
    assert_eq!(worst.begin_s, 41.0);
}

/// A probe asks for thresholds every 100 ms, and is refused from 12.0 to 12.5 s, while no user asks.
#[test]
fn a_steady_probe_times_an_outage_and_counts_nowhere_else() {
    let healthy = Run::healthy();
    let mut run = Run::healthy();
    for tick in 0..600 {
        let load_s = f64::from(tick) / 10.0 + 0.007;
        let refused = (12.3..12.8).contains(&load_s);
        run.arrivals.push(Arrival {
            user: FIRST_PROBE,
            class: Class::Admin,
            outcome: if refused {
                Outcome::Failed
            } else {
                Outcome::Ok
            },
            again: false,
            status: 200,
            due: at(load_s),
            sent: at(load_s),
            done: at(load_s + 0.003),
        });
    }
    run.arrivals.sort_by_key(|arrival| arrival.done);
    let all = run.arrivals.len() as u64;
    for entry in &mut run.entries {
        if let Event::LoadEnded { arrivals } = &mut entry.event {
            *arrivals = all;
        }
    }
    let (with, without) = (run.judge(), healthy.judge());
    let admin = |judgement: &Judgement| {
        let row = judgement
            .classes
            .iter()
            .find(|row| row.class == Class::Admin);
        row.unwrap().clone()
    };
    let toll = admin(&with).toll;
    assert!((toll.bad_second_equivalents - 0.5).abs() < 0.06, "{toll:?}");
    assert!(toll.resolution_s < admin(&without).toll.resolution_s);
    assert_eq!(
        with.episodes[0].toll.bad_second_equivalents,
        toll.bad_second_equivalents
    );
    assert_eq!(with.budget.burned_s, toll.bad_second_equivalents);
    assert_eq!(
        (toll.bad, toll.requests),
        (0, admin(&without).toll.requests)
    );
    assert_eq!(admin(&with).latency, admin(&without).latency);
    assert_eq!((&with.load, &with.series), (&without.load, &without.series));
    assert_eq!(
        (&with.user_uptime, &with.pressures),
        (&without.user_uptime, &without.pressures)
    );
}

/// Ten followers for the whole load, five of whom lose their stream for 4 s in the first episode.
#[test]
fn streams_are_judged_by_their_followers_time() {
    let mut run = Run::healthy().fail(12.0..13.0, Class::Live, Outcome::Broken);
    let span = |user: u32, kind: SpanKind, from: f64, until: f64| Span {
        user,
        kind,
        from: at(from),
        sure: at(from),
        until: at(until),
    };
    let stays = (0..10).map(|user| span(user, SpanKind::Stay, 0.0, 60.0));
    let gaps = (0..5).map(|user| span(user, SpanKind::Gap, 12.0, 16.0));
    let spans: Vec<_> = gaps.chain(stays).collect();
    let judged = |run: &Run| {
        let arrivals = run.arrivals.iter().map(Arrival::encode);
        let records: Vec<_> = spans.iter().map(Span::encode).chain(arrivals).collect();
        let footer = Arrival::footer(records.len() as u64);
        let bytes = [HEADER.as_slice(), &records.concat(), &footer].concat();
        judge(&run.entries, Arrivals::open(bytes.as_slice()).unwrap()).unwrap()
    };
    let judgement = judged(&run);
    assert_eq!(judgement.budget.burned_s, 2.0);
    assert_eq!(judgement.budget.burns[0].class, Some(Class::Live));
    let streams = judgement.streams.unwrap();
    assert_eq!(
        (streams.followers, streams.gaps, streams.lost_s),
        (10, 5, 2.0)
    );
    // A load that was cut short does not tell how long its followers stayed.
    run = run.without(|event| matches!(event, Event::LoadEnded { .. }));
    assert_eq!(judged(&run).streams, None);
    assert!((judged(&run).budget.burned_s - 1.0).abs() < 0.1);
}
