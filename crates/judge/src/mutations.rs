//! Mutation tests: a healthy run is spoilt in exactly one way, and the judge must find that and nothing else.
//! A known breach is *broken*; without what it was seen by, or with any doubt about it, nothing is proven.

mod every_clause;

use drill::Class;
use timeline::{Event, Outcome};

use crate::{
    Judgement, Verdict,
    testing::{Run, at},
};

type Change = fn(Run) -> Run;

/// A promise that is not kept.
struct Breach {
    what: &'static str,
    change: Change,
    /// Titles of the clauses that are broken.
    broken: &'static [&'static str],
    /// Removes what the breach was seen by.
    blind: Change,
}

const BREACHES: [Breach; 7] = [
    Breach {
        what: "every request of one class fails for longer than the budget",
        change: |run| without_latency(run).fail(30.0..58.0, Class::Ingest, Outcome::TimedOut),
        broken: &["availability"],
        blind: without_load,
    },
    Breach {
        what: "the same outage, in parts that are each within the budget",
        change: |run| {
            let run = without_latency(run).fail(1.0..22.0, Class::Admin, Outcome::Unreachable);
            run.fail(31.0..52.0, Class::Admin, Outcome::Broken)
        },
        broken: &["availability"],
        blind: without_load,
    },
    Breach {
        what: "refusals count as any failure",
        change: |run| without_latency(run).fail(8.0..58.0, Class::Read, Outcome::Rejected),
        broken: &["availability"],
        blind: without_load,
    },
    Breach {
        what: "a tenth of all answers is slow",
        change: |run| run.each(|arrival| slow_within(arrival, 40.0..46.0)),
        broken: &["latency p95"],
        blind: without_load,
    },
    Breach {
        what: "half of all answers are slow",
        change: |run| {
            let mut run = run.each(|arrival| slow_within(arrival, 20.0..50.0));
            run.header().drill.contract.latency.truncate(1);
            run
        },
        broken: &["latency p70"],
        blind: without_load,
    },
    Breach {
        what: "a percentile falls on requests that failed",
        change: |run| {
            let mut run = run.fail(40.0..50.0, Class::Live, Outcome::TimedOut);
            run.header().drill.contract.latency.remove(0);
            run
        },
        broken: &["latency p95"],
        blind: without_load,
    },
    Breach {
        what: "the topology costs more than was promised",
        change: |mut run| {
            run.header().bill[0].count = 26;
            run
        },
        broken: &["bill"],
        blind: |mut run| {
            run.header().bill.clear();
            run
        },
    },
];

/// A reason why the run proves too little.
struct Doubt {
    what: &'static str,
    change: Change,
    title: &'static str,
}

const DOUBTS: [Doubt; 19] = [
    Doubt {
        what: "the generator did not close the recording",
        change: |mut run| {
            run.footer = false;
            run
        },
        title: "recording incomplete",
    },
    Doubt {
        what: "an arrival is missing",
        change: |mut run| {
            run.arrivals.remove(700);
            run
        },
        title: "recording incomplete",
    },
    Doubt {
        what: "an arrival too many",
        change: |mut run| {
            run.arrivals.push(run.arrivals[700]);
            run
        },
        title: "recording incomplete",
    },
    Doubt {
        what: "an arrival is due after the run",
        change: |mut run| {
            run.arrivals[700].due.0 = u64::MAX - 1;
            run
        },
        title: "recording incomplete",
    },
    Doubt {
        what: "the load never began",
        change: |run| run.without(|event| *event == Event::LoadStarted),
        title: "recording incomplete",
    },
    Doubt {
        what: "the load did not end by itself",
        change: |run| run.without(|event| matches!(event, Event::LoadEnded { .. })),
        title: "recording incomplete",
    },
    Doubt {
        what: "the timeline has no last entry",
        change: |run| run.without(|event| *event == Event::Finished),
        title: "run cut short",
    },
    Doubt {
        what: "the run was interrupted and healed",
        change: |run| with(run, 50.0, Event::Interrupted),
        title: "run cut short",
    },
    Doubt {
        what: "the drill's guard ended the run",
        change: |run| {
            let reason = "100 % of the budget burned".to_owned();
            let run = run.without(|event| matches!(event, Event::LoadEnded { .. }));
            with(run, 50.0, Event::Stopped { reason })
        },
        title: "run cut short",
    },
    Doubt {
        what: "the observer was lost",
        change: |run| {
            let reason = "connection reset".to_owned();
            with(run, 20.0, Event::ObserverLost { reason })
        },
        title: "observer lost",
    },
    Doubt {
        what: "the generator was late",
        change: |run| run.each(|arrival| arrival.sent.0 = arrival.due.0 + 26_000_000),
        title: "generator late",
    },
    Doubt {
        what: "the generator did not send a request",
        change: |run| {
            run.each(|arrival| {
                if arrival.user == 3 && (at(20.0)..at(21.0)).contains(&arrival.due) {
                    arrival.outcome = Outcome::NotSent;
                }
            })
        },
        title: "requests not sent",
    },
    Doubt {
        what: "the busy window had too few users",
        change: |mut run| {
            run.arrivals.retain(|arrival| arrival.user < 14);
            recounted(run)
        },
        title: "too few users",
    },
    Doubt {
        what: "the fault's effect was not seen",
        change: |run| run.without(|event| matches!(event, Event::FaultProven { episode: 1, .. })),
        title: "fault without proof",
    },
    Doubt {
        what: "the fault was withdrawn after its proof",
        change: |run| {
            let reason = "still running".to_owned();
            with(run, 11.0, Event::FaultFailed { episode: 0, reason })
        },
        title: "fault without proof",
    },
    Doubt {
        what: "an episode of the drill was not run",
        change: |run| run.without(|event| episode_of(event) == Some(1)),
        title: "episode not run",
    },
    Doubt {
        what: "full health did not come back",
        change: |run| run.without(|event| matches!(event, Event::EpisodeEnded { episode: 0 })),
        title: "no full health after the fault",
    },
    Doubt {
        what: "full health was given up on",
        change: |run| {
            let run = run.without(|event| matches!(event, Event::EpisodeEnded { episode: 0 }));
            let reason = "no full health within 10 s".to_owned();
            with(run, 29.0, Event::EpisodeFailed { episode: 0, reason })
        },
        title: "no full health after the fault",
    },
    Doubt {
        what: "nobody asked for a promised class",
        change: |run| {
            run.each(|arrival| {
                if arrival.class == Class::Live {
                    arrival.class = Class::Read;
                }
            })
        },
        title: "class without requests",
    },
];

