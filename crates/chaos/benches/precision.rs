//! How exactly faults come: from the moment at which one is due to the engine's word that it has happened, and how far
//! apart the members of one outage are.
//!
//!     cargo bench -p chaos
//!
//! On containers that do nothing, ten of them; a busy machine is slower. Skipped where no engine answers.

#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a measurement ends in a panic where it must"
)]

#[path = "../../engine/tests/support/mod.rs"]
mod support;

use std::{pin::Pin, time::Duration};

use chaos::{Recovery, UndoLedger, apply};
use drill::{Fault, Signal};
use engine::{Happening, Inspect, Member, Watch};
use futures_util::{Stream, StreamExt};
use support::Stand;

/// Faults on one member, of each kind.
const SINGLE: usize = 100;
/// Outages of all ten.
const OUTAGES: usize = 30;
const MEMBERS: u8 = 10;
const HOLD: Duration = Duration::from_secs(5);

type Events = Pin<Box<dyn Stream<Item = Result<Happening, engine::EngineError>> + Send>>;

struct Bench {
    stand: Stand,
    ledger: UndoLedger,
    members: Vec<Member>,
    events: Events,
}

#[tokio::main]
async fn main() {
    let Some(stand) = Stand::new().await else {
        return;
    };
    for number in 1..=MEMBERS {
        stand.start(&format!("api-{number}"), "api", 40 + number);
    }
    let members = stand.docker.members(&stand.project).await.unwrap();
    let ledger = UndoLedger::open(&stand.folder.join("undo"), &stand.project).unwrap();
    let events: Events = Box::pin(stand.docker.events(&stand.project));
    let mut bench = Bench {
        stand,
        ledger,
        members,
        events,
    };
    let kill = Fault::Kill {
        signal: Signal::Kill,
    };
    println!(
        "{:44} {:>5} {:>9} {:>9} {:>9}",
        "", "times", "p50 ms", "p95 ms", "most ms"
    );
    for (fault, action) in [(&kill, "die"), (&Fault::Pause {}, "pause")] {
        let mut delays = vec![];
        for turn in 0..SINGLE {
            let one = [bench.members[turn % usize::from(MEMBERS)].clone()];
            delays.extend(bench.delays(fault, action, &one).await);
        }
        row(&format!("{fault} of one: due to the engine's word"), delays);
    }
    let (mut last, mut spread) = (vec![], vec![]);
    for _ in 0..OUTAGES {
        let all = bench.members.clone();
        let delays = bench.delays(&kill, "die", &all).await;
        let most = delays.iter().copied().fold(f64::MIN, f64::max);
        let least = delays.iter().copied().fold(f64::MAX, f64::min);
        last.push(most);
        spread.push(most - least);
    }
    row("outage of ten: due to the last one's death", last);
    row("outage of ten: first death to last", spread);
}

impl Bench {
    /// Does the fault, heals it, and returns for each member the milliseconds from the due time to the engine's word.
    async fn delays(&mut self, fault: &Fault, action: &str, members: &[Member]) -> Vec<f64> {
        let due = clock::unix_ns();
        let docker = &self.stand.docker;
        let affliction = apply(docker, &self.ledger, fault, members, HOLD).await;
        let affliction = affliction.unwrap();
        let mut delays = vec![];
        while delays.len() < members.len() {
            let event = self.events.next().await.unwrap().unwrap();
            if event.action == action {
                delays.push(event.at_unix_ns.saturating_sub(due) as f64 / 1e6);
            }
        }
        affliction.prove(docker).await.unwrap();
        let left = affliction.heal(docker, &Recovery::default()).await.unwrap();
        assert!(left.is_empty(), "{left:?}");
        delays
    }
}

fn row(what: &str, mut values_ms: Vec<f64>) {
    values_ms.sort_by(f64::total_cmp);
    let at = |share: f64| values_ms[((values_ms.len() - 1) as f64 * share).round() as usize];
    println!(
        "{what:44} {:>5} {:>9.1} {:>9.1} {:>9.1}",
        values_ms.len(),
        at(0.5),
        at(0.95),
        at(1.0)
    );
}
