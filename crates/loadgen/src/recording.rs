//! From the users' records to the bytes of `arrivals.bin`.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use drill::Class;
use futures_util::stream::{self, Stream, StreamExt};
use timeline::{Arrival, HEADER, RECORD_BYTES, Span};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::press::Tap;
use crate::tally::Tally;

/// Records that may wait for the controller: minutes of the busiest hour. What does not fit is lost, and
/// the footer says so: a controller that doesn't read must never slow the load down.
pub(crate) const BACKLOG: usize = 1 << 17;
/// Records in one piece: 64 KiB.
const BATCH: usize = (64 << 10) / RECORD_BYTES;
/// Time between two pieces that are not full.
const FLUSH_EVERY: Duration = Duration::from_millis(100);

/// One record of the recording, as its bytes.
pub(crate) type Record = [u8; RECORD_BYTES];

/// Where users leave their records.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    records: mpsc::Sender<Record>,
    tally: Arc<Tally>,
    /// Counts those of a surge or a flood, beside all.
    tap: Option<Arc<Tap>>,
}

impl Recorder {
    pub(crate) fn new(tally: Arc<Tally>, backlog: usize) -> (Self, mpsc::Receiver<Record>) {
        let (records, receiver) = mpsc::channel(backlog);
        let recorder = Self {
            records,
            tally,
            tap: None,
        };
        (recorder, receiver)
    }

    /// The same, with a count of its own.
    pub(crate) fn tapped(&self, tap: Arc<Tap>) -> Self {
        Self {
            tap: Some(tap),
            ..self.clone()
        }
    }

    /// Resolves when nobody reads any more.
    pub(crate) async fn closed(&self) {
        self.records.closed().await;
    }

    /// A request of that class goes out now.
    pub(crate) fn sending(&self, class: Class) {
        if let Some(tap) = &self.tap {
            tap.sending(class);
        }
    }

    /// Keeps a record without ever waiting.
    pub(crate) fn record(&self, arrival: Arrival) {
        self.tally.count(&arrival);
        if let Some(tap) = &self.tap {
            tap.ended(&arrival);
        }
        self.keep(arrival.encode());
    }

    /// Keeps a span of a follower, likewise.
    pub(crate) fn record_span(&self, span: Span) {
        self.tally.span();
        self.keep(span.encode());
    }

    fn keep(&self, record: Record) {
        if self.records.try_send(record).is_err() {
            self.tally.lost();
        }
    }

    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }
}

struct Open {
    records: mpsc::Receiver<Record>,
    batch: Vec<Record>,
    tally: Arc<Tally>,
    // Dropping the stream drops the load with it: that is how a hang-up stops everything.
    _load: AbortOnDropHandle<()>,
}

/// The recording: header, records as they come, and the footer once every recorder is gone.
pub(crate) fn recording(
    records: mpsc::Receiver<Record>,
    tally: Arc<Tally>,
    load: AbortOnDropHandle<()>,
) -> impl Stream<Item = Bytes> {
    let open = Open {
        records,
        batch: Vec::with_capacity(BATCH),
        tally,
        _load: load,
    };
    let header = stream::iter([Bytes::from_static(&HEADER)]);
    header.chain(stream::unfold(Some(open), |open| async move {
        Some(piece(open?).await)
    }))
}

async fn piece(mut open: Open) -> (Bytes, Option<Open>) {
    if open.batch.len() < BATCH {
        tokio::time::sleep(FLUSH_EVERY).await;
    }
    open.batch.clear();
    if open.records.recv_many(&mut open.batch, BATCH).await == 0 {
        let footer = Arrival::footer(open.tally.recorded());
        return (Bytes::copy_from_slice(&footer), None);
    }
    let mut bytes = BytesMut::with_capacity(open.batch.len() * RECORD_BYTES);
    for record in &open.batch {
        bytes.extend_from_slice(record);
    }
    (bytes.freeze(), Some(open))
}

#[cfg(test)]
mod tests {
    use super::*;
    use timeline::{Arrivals, Offset, Outcome};

    const ARRIVAL: Arrival = Arrival {
        user: 1,
        class: Class::Read,
        outcome: Outcome::Ok,
        again: false,
        status: 200,
        due: Offset(5),
        sent: Offset(6),
        done: Offset(9),
    };

    async fn recorded(count: usize, backlog: usize) -> (usize, bool) {
        let tally = Arc::new(Tally::default());
        let (recorder, records) = Recorder::new(tally.clone(), backlog);
        (0..count).for_each(|_| recorder.record(ARRIVAL));
        drop(recorder);
        let load = AbortOnDropHandle::new(tokio::spawn(async {}));
        let pieces: Vec<Bytes> = recording(records, tally, load).collect().await;
        let bytes = pieces.concat();
        let mut arrivals = Arrivals::open(bytes.as_slice()).unwrap();
        let kept = arrivals.by_ref().map(Result::unwrap).count();
        (kept, arrivals.is_complete())
    }

    #[tokio::test(start_paused = true)]
    async fn a_recording_ends_with_its_footer() {
        assert_eq!(recorded(0, 10).await, (0, true));
        assert_eq!(recorded(5000, 10_000).await, (5000, true));
    }

    #[tokio::test(start_paused = true)]
    async fn the_footer_counts_spans() {
        let tally = Arc::new(Tally::default());
        let (recorder, records) = Recorder::new(tally.clone(), 9);
        let (user, kind, time) = (3, timeline::SpanKind::Gap, Offset(5));
        let span = Span {
            user,
            kind,
            from: time,
            sure: time,
            until: time,
        };
        recorder.record_span(span);
        recorder.record(ARRIVAL);
        drop(recorder);
        let load = AbortOnDropHandle::new(tokio::spawn(async {}));
        let pieces: Vec<Bytes> = recording(records, tally, load).collect().await;
        let bytes = pieces.concat();
        let mut arrivals = Arrivals::open(bytes.as_slice()).unwrap();
        assert_eq!(arrivals.by_ref().count(), 1);
        assert!(arrivals.is_complete());
        assert_eq!(arrivals.spans(), [span]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_record_shows() {
        assert_eq!(recorded(5, 3).await, (3, false));
    }
}
