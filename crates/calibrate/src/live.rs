//! The plain target's live streams: frames at a known pace, known silences, and alerts of which known ones are left out.

use std::collections::HashMap;
use std::time::Duration;

use drill::alarms;
use futures_util::{SinkExt, StreamExt};
use timeline::Offset;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use wire::{Alert, LiveEvent, LiveRequest, Reading, Thresholds, alert_id, ward_of};

use crate::target::Conduct;

/// Between two frames of a stream: the grain of what a follower can tell.
const FRAME_EVERY: Duration = Duration::from_millis(100);
/// More than any request's head.
const HEAD_BYTES: usize = 4096;
/// Alerts that may wait for one stream.
const WAITING: usize = 64;

/// Who follows, and what was left out.
#[derive(Debug, Default)]
pub(crate) struct Streams {
    followers: HashMap<u32, Vec<mpsc::Sender<Alert>>>,
    /// Every so many alarming readings raise no alert; none is left out without it.
    pub(crate) leave_out_every: Option<u64>,
    alarming: u64,
    /// Alerts that were left out, once for each stream that would have shown them.
    pub(crate) left_out: u64,
    /// First frames of streams, by client: when each was sent.
    pub(crate) opened: Vec<(String, Offset)>,
}

impl Streams {
    /// Sends an alarming reading's alert to everybody who follows the ward, or leaves it out.
    pub(crate) fn announce(&mut self, reading: &Reading) {
        if !alarms(reading, &Thresholds::default()) {
            return;
        }
        let ward = ward_of(reading.patient_id);
        let followers = self.followers.entry(ward).or_default();
        followers.retain(|follower| !follower.is_closed());
        self.alarming += 1;
        let left_out = self.leave_out_every;
        if left_out.is_some_and(|every| self.alarming.is_multiple_of(every)) {
            self.left_out += followers.len() as u64;
            return;
        }
        let kind = "heart-rate-high";
        let alert = Alert {
            id: alert_id(reading.reading_id, kind),
            reading_id: reading.reading_id,
            patient_id: reading.patient_id,
            ward,
            kind: kind.into(),
            value: reading.heart_rate,
            raised_at_ms: reading.taken_at_ms,
        };
        for follower in followers {
            // A stream that is about to end is its follower's affair.
            let _ = follower.try_send(alert.clone());
        }
    }

    fn follow(&mut self, ward: u32) -> mpsc::Receiver<Alert> {
        let (sender, alerts) = mpsc::channel(WAITING);
        self.followers.entry(ward).or_default().push(sender);
        alerts
    }
}

/// Whether a new connection begins with a request for a stream. It waits for the whole head and takes nothing away.
pub(crate) async fn is_asked_for(stream: &TcpStream) -> bool {
    let mut head = vec![0; HEAD_BYTES];
    let Ok(length) = stream.peek(&mut head).await else {
        return false;
    };
    // The generator writes a head in one piece.
    let text = String::from_utf8_lossy(&head[..length]).to_lowercase();
    text.contains("upgrade: websocket")
}

/// Speaks over one stream until either side ends it.
pub(crate) async fn speak(conduct: &Conduct, stream: TcpStream) {
    let mut asked = (String::new(), 0);
    #[expect(
        clippy::result_large_err,
        reason = "the library asks for this type, and nothing is refused"
    )]
    let callback = |request: &Request, response: Response| {
        let client = request.headers().get("x-client-id");
        let client = client.and_then(|value| value.to_str().ok());
        let query = request.uri().query().unwrap_or_default().split('&');
        let ward = query.filter_map(|pair| pair.strip_prefix("ward="));
        let ward = ward.filter_map(|ward| ward.parse().ok()).next();
        asked = (
            client.unwrap_or_default().to_owned(),
            ward.unwrap_or_default(),
        );
        Ok(response)
    };
    let accepted = tokio_tungstenite::accept_hdr_async(stream, callback).await;
    let Ok(mut socket) = accepted else { return };
    let mut frozen = conduct.frozen.subscribe();
    let _ = frozen.wait_for(|frozen| !frozen).await;
    let (client, ward) = asked;
    let hello = LiveEvent::Hello { ward, at_ms: 0 };
    if socket.send(frame(&hello)).await.is_err() {
        return;
    }
    let mut alerts = {
        let mut streams = conduct.streams();
        streams.opened.push((client, conduct.clock.now()));
        streams.follow(ward)
    };
    let mut pace = interval(FRAME_EVERY);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        // The sender lives as long as the target, so waiting can't fail.
        let _ = frozen.wait_for(|frozen| !frozen).await;
        let event = tokio::select! {
            _ = pace.tick() => LiveEvent::Vitals { readings: vec![] },
            Some(alert) = alerts.recv() => LiveEvent::Alert { alert },
            asked = socket.next() => match asked {
                Some(Ok(Message::Text(text))) => match serde_json::from_str(&text) {
                    Ok(LiveRequest::Ping { nonce }) => LiveEvent::Pong { nonce },
                    Err(_) => continue,
                },
                Some(Ok(_)) => continue,
                _ => return,
            },
        };
        if *frozen.borrow() {
            continue;
        }
        if socket.send(frame(&event)).await.is_err() {
            return;
        }
    }
}

fn frame(event: &LiveEvent) -> Message {
    Message::text(serde_json::to_string(event).unwrap_or_default())
}