#[test]
fn each_known_breach_is_broken_and_nothing_else_is() {
    for Breach {
        what,
        change,
        broken,
        ..
    } in &BREACHES
    {
        let judgement = change(Run::healthy()).judge();
        assert_eq!(titles(&judgement, Verdict::Broken), *broken, "{what}");
        assert_eq!(titles(&judgement, Verdict::Unproven), [""; 0], "{what}");
        assert_eq!(judgement.verdict, Verdict::Broken, "{what}");
    }
}

#[test]
fn a_breach_that_can_no_longer_be_seen_is_unproven_and_never_held() {
    for breach in &BREACHES {
        let judgement = (breach.blind)((breach.change)(Run::healthy())).judge();
        let unproven = titles(&judgement, Verdict::Unproven);
        for title in breach.broken {
            assert!(unproven.contains(title), "{}: {title}", breach.what);
        }
        assert_eq!(judgement.verdict, Verdict::Unproven, "{}", breach.what);
    }
}

#[test]
fn each_reason_for_doubt_is_unproven_alone() {
    for Doubt {
        what,
        change,
        title,
    } in &DOUBTS
    {
        let judgement = change(Run::healthy()).judge();
        assert_eq!(titles(&judgement, Verdict::Broken), [""; 0], "{what}");
        assert_eq!(titles(&judgement, Verdict::Unproven), [*title], "{what}");
        assert_eq!(judgement.verdict, Verdict::Unproven, "{what}");
        assert!(judgement.summary.contains(title), "{what}");
    }
}

/// What users suffered is not undone by a bad record of it, and the doubt is told beside the breach.
#[test]
fn no_doubt_acquits() {
    for doubt in &DOUBTS {
        for breach in BREACHES.iter().filter(|breach| breach.broken != ["bill"]) {
            let judgement = (doubt.change)((breach.change)(Run::healthy())).judge();
            let case = format!("{} although {}", breach.what, doubt.what);
            let unproven = titles(&judgement, Verdict::Unproven);
            assert!(unproven.contains(&doubt.title), "{case}: {unproven:?}");
            assert_eq!(judgement.verdict, Verdict::Broken, "{case}");
        }
    }
}

fn titles(judgement: &Judgement, verdict: Verdict) -> Vec<&str> {
    let found = judgement.findings.iter();
    let found = found.filter(|finding| finding.verdict == verdict);
    found.map(|finding| finding.title.as_str()).collect()
}

fn with(mut run: Run, load_s: f64, event: Event) -> Run {
    run.push(load_s, event);
    run
}

fn without_latency(mut run: Run) -> Run {
    run.header().drill.contract.latency.clear();
    run
}

/// Nothing was recorded, and the timeline agrees that there was nothing.
fn without_load(mut run: Run) -> Run {
    run.arrivals.clear();
    recounted(run)
}

/// The timeline tells as many arrivals as there are.
fn recounted(run: Run) -> Run {
    let arrivals = run.arrivals.len() as u64;
    let run = run.without(|event| matches!(event, Event::LoadEnded { .. }));
    with(run, 60.1, Event::LoadEnded { arrivals })
}

fn slow_within(arrival: &mut timeline::Arrival, load_s: std::ops::Range<f64>) {
    if (at(load_s.start)..at(load_s.end)).contains(&arrival.due) {
        arrival.done.0 += 150_000_000;
    }
}

fn episode_of(event: &Event) -> Option<usize> {
    match event {
        Event::EpisodeStarted { episode }
        | Event::FaultRequested { episode, .. }
        | Event::FaultApplied { episode }
        | Event::FaultProven { episode, .. }
        | Event::HealRequested { episode }
        | Event::Healed { episode }
        | Event::EpisodeEnded { episode } => Some(*episode),
        _ => None,
    }
}
