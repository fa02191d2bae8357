//! A clinician's live stream: kept open while the clinician is active, pinged in each slot.
//!
//! Two halves run side by side. [`pace`] follows the schedule and gives orders; [`Follower`] owns the
//! socket, opens it again after a break, and answers. A ping that falls into a break waits for the next
//! stream, as a person in front of the screen does, and is lost only when patience ends.

use std::sync::Arc;

use bytes::Bytes;
use drill::Class;
use futures_util::{SinkExt, StreamExt};
use timeline::{Offset, Outcome};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::{
    self, Message, client::IntoClientRequest, protocol::WebSocketConfig,
};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use wire::{LiveEvent, LiveRequest};

use crate::alerts::{self, Expected};
use crate::backoff::Backoff;
use crate::behaviour::ward_followed;
use crate::gaps::Gaps;
use crate::http::{CLIENT_ID, SITE, client_id, dial};
use crate::linger::Lingering;
use crate::pulse::Pulse;
use crate::schedule::User;
use crate::told::Told;
use crate::user::judge_status;
use crate::world::{Ending, Patience, World};

/// Orders that may wait: an opening that takes all its time sees two slots at most.
const ORDERS: usize = 4;

pub(crate) type Socket = WebSocketStream<TcpStream>;

enum Order {
    Open { due: Offset },
    Ping(Ping),
    Leave,
}

struct Ping {
    nonce: u64,
    /// When it was ordered.
    at: Offset,
    /// Whether a stream broke, or there was none, while it waited.
    again: bool,
    /// Told whether it was so.
    answered: oneshot::Sender<bool>,
}

/// Follows the ward's stream through the load.
pub(crate) async fn follow(world: &Arc<World>, user: User) {
    let (orders, inbox) = mpsc::channel(ORDERS);
    let follower = Follower {
        world,
        user: user.number,
        ward: ward_followed(world.seed, user.number),
        told: Told::default(),
        backoff: Backoff::new(world.seed, user.number),
        expected: None,
        gaps: None,
        lingering: JoinSet::new(),
    };
    tokio::join!(pace(world, user, orders), follower.serve(inbox));
}

/// Gives the orders at their due times: opens in the first slot of a stay, pings in the others, leaves
/// one period after the last.
async fn pace(world: &World, user: User, orders: mpsc::Sender<Order>) {
    for slot in world.schedule.slots(user) {
        if slot.first {
            world.clock.until(slot.due).await;
            let _ = orders.send(Order::Open { due: slot.due }).await;
        } else {
            let work = ping(world, &orders, u64::from(slot.number), slot.due);
            world.arrive(user.number, Class::Live, slot.due, work).await;
        }
        if slot.last {
            let leave = Offset::from(slot.due.as_duration() + user.every);
            world.clock.until(leave.min(world.schedule.end())).await;
            let _ = orders.send(Order::Leave).await;
        }
    }
}

async fn ping(world: &World, orders: &mpsc::Sender<Order>, nonce: u64, due: Offset) -> Ending {
    let (answered, pong) = oneshot::channel();
    // The follower empties its inbox many times within a period, so there is always room.
    let _ = orders.try_send(Order::Ping(Ping {
        nonce,
        at: world.clock.now(),
        again: false,
        answered,
    }));
    match world.patience(due).during(pong).await {
        Some(Ok(again)) => Ending {
            again,
            ..Ending::first(Outcome::Ok, 0)
        },
        Some(Err(_)) => Ending::first(Outcome::Broken, 0),
        None => Ending::first(Outcome::TimedOut, 0),
    }
}

/// Why listening ended.
#[derive(PartialEq, Eq)]
enum End {
    Left,
    Broke,
}

struct Follower<'a> {
    world: &'a Arc<World>,
    user: u32,
    ward: u32,
    told: Told,
    backoff: Backoff,
    /// What is due, once the stay's first stream is open.
    expected: Option<Expected>,
    /// When the stay had no working stream.
    gaps: Option<Gaps>,
    /// Earlier stays that still wait for alerts. They end with the follower.
    lingering: JoinSet<()>,
}

