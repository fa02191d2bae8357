//! Who watches which ward, and what they get. One task owns all of it, so there is nothing to lock.

use std::collections::HashMap;
use std::time::Duration;

use prometheus::{IntCounter, IntGauge};
use service_kit::metrics::Metrics;
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::tungstenite::Utf8Bytes;
use uuid::Uuid;
use wire::{Alert, LiveEvent, Reading, WARDS, ward_of};

use crate::memory::Memory;

/// Frames waiting for one client; a client further behind is cut off and comes back and says what it saw.
pub(crate) const CLIENT_QUEUE: usize = 64;
/// Requests waiting for the hub.
const HUB_QUEUE: usize = 4096;
/// Each ward gets a frame every two seconds, for its monitors report every ten; wards take turns, so that the work is spread. Each
/// frame goes to each of its clients by four hops that acknowledge it: sent every second, they were a quarter of all packets.
const TURN: Duration = Duration::from_millis(2000 / WARDS as u64);

/// A frame on its way to a client.
#[derive(Debug, Clone)]
pub(crate) enum Frame {
    /// Anything but an alert, as JSON.
    Text(Utf8Bytes),
    /// An alert as JSON, with its id.
    Alert(Uuid, Utf8Bytes),
}

/// What the hub is told.
#[derive(Debug)]
pub(crate) enum Request {
    /// A client opens a stream; one that comes back is sent what was raised since then, as far as it is kept here.
    Open {
        ward: u32,
        client: u64,
        since_ms: Option<i64>,
        frames: mpsc::Sender<Frame>,
        /// Told whether that is all of it.
        complete: oneshot::Sender<bool>,
    },
    /// A client is gone.
    Close { ward: u32, client: u64 },
    /// Readings were stored.
    Vitals(Vec<Reading>),
    /// Alerts were raised; those known already are skipped.
    Alerts(Vec<Alert>),
    /// Alerts that the sweep read; those known already are skipped.
    Swept(Vec<Alert>),
    /// Alerts stored before this process began: known, not to be delivered. None of them carries a later time than
    /// `until_ms`; all that are stored afterwards come here by the fan-out or the sweep.
    Known { ids: Vec<Uuid>, until_ms: i64 },
}

/// What the live server counts.
#[derive(Debug, Clone)]
pub(crate) struct Counters {
    /// `live_streams`.
    pub(crate) streams: IntGauge,
    /// `live_frames_sent_total`.
    pub(crate) frames: IntCounter,
    /// `live_alerts_delivered_total`.
    pub(crate) alerts: IntCounter,
    /// `live_alerts_replayed_total`.
    pub(crate) replayed: IntCounter,
    /// `live_slow_clients_total`.
    pub(crate) slow: IntCounter,
    /// `live_alerts_swept_total`.
    pub(crate) swept: IntCounter,
    /// `live_sweeps_failed_total`.
    pub(crate) sweeps_failed: IntCounter,
}

impl Counters {
    /// Registers them.
    pub(crate) fn new(metrics: &Metrics) -> Result<Self, prometheus::Error> {
        let counter = |name, help| metrics.counter(name, help);
        Ok(Self {
            streams: metrics.gauge("live_streams", "Open streams.")?,
            frames: counter("live_frames_sent_total", "Frames handed to clients.")?,
            alerts: counter(
                "live_alerts_delivered_total",
                "Alerts handed to clients as they came.",
            )?,
            replayed: counter(
                "live_alerts_replayed_total",
                "Alerts sent again to clients that came back.",
            )?,
            slow: counter(
                "live_slow_clients_total",
                "Clients cut off because they did not keep up.",
            )?,
            swept: counter(
                "live_alerts_swept_total",
                "Alerts that the sweep found before the fan-out.",
            )?,
            sweeps_failed: counter("live_sweeps_failed_total", "Sweeps without an answer.")?,
        })
    }
}

/// The hub's front. Copies talk to the same hub.
#[derive(Debug, Clone)]
pub(crate) struct Hub {
    requests: mpsc::Sender<Request>,
}

impl Hub {
    /// Starts the task.
    pub(crate) fn start(counters: Counters) -> Self {
        let (requests, receiver) = mpsc::channel(HUB_QUEUE);
        tokio::spawn(run(Wards::new(counters), receiver));
        Self { requests }
    }

    /// Hands a request over; waits while the hub is behind.
    pub(crate) async fn tell(&self, request: Request) {
        if self.requests.send(request).await.is_err() {
            tracing::error!("hub is gone");
        }
    }
}

