//! Judges ten million synthetic arrivals against two million stored readings, for its time and memory:
//! `/usr/bin/time -v target/release/examples/ten_million`.

use std::{collections::BTreeMap, error::Error, io::Read, time::Duration};

use drill::{Class, Drill};
use timeline::{
    Arrival, Arrivals, Entry, Event, FORMAT, HEADER, Header, Offset, Outcome, RECORD_BYTES,
    STORED_HEADER, StoredReadings, encode_stored, stored_footer,
};
use wire::Reading;

const ARRIVALS: u64 = 10_000_000;
const USERS: u64 = 1450;

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
        class: Class::ALL[(n % 5) as usize],
        outcome: if bad { Outcome::TimedOut } else { Outcome::Ok },
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

fn main() -> Result<(), Box<dyn Error>> {
    let drill: Drill = drill::parse("ten-million", DRILL, |_| Ok(vec!["api-1".into()]))?;
    let load = drill.traffic.real_span();
    let gap = load.div_f64(ARRIVALS as f64);
    let of_stored = drill.clone();
    let header = Header {
        format: FORMAT,
        run: "ten-million".into(),
        started_at: String::new(),
        drill,
        zero_unix_ns: 0,
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
    let entries = events.map(|(at, event)| Entry {
        at: at.into(),
        event,
    });
    let recording = Recording {
        next: 0,
        left: HEADER.to_vec(),
        record: move |n| arrival(n, gap).encode().to_vec(),
        footer: Arrival::footer(ARRIVALS).to_vec(),
    };
    let kept = (0..ARRIVALS).filter(|n| n.is_multiple_of(5) && !n.is_multiple_of(1000));
    let stored = Recording {
        next: 0,
        left: STORED_HEADER.to_vec(),
        record: move |n| {
            let reading = posted(n, gap, &of_stored);
            reading.map_or_else(Vec::new, |reading| encode_stored(&reading).to_vec())
        },
        footer: stored_footer(kept.count() as u64).to_vec(),
    };
    let buffered = |bytes| std::io::BufReader::with_capacity(RECORD_BYTES << 12, bytes);
    let arrivals = Arrivals::open(buffered(Box::new(recording) as Box<dyn Read>))?;
    let stored = StoredReadings::open(buffered(Box::new(stored) as Box<dyn Read>))?;
    let judgement = judge::judge_with_ledger(&entries, arrivals, Some(stored))?;
    let (arrivals, seconds) = (judgement.load.arrivals, judgement.load.seconds);
    let ledger = judgement.ledger.unwrap_or_default();
    println!(
        "{arrivals} arrivals of {seconds:.0} s: {}; {} acknowledged, {} stored, {} lost, complete: {}",
        judgement.verdict.name(),
        ledger.acknowledged,
        ledger.stored,
        ledger.lost,
        ledger.complete
    );
    Ok(())
}
