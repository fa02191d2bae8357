//! Pressure beside the load: a surge of users or a flood of abusers, and a count of what becomes of them.
//!
//! `POST /press` is answered for as long as the pressure lasts, a line a while, and ends by itself at the time that the order
//! gives. It ends at once when whoever asked hangs up, or when the load is over.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use drill::{Class, Pressure};
use futures_util::stream::{self, Stream};
use timeline::{Arrival, Fates, Offset, PressOrder, Pressed};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use crate::flood::{Blows, hammer};
use crate::user::live_through;
use crate::world::World;

/// Time between two lines.
const TELL_EVERY: Duration = Duration::from_millis(250);

/// Counts the arrivals of one surge or flood.
#[derive(Debug, Default)]
pub(crate) struct Tap {
    sent: AtomicU64,
    fates: Mutex<Fates>,
}

impl Tap {
    /// Pings come at a pace of their own, and are left out.
    pub(crate) fn sending(&self, class: Class) {
        if class != Class::Live {
            self.sent.fetch_add(1, Relaxed);
        }
    }

    pub(crate) fn ended(&self, arrival: &Arrival) {
        let mut fates = self.fates.lock().unwrap_or_else(PoisonError::into_inner);
        fates.add(arrival.outcome, arrival.status);
    }

    fn pressed(&self, elapsed: Duration) -> Pressed {
        Pressed {
            elapsed,
            sent: self.sent.load(Relaxed),
            fates: *self.fates.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

struct Pressing {
    world: Arc<World>,
    tap: Arc<Tap>,
    from: Offset,
    // Dropping the stream drops the pressure with it: that is how a hang-up ends it.
    task: AbortOnDropHandle<()>,
}

/// Begins now, beside `load`. The lines of the answer.
pub(crate) fn press(load: &World, order: PressOrder) -> impl Stream<Item = Bytes> + use<> {
    let from = load.clock.now();
    let tap = Arc::new(Tap::default());
    let recorder = load.recorder.tapped(tap.clone());
    let schedule = match order.pressure {
        Pressure::Surge(surge) => load.schedule.surge(surge.users, from, order.lasts),
        Pressure::Flood(_) => load.schedule.clone(),
    };
    let world = Arc::new(load.beside(schedule, recorder));
    let pressing = Pressing {
        task: AbortOnDropHandle::new(tokio::spawn(come(world.clone(), order, from))),
        world,
        tap,
        from,
    };
    stream::unfold(Some(pressing), |pressing| async {
        let mut pressing = pressing?;
        let over = timeout(TELL_EVERY, &mut pressing.task).await.is_ok();
        let elapsed = pressing.world.clock.now().since(pressing.from);
        let mut line = serde_json::to_vec(&pressing.tap.pressed(elapsed)).unwrap_or_default();
        line.push(b'\n');
        Some((line.into(), (!over).then_some(pressing)))
    })
}

/// Until the last of them is gone, or nobody records them any more.
async fn come(world: Arc<World>, order: PressOrder, from: Offset) {
    let coming = async {
        match order.pressure {
            Pressure::Surge(_) => {
                let users = world.schedule.users();
                let users = users.map(|user| live_through(world.clone(), user));
                let mut users: JoinSet<()> = users.collect();
                while users.join_next().await.is_some() {}
            }
            Pressure::Flood(flood) => {
                let blows = Blows::new(flood, from, order.lasts, world.schedule.end());
                hammer(world.clone(), blows).await;
            }
        }
    };
    tokio::select! {
        () = coming => {}
        () = world.recorder.closed() => {}
    }
}