async fn run(mut wards: Wards, mut requests: mpsc::Receiver<Request>) {
    let mut turns = tokio::time::interval(TURN);
    turns.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut turn = 0;
    loop {
        tokio::select! {
            _ = turns.tick() => {
                turn = turn % WARDS + 1;
                wards.send_vitals(turn);
            }
            request = requests.recv() => match request {
                Some(request) => wards.take(request),
                None => return,
            },
        }
    }
}

#[derive(Default)]
struct WardState {
    clients: HashMap<u64, mpsc::Sender<Frame>>,
    /// Newest reading per patient since the last frame.
    newest: HashMap<u32, Reading>,
}

struct Wards {
    wards: HashMap<u32, WardState>,
    memory: Memory,
    counters: Counters,
}

impl Wards {
    fn new(counters: Counters) -> Self {
        Self {
            wards: HashMap::new(),
            memory: Memory::new(),
            counters,
        }
    }

    fn take(&mut self, request: Request) {
        match request {
            Request::Open {
                ward,
                client,
                since_ms,
                frames,
                complete,
            } => {
                let all = since_ms.is_none_or(|since_ms| self.resume(ward, since_ms, &frames));
                // A client that left meanwhile does not ask.
                let _ = complete.send(all);
                self.wards
                    .entry(ward)
                    .or_default()
                    .clients
                    .insert(client, frames);
            }
            Request::Close { ward, client } => {
                if let Some(state) = self.wards.get_mut(&ward) {
                    state.clients.remove(&client);
                    if state.clients.is_empty() {
                        self.wards.remove(&ward);
                    }
                }
            }
            Request::Vitals(readings) => self.note_vitals(readings),
            Request::Alerts(alerts) => {
                for alert in alerts {
                    self.send_alert(alert);
                }
            }
            Request::Swept(alerts) => {
                for alert in alerts {
                    if self.send_alert(alert) {
                        self.counters.swept.inc();
                    }
                }
            }
            Request::Known { ids, until_ms } => self.memory.begin(ids, until_ms),
        }
    }

    fn note_vitals(&mut self, readings: Vec<Reading>) {
        for reading in readings {
            let Some(state) = self.wards.get_mut(&ward_of(reading.patient_id)) else {
                continue;
            };
            let known = state.newest.get(&reading.patient_id);
            if known.is_none_or(|known| known.taken_at_ms <= reading.taken_at_ms) {
                state.newest.insert(reading.patient_id, reading);
            }
        }
    }

    fn send_vitals(&mut self, ward: u32) {
        let Some(state) = self.wards.get_mut(&ward) else {
            return;
        };
        if state.newest.is_empty() {
            return;
        }
        let readings = state.newest.drain().map(|(_, reading)| reading).collect();
        if let Some(text) = encode(&LiveEvent::Vitals { readings }) {
            self.send(ward, &Frame::Text(text));
        }
    }

    /// Whether it was news.
    fn send_alert(&mut self, alert: Alert) -> bool {
        if !self.memory.is_news(alert.id) {
            return false;
        }
        let (id, ward, raised_at_ms) = (alert.id, alert.ward, alert.raised_at_ms);
        let Some(text) = encode(&LiveEvent::Alert { alert }) else {
            return true;
        };
        let frame = Frame::Alert(id, text);
        let sent = self.send(ward, &frame);
        self.counters.alerts.inc_by(sent);
        self.memory.keep(ward, raised_at_ms, frame);
        true
    }

    /// Sends what was raised since then; the stream leaves out what its client knows. Returns whether that is everything.
    fn resume(&self, ward: u32, since_ms: i64, frames: &mpsc::Sender<Frame>) -> bool {
        let (missed, all) = self.memory.since(ward, since_ms);
        for frame in missed {
            // A client that left meanwhile is no loss.
            let _ = frames.try_send(frame.clone());
        }
        all
    }

    /// To every client of a ward; returns how many took it. One that is behind loses its place here, which
    /// ends its stream.
    fn send(&mut self, ward: u32, frame: &Frame) -> u64 {
        let Some(state) = self.wards.get_mut(&ward) else {
            return 0;
        };
        let slow = &self.counters.slow;
        let mut sent = 0;
        state
            .clients
            .retain(|_, client| match client.try_send(frame.clone()) {
                Ok(()) => {
                    sent += 1;
                    true
                }
                Err(mpsc::error::TrySendError::Full(_)) => {
                    slow.inc();
                    false
                }
                Err(mpsc::error::TrySendError::Closed(_)) => false,
            });
        sent
    }
}

