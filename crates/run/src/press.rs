//! A fault of the load: users or abusers who come through the entrance, held by the load generator.
//!
//! It ends by itself when its time is over, and at once when its holder goes, because nothing but the holder's open
//! connection keeps it.

use std::{net::SocketAddr, pin::pin, time::Duration};

use drill::{Pressure, Traffic};
use futures_util::{Stream, StreamExt};
use loadgen::LoadError;
use timeline::{PressOrder, Pressed};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};
use tokio_util::task::AbortOnDropHandle;

use crate::{RunError, entrance::Entrance, lookout::Lookout};

/// A fault of a load is proven when this share of what was asked for is seen.
const ENOUGH: f64 = 0.8;
/// Longest time over which a rate is measured.
const MEASURE: Duration = Duration::from_secs(8);
/// The time before it whose rate is compared with: full health has lasted for longer, so no other fault is in it.
const BEFORE: Duration = Duration::from_secs(3);
/// After the last is due: answers are awaited for seconds at most.
const LEAVE_WITHIN: Duration = Duration::from_secs(10);

/// What is asked for, in requests a second.
#[derive(Debug, Clone, Copy)]
struct Asked {
    sent_per_s: f64,
    /// Of those, what no CDN answers.
    at_entrance_per_s: f64,
}

impl Asked {
    fn of(pressure: Pressure, traffic: &Traffic) -> Self {
        match pressure {
            Pressure::Surge(surge) => {
                let sent_per_s = traffic.requests_per_s(surge.users);
                Self {
                    sent_per_s,
                    at_entrance_per_s: sent_per_s * traffic.share_of_monitors(),
                }
            }
            Pressure::Flood(flood) => Self {
                sent_per_s: f64::from(flood.requests_per_s),
                at_entrance_per_s: f64::from(flood.requests_per_s),
            },
        }
    }
}

/// Pressure that is on until its time is over.
#[derive(Debug)]
pub(crate) struct Press {
    asked: Asked,
    begun: Instant,
    lasts: Duration,
    lookout: Lookout,
    /// The rate at the entrance before, where it was seen.
    before_per_s: Option<f64>,
    counted: watch::Receiver<Pressed>,
    /// Reads the count until the last of them is gone.
    reading: AbortOnDropHandle<Result<(), LoadError>>,
}

impl Press {
    /// Begins now, and lasts for `lasts`.
    pub(crate) async fn start(
        generator: SocketAddr,
        pressure: Pressure,
        traffic: &Traffic,
        lasts: Duration,
        lookout: Lookout,
    ) -> Result<Self, RunError> {
        let begun = Instant::now();
        let before_per_s = lookout.borrow().entrance.rate_since(begun - BEFORE);
        let lines = loadgen::press(generator, &PressOrder { pressure, lasts }).await;
        let lines = lines.map_err(|error| RunError::Instrument {
            instrument: "loadgen",
            reason: error.to_string(),
        })?;
        let (tell, counted) = watch::channel(Pressed::default());
        Ok(Self {
            asked: Asked::of(pressure, traffic),
            begun,
            lasts,
            lookout,
            before_per_s,
            counted,
            reading: AbortOnDropHandle::new(tokio::spawn(read(lines, tell))),
        })
    }

    /// How long it is still on.
    pub(crate) fn left(&self) -> Duration {
        self.lasts.saturating_sub(self.begun.elapsed())
    }

    /// Measures for up to 8 s what is sent, and what the entrance counts beside what it counted before; says what was seen.
    ///
    /// # Errors
    /// What was expected, and what was seen instead.
    pub(crate) async fn prove(&self) -> Result<String, String> {
        let measure = MEASURE.min(self.lasts.mul_f64(0.8));
        sleep(measure.saturating_sub(self.begun.elapsed())).await;
        let pressed = *self.counted.borrow();
        let during_per_s = self.entrance().rate_since(self.begun);
        shown(self.asked, pressed, self.before_per_s, during_per_s)
    }

