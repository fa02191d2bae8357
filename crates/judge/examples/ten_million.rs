//! Judges ten million synthetic arrivals against four million stored readings, for its time and memory:
//! `/usr/bin/time -v target/release/examples/ten_million`, and with `no-ledger` after it the arrivals alone.

use std::{
    collections::BTreeMap,
    error::Error,
    io::{BufReader, Read},
    time::Duration,
};

use drill::{Class, Drill};
use timeline::{
    Arrival, Arrivals, Entry, Event, FORMAT, HEADER, Header, Offset, Outcome, RECORD_BYTES,
    STORED_HEADER, StoredReadings, encode_stored, stored_footer,
};
use wire::Reading;

const ARRIVALS: u64 = 10_000_000;
const USERS: u64 = 1450;
/// Classes by the last digit of an arrival's number: two of five are readings, as in the drills.
const CLASSES: [Class; 5] = [
    Class::Ingest,
    Class::Read,
    Class::Ingest,
    Class::Admin,
    Class::Live,
];

const DRILL: &str = r#"
name = "ten-million"
about = "One episode under a long load."
lesson = "Memory follows the run's length."
topology = "ha"
seed = 1
traffic = { baseline_users = 500, peak_users = 1450, span = "48h", speed = 4.8 }
pace = { warm_up = "5s", settle = "1s", recover_within = "10s" }
contract = { availability_percent = 99.99, latency = [{ percentile = 99.0, at_most = "100ms" }] }

[[episode]]
name = "server"
target.container = "api-1"
fault.kill = {}
hold = "5s"
"#;

/// Records, made as they are read: they are never in memory as a whole.
struct Recording<F> {
    next: u64,
    left: Vec<u8>,
    /// The bytes of record `n`.
    record: F,
    footer: Vec<u8>,
}

/// Arrival `n`: evenly spaced, one in a thousand timed out, the others answered in 3 to 40 ms.
fn arrival(n: u64, gap: Duration) -> Arrival {
    let due = gap.mul_f64(n as f64);
    let bad = n.is_multiple_of(1000);
    let took_us = if bad {
        2_000_000
    } else {
        3000 + n * 7919 % 37_000
    };
    Arrival {
        user: (n % USERS) as u32,
        class: CLASSES[(n % 5) as usize],
        outcome: if bad { Outcome::TimedOut } else { Outcome::Ok },
        again: false,
        status: 200,
        due: Offset::from(due),
        sent: Offset::from(due + Duration::from_micros(n % 900)),
        done: Offset::from(due + Duration::from_micros(took_us)),
    }
}

/// The reading that arrival `n` posted and was told is kept, if it did.
fn posted(n: u64, gap: Duration, drill: &Drill) -> Option<Reading> {
    let arrival = arrival(n, gap);
    let kept = arrival.class == Class::Ingest && arrival.outcome == Outcome::Ok;
    let slot = arrival.due.as_duration().as_nanos() / drill.traffic.monitor_every().as_nanos();
    kept.then(|| drill::reading(drill.seed, arrival.user, slot as u32, 0))
}

impl<F: FnMut(u64) -> Vec<u8>> Read for Recording<F> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.left.is_empty() {
            let until = (self.next + 10_000).min(ARRIVALS);
            let records = (self.next..until).flat_map(&mut self.record);
            self.left.extend(records);
            if self.next < ARRIVALS && until == ARRIVALS {
                self.left.append(&mut self.footer);
            }
            self.next = until;
        }
        let count = buffer.len().min(self.left.len());
        buffer[..count].copy_from_slice(&self.left[..count]);
        self.left.drain(..count);
        Ok(count)
    }
}

/// A run of one long load and nothing else.
fn entries(drill: Drill, load: Duration) -> Vec<Entry> {
    let header = Header {
        format: FORMAT,
        run: "ten-million".into(),
        started_at: String::new(),
        drill,
        zero_unix_ns: 0,
        schedule: 0,
        project: String::new(),
        machine: BTreeMap::new(),
        bill: vec![],
        members: vec![],
    };
    let events = [
        (Duration::ZERO, Event::Started(Box::new(header))),
        (Duration::ZERO, Event::LoadStarted),
        (load, Event::LoadEnded { arrivals: ARRIVALS }),
    ];
    let entry = |(at, event): (Duration, Event)| Entry {
        at: at.into(),
        event,
    };
    events.map(entry).into()
}

fn buffered(source: impl Read + 'static) -> impl Read {
    BufReader::with_capacity(RECORD_BYTES << 12, source)
}

fn recorded(gap: Duration) -> impl Read {
    buffered(Recording {
        next: 0,
        left: HEADER.to_vec(),
        record: move |n| arrival(n, gap).encode().to_vec(),
        footer: Arrival::footer(ARRIVALS).to_vec(),
    })
}

fn stored(gap: Duration, drill: Drill) -> impl Read {
    let kept = (0..ARRIVALS).filter(|n| matches!(n % 5, 0 | 2) && !n.is_multiple_of(1000));
    buffered(Recording {
        next: 0,
        left: STORED_HEADER.to_vec(),
        record: move |n| {
            let reading = posted(n, gap, &drill);
            reading.map_or_else(Vec::new, |reading| encode_stored(&reading).to_vec())
        },
        footer: stored_footer(kept.count() as u64).to_vec(),
    })
}

fn main() -> Result<(), Box<dyn Error>> {
    let drill: Drill = drill::parse("ten-million", DRILL, |_| Ok(vec!["api-1".into()]))?;
    let load = drill.traffic.real_span();
    let gap = load.div_f64(ARRIVALS as f64);
    let arrivals = Arrivals::open(recorded(gap))?;
    let with_ledger = std::env::args().nth(1).as_deref() != Some("no-ledger");
    let stored = with_ledger.then(|| StoredReadings::open(stored(gap, drill.clone())));
    let judgement = judge::judge_with_ledger(&entries(drill, load), arrivals, stored.transpose()?)?;
    let (arrivals, seconds) = (judgement.load.arrivals, judgement.load.seconds);
    let verdict = judgement.verdict.name();
    println!("{arrivals} arrivals of {seconds:.0} s: {verdict}");
    if let Some(ledger) = judgement.ledger {
        println!(
            "{} acknowledged, {} stored, {} lost, complete: {}",
            ledger.acknowledged, ledger.stored, ledger.lost, ledger.complete
        );
    }
    Ok(())
}
