//! Judges ten million synthetic arrivals, for its time and memory:
//! `/usr/bin/time -v target/release/examples/ten_million`.

use std::{collections::BTreeMap, error::Error, io::Read, time::Duration};

use drill::{Class, Drill};
use timeline::{
    Arrival, Arrivals, Entry, Event, FORMAT, HEADER, Header, Offset, Outcome, RECORD_BYTES,
};

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

/// The recording, made as it is read: it is never in memory as a whole.
struct Recording {
    next: u64,
    gap: Duration,
    left: Vec<u8>,
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

impl Read for Recording {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.left.is_empty() {
            let until = (self.next + 10_000).min(ARRIVALS);
            let gap = self.gap;
            let records = (self.next..until).flat_map(|n| arrival(n, gap).encode());
            self.left.extend(records);
            if self.next < ARRIVALS && until == ARRIVALS {
                self.left.extend(Arrival::footer(ARRIVALS));
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
        gap: load.div_f64(ARRIVALS as f64),
        left: HEADER.to_vec(),
    };
    let buffered = std::io::BufReader::with_capacity(RECORD_BYTES << 12, recording);
    let judgement = judge::judge(&entries, Arrivals::open(buffered)?)?;
    let (arrivals, seconds) = (judgement.load.arrivals, judgement.load.seconds);
    println!(
        "{arrivals} arrivals of {seconds:.0} s: {}",
        judgement.verdict.name()
    );
    Ok(())
}