impl Follower<'_> {
    async fn serve(mut self, mut inbox: mpsc::Receiver<Order>) {
        while let Some(order) = inbox.recv().await {
            if let Order::Open { due } = order {
                self.gaps = Some(Gaps::new(self.user, due));
                let socket = self.stay(due, &mut inbox).await;
                self.leave(socket);
            }
        }
        while self.lingering.join_next().await.is_some() {}
    }

    /// Records the stay, and has the stream kept open as long as an alert is outstanding.
    fn leave(&mut self, socket: Option<Socket>) {
        let now = self.now();
        if let Some(gaps) = self.gaps.take() {
            let (gap, stay) = gaps.over(now);
            let recorder = &self.world.recorder;
            gap.into_iter()
                .chain([stay])
                .for_each(|span| recorder.record_span(span));
        }
        // Those that are done are forgotten.
        while self.lingering.try_join_next().is_some() {}
        let lingering = Lingering {
            world: self.world.clone(),
            user: self.user,
            expected: self.expected.take(),
        };
        self.lingering.spawn(lingering.wait(socket));
    }

    /// Now, as spans count: no stay lasts beyond the load.
    fn now(&self) -> Offset {
        self.world.clock.now().min(self.world.schedule.end())
    }

    /// Something came over a stream.
    fn heard(&mut self) {
        let now = self.now();
        let ended = self.gaps.as_mut().and_then(|gaps| gaps.heard(now));
        ended
            .into_iter()
            .for_each(|gap| self.world.recorder.record_span(gap));
    }

    /// The stream broke, or could not be opened.
    fn broke(&mut self) {
        let now = self.now();
        if let Some(gaps) = &mut self.gaps {
            gaps.broke(now);
        }
    }

    /// One stay of the clinician: opens, listens, and opens again after each break. The stream that is open at its end.
    async fn stay(
        &mut self,
        first_due: Offset,
        inbox: &mut mpsc::Receiver<Order>,
    ) -> Option<Socket> {
        let mut due = first_due;
        let mut asked = None;
        while due < self.world.schedule.end() {
            let opened = self.open(due).await;
            self.backoff.opened(opened.is_some());
            if let Some(mut socket) = opened
                && self.listen(&mut socket, inbox, &mut asked).await == End::Left
            {
                return Some(socket);
            }
            self.broke();
            due = Offset::from(self.world.clock.now().as_duration() + self.backoff.wait());
            if self.wait(due, inbox, &mut asked).await == End::Left {
                return None;
            }
        }
        None
    }

    /// Records the alerts that have come and those that are overdue.
    fn settle(&mut self) {
        if let Some(expected) = &mut self.expected {
            let now = self.world.clock.now();
            expected.settle(self.user, now, &self.world.recorder);
        }
    }

    /// Waits without a stream until `due`; pings that come in wait too.
    async fn wait(
        &self,
        due: Offset,
        inbox: &mut mpsc::Receiver<Order>,
        asked: &mut Option<Ping>,
    ) -> End {
        loop {
            tokio::select! {
                () = self.world.clock.until(due) => return End::Broke,
                order = inbox.recv() => match order {
                    Some(Order::Ping(ping)) => *asked = Some(ping),
                    Some(Order::Open { .. }) => {}
                    Some(Order::Leave) | None => return End::Left,
                },
            }
        }
    }

    /// One opening, recorded as an arrival: done when the server's first frame is here.
    async fn open(&mut self, due: Offset) -> Option<Socket> {
        let (world, user) = (self.world, self.user);
        let mut socket = None;
        let work = async {
            match self.handshake(world.patience(due)).await {
                Ok(opened) => {
                    let follow = || world.alerts.follow(self.ward, user);
                    self.expected.get_or_insert_with(follow);
                    socket = Some(opened);
                    Ending::first(Outcome::Ok, 101)
                }
                Err(ending) => ending,
            }
        };
        world.arrive(user, Class::Live, due, work).await;
        socket
    }

    async fn handshake(&mut self, patience: Patience) -> Result<Socket, Ending> {
        let vip = self.world.vip.first();
        let vip = *vip.ok_or(Ending::first(Outcome::Unreachable, 0))?;
        let dialled = patience.during(dial(vip)).await;
        let stream = dialled
            .unwrap_or(Err(Outcome::Unreachable))
            .map_err(|outcome| Ending::first(outcome, 0))?;
        self.world.recorder.tally().connected();
        let greeted = patience.during(self.greet(stream)).await;
        greeted.unwrap_or(Err(Ending::first(Outcome::TimedOut, 0)))
    }

    async fn greet(&mut self, stream: TcpStream) -> Result<Socket, Ending> {
        let uri = format!(
            "ws://{SITE}/v1/live?ward={}{}",
            self.ward,
            self.told.query()
        );
        let mut request = uri.into_client_request().map_err(ending_of)?;
        request
            .headers_mut()
            .insert(CLIENT_ID, client_id(self.user));
        // The default of 128 KiB is for a few busy streams; here are many quiet ones.
        let config = WebSocketConfig::default().read_buffer_size(8 << 10);
        let opened = client_async_with_config(request, stream, Some(config)).await;
        let (mut socket, _) = opened.map_err(ending_of)?;
        while let Some(frame) = socket.next().await {
            let event = self.understand(&frame.map_err(ending_of)?);
            if matches!(event, Some(LiveEvent::Hello { .. })) {
                self.heard();
                return Ok(socket);
            }
        }
        Err(Ending::first(Outcome::Broken, 101))
    }

    async fn listen(
        &mut self,
        socket: &mut Socket,
        inbox: &mut mpsc::Receiver<Order>,
        asked: &mut Option<Ping>,
    ) -> End {
        // Asked while there was no stream, or lost with the last one: asking twice is harmless.
        asked.take_if(|ping| ping.answered.is_closed());
        if let Some(ping) = asked.as_mut() {
            ping.again = true;
            if send(socket, ping.nonce).await.is_err() {
                return End::Broke;
            }
        }
        let opened = self.world.clock.now();
        let mut pulse = Pulse::new();
        loop {
            self.settle();
            tokio::select! {
                // What has come is heard before it is missed.
                biased;
                frame = socket.next() => {
                    let Some(Ok(frame)) = frame else { return End::Broke };
                    pulse.heard();
                    self.heard();
                    if let Some(LiveEvent::Pong { nonce }) = self.understand(&frame)
                        && let Some(ping) = asked.take_if(|ping| ping.nonce == nonce)
                    {
                        let _ = ping.answered.send(ping.again);
                    }
                }
                order = inbox.recv() => match order {
                    Some(Order::Ping(ping)) if ping.answered.is_closed() => {}
                    Some(Order::Ping(mut ping)) => {
                        // It was ordered before this stream was open: there was none when it was due.
                        ping.again |= ping.at < opened;
                        let nonce = asked.insert(ping).nonce;
                        if send(socket, nonce).await.is_err() {
                            return End::Broke;
                        }
                    }
                    Some(Order::Open { .. }) => {}
                    Some(Order::Leave) | None => return End::Left,
                },
                alive = pulse.beat() => {
                    if !alive || socket.send(Message::Ping(Bytes::new())).await.is_err() {
                        return End::Broke;
                    }
                }
                // Nobody waits for the pong any more: a stream that doesn't answer is dead.
                () = given_up(asked) => {
                    *asked = None;
                    return End::Broke;
                }
            }
        }
    }

    /// Reads a frame, and remembers what it tells.
    fn understand(&mut self, frame: &Message) -> Option<LiveEvent> {
        let Message::Text(text) = frame else {
            return None;
        };
        // By far the most frames, and nothing in them is of use here.
        if text.starts_with(r#"{"type":"vitals""#) {
            return None;
        }
        let event = serde_json::from_str(text).ok()?;
        if let LiveEvent::Hello { at_ms, .. } = &event {
            self.told.hello(*at_ms);
        }
        if let LiveEvent::Alert { alert } = &event {
            self.told.alert(alert);
            let now = self.world.clock.now();
            let expected = self.expected.as_mut();
            let new = expected.is_none_or(|expected| expected.saw(alert, now));
            let recorder = &self.world.recorder;
            recorder.tally().alert_seen(new);
            if !new {
                recorder.record(alerts::repeated(self.user, now));
            }
        }
        Some(event)
    }
}

async fn send(socket: &mut Socket, nonce: u64) -> Result<(), tungstenite::Error> {
    let text = serde_json::to_string(&LiveRequest::Ping { nonce }).unwrap_or_default();
    socket.send(Message::text(text)).await
}

async fn given_up(asked: &mut Option<Ping>) {
    match asked {
        Some(ping) => ping.answered.closed().await,
        None => std::future::pending().await,
    }
}

fn ending_of(error: tungstenite::Error) -> Ending {
    match error {
        tungstenite::Error::Http(response) => {
            let status = response.status().as_u16();
            Ending::first(judge_status(status, false), status)
        }
        _ => Ending::first(Outcome::Broken, 0),
    }
}