/// A frame's text; `None` is impossible for these types and is logged.
pub(crate) fn encode(event: &LiveEvent) -> Option<Utf8Bytes> {
    match serde_json::to_string(event) {
        Ok(text) => Some(text.into()),
        Err(error) => {
            tracing::error!(%error, "event is not JSON");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wards() -> Wards {
        let metrics = Metrics::new().unwrap();
        Wards::new(Counters::new(&metrics).unwrap())
    }

    fn open(wards: &mut Wards, ward: u32, room: usize) -> mpsc::Receiver<Frame> {
        let (frames, receiver) = mpsc::channel(room);
        wards.take(Request::Open {
            ward,
            client: u64::from(ward),
            since_ms: None,
            frames,
            complete: oneshot::channel().0,
        });
        receiver
    }

    fn reading(patient_id: u32, taken_at_ms: i64, heart_rate: i32) -> Reading {
        Reading {
            reading_id: uuid::Uuid::nil(),
            patient_id,
            taken_at_ms,
            heart_rate,
            spo2: 98,
            systolic: 120,
        }
    }

    fn id(number: u128) -> Uuid {
        Uuid::from_u128(number)
    }

    fn alert(number: u128, ward: u32) -> Alert {
        Alert {
            id: id(number),
            reading_id: uuid::Uuid::nil(),
            patient_id: ward,
            ward,
            kind: "spo2-low".into(),
            value: 80,
            raised_at_ms: 100,
        }
    }

    #[test]
    fn vitals_are_conflated_to_the_newest_per_patient_and_ward() {
        let mut wards = wards();
        let mut frames = open(&mut wards, 7, 4);
        wards.take(Request::Vitals(vec![
            reading(7, 2, 72),
            reading(7, 1, 71),
            reading(8, 1, 80),
        ]));
        wards.send_vitals(7);
        wards.send_vitals(7);
        let Frame::Text(text) = frames.try_recv().unwrap() else {
            panic!()
        };
        let event: LiveEvent = serde_json::from_str(&text).unwrap();
        assert_eq!(
            event,
            LiveEvent::Vitals {
                readings: vec![reading(7, 2, 72)]
            }
        );
        assert!(frames.try_recv().is_err(), "nothing new, no second frame");
    }

    #[test]
    fn an_alert_is_delivered_once_and_only_to_its_ward() {
        let mut wards = wards();
        let (mut seven, mut eight) = (open(&mut wards, 7, 4), open(&mut wards, 8, 4));
        wards.take(Request::Alerts(vec![alert(5, 7), alert(5, 7)]));
        wards.take(Request::Known {
            ids: vec![id(6)],
            until_ms: 0,
        });
        wards.take(Request::Alerts(vec![alert(6, 7)]));
        assert!(matches!(seven.try_recv(), Ok(Frame::Alert(five, _)) if five == id(5)));
        assert!(seven.try_recv().is_err());
        assert!(eight.try_recv().is_err());
    }

    #[test]
    fn who_comes_back_is_sent_what_was_raised_since_even_if_nothing_was_stored() {
        let mut wards = wards();
        wards.take(Request::Alerts(vec![alert(1, 7), alert(2, 8)]));
        let mut resumed = |since_ms| {
            let (frames, mut receiver) = mpsc::channel(4);
            wards.take(Request::Open {
                ward: 7,
                client: 1,
                since_ms,
                frames,
                complete: oneshot::channel().0,
            });
            let first = receiver.try_recv().ok();
            assert!(receiver.try_recv().is_err(), "another ward's");
            first
        };
        assert!(matches!(resumed(Some(99)), Some(Frame::Alert(one, _)) if one == id(1)));
        assert!(resumed(Some(100)).is_none(), "older");
        assert!(resumed(None).is_none(), "who is new asks for nothing");
    }

    #[test]
    fn a_client_that_does_not_keep_up_is_cut_off() {
        let mut wards = wards();
        let mut frames = open(&mut wards, 7, 1);
        wards.take(Request::Alerts(vec![alert(1, 7), alert(2, 7)]));
        assert_eq!(wards.counters.slow.get(), 1);
        assert!(frames.try_recv().is_ok());
        assert!(matches!(
            frames.try_recv(),
            Err(mpsc::error::TryRecvError::Disconnected)
        ));
    }
}
