//! Experiment: a line is taken out of a record, and a clock steps while it is made.

use std::time::Duration;

use timeline::{
    Arrivals, ClockReading, ClocksCompared, Entry, Event, Instrument, Unknown, read_recorded,
    write_numbered,
};

use crate::bench::{Bench, Load};
use crate::error::CalibrateError;
use crate::store::Store;
use crate::table::{COUNT, MS, Row, Table};
use crate::target::Target;

const LASTS: Duration = Duration::from_secs(1);
/// The step, and the stated error: between two readings of one clock the machine may do something else.
const STEP: Duration = Duration::from_millis(200);
const ALLOWED_MS: f64 = 1.0;

/// Records a second of load, and sets what was done to the record beside what is found.
pub(crate) async fn measure() -> Result<Table, CalibrateError> {
    let load = Load {
        name: "record",
        users: 100,
        every: Duration::from_millis(200),
        timeout: Duration::from_millis(100),
        lasts: LASTS,
        fault: None,
        clinicians: None,
    };
    let bench = Bench::start().await?;
    let target = Target::start(bench.clock, vec![], Store::default()).await?;
    let before = clock::read();
    let nothing = async |_| Ok(());
    let recording = bench.run(&load, target.address(), nothing).await?;
    let after = ClockReading {
        unix_ns: clock::read().unix_ns + STEP.as_nanos() as u64,
        ..clock::read()
    };
    let (_, conditions) = recording.judge(None)?;
    let mut entries = recording.entries(None);
    for read in [before, after] {
        let compared = ClocksCompared {
            of: Instrument::Generator,
            read,
            own: read,
            round_trip: Duration::ZERO,
        };
        let event = Event::Clock(compared);
        entries.insert(
            entries.len() - 1,
            Entry {
                at: recording.end,
                event,
            },
        );
    }
    let judgement = judge::judge(&entries, Arrivals::open(recording.bytes.as_slice())?)?;
    let stepped = judgement.findings.iter();
    let stepped = stepped.filter(|finding| finding.title == "clock stepped");
    let stepped = stepped.filter_map(|finding| finding.measured.number).next();
    let step_ms = STEP.as_secs_f64() * 1000.0;
    let taken_out = taken_out(&entries)?;
    Ok(Table {
        rows: vec![
            Row::new(
                "step of a clock",
                MS,
                step_ms,
                stepped,
                ALLOWED_MS,
                &conditions,
            ),
            Row::new(
                "lines taken out of a record",
                COUNT,
                1.0,
                Some(taken_out as f64),
                0.0,
                &conditions,
            ),
        ],
        notes: vec![],
    })
}

/// Doubts about a timeline from which one line is missing.
fn taken_out(entries: &[Entry]) -> Result<usize, CalibrateError> {
    let mut text = vec![];
    let numbered = (0_u64..).zip(entries);
    for (number, entry) in numbered.filter(|(number, _)| *number != 1) {
        write_numbered(&mut text, number, entry)?;
    }
    Ok(read_recorded(text.as_slice(), Unknown::Error)?.doubts.len())
}
