//! The end of a stay: its stream stays open until every alert that was due has come, or can't be waited for any more.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio_tungstenite::tungstenite::Message;
use wire::LiveEvent;

use crate::alerts::{self, Expected};
use crate::live::Socket;
use crate::world::World;

/// A stay that is over, but for the alerts that were due in it.
pub(crate) struct Lingering {
    pub(crate) world: Arc<World>,
    pub(crate) user: u32,
    /// None where no stream was ever open.
    pub(crate) expected: Option<Expected>,
}

impl Lingering {
    /// Hears out the stream, and asks nothing over it; without one nothing can come.
    pub(crate) async fn wait(mut self, socket: Option<Socket>) {
        let Some(mut expected) = self.expected.take() else {
            return;
        };
        expected.leave();
        if let Some(mut socket) = socket {
            self.hear(&mut socket, &mut expected).await;
            // Polite, but not waited for: the clinician is gone either way.
            let _ = tokio::time::timeout(Duration::from_millis(100), socket.close(None)).await;
        }
        let now = self.world.clock.now();
        expected.give_up(self.user, now, &self.world.recorder);
    }

    /// Until nothing is outstanding, or the stream breaks.
    async fn hear(&self, socket: &mut Socket, expected: &mut Expected) {
        let world = &self.world;
        loop {
            expected.settle(self.user, world.clock.now(), &world.recorder);
            let Some(until) = expected.next() else {
                return;
            };
            tokio::select! {
                biased;
                frame = socket.next() => match frame {
                    Some(Ok(Message::Text(text))) => self.note(&text, expected),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return,
                },
                () = world.clock.until(until) => {}
            }
        }
    }

    fn note(&self, text: &str, expected: &mut Expected) {
        let Ok(LiveEvent::Alert { alert }) = serde_json::from_str(text) else {
            return;
        };
        let now = self.world.clock.now();
        let new = expected.saw(&alert, now);
        self.world.recorder.tally().alert_seen(new);
        if !new {
            self.world.recorder.record(alerts::repeated(self.user, now));
        }
    }
}