    fn entrance(&self) -> Entrance {
        self.lookout.borrow().entrance.clone()
    }

    /// Waits until the last of them is gone; says what kept the generator from counting.
    pub(crate) async fn ease(self) -> Result<(), String> {
        match timeout(self.left() + LEAVE_WITHIN, self.reading).await {
            Ok(Ok(read)) => read.map_err(|error| error.to_string()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the load generator did not let them go in time".into()),
        }
    }
}

async fn read(
    lines: impl Stream<Item = Result<Pressed, LoadError>>,
    tell: watch::Sender<Pressed>,
) -> Result<(), LoadError> {
    let mut lines = pin!(lines);
    while let Some(pressed) = lines.next().await {
        tell.send_replace(pressed?);
    }
    Ok(())
}

/// Whether enough of what was asked for is seen: by the generator, and at the entrance where that was seen.
fn shown(
    asked: Asked,
    pressed: Pressed,
    before_per_s: Option<f64>,
    during_per_s: Option<f64>,
) -> Result<String, String> {
    let seconds = pressed.elapsed.as_secs_f64();
    let sent_per_s = if seconds > 0.0 {
        pressed.sent as f64 / seconds
    } else {
        0.0
    };
    let mut seen = format!(
        "{sent_per_s:.1} of {:.1} requests/s sent over {seconds:.1} s",
        asked.sent_per_s
    );
    let mut enough = sent_per_s >= asked.sent_per_s * ENOUGH;
    if let (Some(before), Some(during)) = (before_per_s, during_per_s) {
        seen += &format!(", {during:.1}/s at the load balancers, {before:.1}/s before");
        enough &= during - before >= asked.at_entrance_per_s * ENOUGH;
    }
    match enough {
        true => Ok(seen),
        false => Err(format!(
            "expected {:.0} % of {:.1} requests/s, and {:.1}/s more at the load balancers; seen: {seen}",
            ENOUGH * 100.0,
            asked.sent_per_s,
            asked.at_entrance_per_s * ENOUGH,
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASKED: Asked = Asked {
        sent_per_s: 100.0,
        at_entrance_per_s: 50.0,
    };

    fn sent(sent: u64) -> Pressed {
        Pressed {
            elapsed: Duration::from_secs(10),
            sent,
            ..Pressed::default()
        }
    }

    #[test]
    fn four_fifths_on_both_sides_are_a_proof() {
        let seen = shown(ASKED, sent(800), Some(60.0), Some(100.0)).unwrap();
        assert!(seen.contains("80.0 of 100.0 requests/s"), "{seen}");
        assert!(
            seen.contains("100.0/s at the load balancers, 60.0/s before"),
            "{seen}"
        );
        assert!(shown(ASKED, sent(800), None, Some(1.0)).is_ok());
    }

    #[test]
    fn less_on_either_side_is_none() {
        let unproven = shown(ASKED, sent(799), Some(60.0), Some(100.0)).unwrap_err();
        assert!(unproven.contains("expected 80 % of 100.0"), "{unproven}");
        assert!(shown(ASKED, sent(1000), Some(60.0), Some(99.0)).is_err());
        assert!(shown(ASKED, Pressed::default(), None, None).is_err());
    }

    #[test]
    fn a_surge_is_seen_at_the_entrance_as_far_as_no_cdn_answers() {
        let traffic = "baseline_users = 5\npeak_users = 9\nspan = '48h'\nspeed = 288.0\nmonitors_percent = 50\n\
                       monitor_every = '10s'\nclinician_every = '10s'";
        let traffic = Traffic::from_toml(traffic).unwrap();
        let asked = Asked::of(Pressure::Surge(drill::Surge { users: 100 }), &traffic);
        assert_eq!((asked.sent_per_s, asked.at_entrance_per_s), (10.0, 5.0));
    }
}
