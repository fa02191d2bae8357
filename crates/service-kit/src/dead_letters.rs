//! Messages that were given up: they wait in a queue of their own until somebody looks, and go back to where they came
//! from when they are told to.

use std::time::Duration;

use lapin::BasicProperties;
use lapin::Channel;
use lapin::message::Delivery;
use lapin::options::{BasicAckOptions, BasicGetOptions, BasicNackOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use serde::Serialize;

use crate::broker::{Brokers, Live};
use crate::publisher;
use crate::queues::{self, DEAD};

/// Most letters that one call shows or replays.
pub const MOST: u32 = 100;
/// For one call: a hundred confirmations on a slow day.
const WITHIN: Duration = Duration::from_secs(10);
/// How often the broker is asked whether it has them again, and the pause in between: it takes them back a little after
/// it is told to.
const BACK: (u32, Duration) = (20, Duration::from_millis(10));
/// Header that counts how often a message was sent back. The broker forgets earlier deaths when one is.
const REPLAYS: &str = "replays";

/// A message that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadLetter {
    /// What its sender called it.
    pub id: Option<String>,
    /// The queue that it was in; none where the broker does not say.
    pub origin: Option<String>,
    /// Why it is here, in the broker's words: `rejected`, `delivery_limit`.
    pub reason: Option<String>,
    /// Seconds since the Unix epoch at which it was given up.
    pub died_at_s: Option<u64>,
    /// How often it was sent back before.
    pub replays: u32,
    /// Length of its body.
    pub bytes: usize,
}

/// What a look found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// Letters waiting, those that are not shown included.
    pub waiting: u32,
    /// The first of them, no more than [`MOST`].
    pub letters: Vec<DeadLetter>,
}

/// What a replay did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Replayed {
    /// Back in their queues, confirmed.
    pub replayed: u32,
    /// Left where they were: no known origin, or not confirmed.
    pub kept: u32,
    /// Letters waiting afterwards, those that came meanwhile included.
    pub waiting: u32,
}

/// Why nothing can be told of dead letters, or not everything was sent back.
#[derive(Debug, thiserror::Error)]
pub enum DeadLetterError {
    /// No broker is connected.
    #[error("no broker is connected")]
    NoBroker,
    /// The broker refused, or broke off.
    #[error("broker: {0}")]
    Broker(#[from] lapin::Error),
    /// It took more than ten seconds. What was not sent back is where it was.
    #[error("not done within {} s", WITHIN.as_secs())]
    TooSlow,
}

/// Looks after the dead letters. Copies share the connections.
#[derive(Clone)]
pub struct DeadLetters {
    brokers: Brokers,
}

impl DeadLetters {
    /// Looks through any of `brokers`.
    pub fn new(brokers: Brokers) -> Self {
        Self { brokers }
    }

    /// How many wait; those that somebody looks at right now are left out.
    ///
    /// # Errors
    /// When no broker answers.
    pub async fn waiting(&self) -> Result<u32, DeadLetterError> {
        self.through(async |live| {
            let channel = live.connection.create_channel().await?;
            let waiting = count(&channel).await?;
            close(&channel).await;
            Ok(waiting)
        })
        .await
    }

    /// Shows them, and takes none away.
    ///
    /// # Errors
    /// When no broker answers. Nothing is lost then: what is not acknowledged goes back when its channel ends.
    pub async fn look(&self) -> Result<Shown, DeadLetterError> {
        self.through(async |live| {
            let channel = live.connection.create_channel().await?;
            let waiting = count(&channel).await?;
            let taken = take(&channel, waiting).await?;
            let letters = taken.iter().map(DeadLetter::of).collect();
            put_back(&channel, &taken).await?;
            close(&channel).await;
            Ok(Shown { waiting, letters })
        })
        .await
    }

    /// Sends up to [`MOST`] back to their queues, under the ids that they had. A letter goes away only when its copy is
    /// confirmed; who dies in between leaves both, and whoever gets the message twice knows it by its id. One that is
    /// given up again comes back as a new letter, and is not sent again by the same call.
    ///
    /// # Errors
    /// When no broker answers, or not in time. Some may have been sent back by then.
    pub async fn replay(&self) -> Result<Replayed, DeadLetterError> {
        self.through(async |live| {
            let channel = live.connection.create_channel().await?;
            let waiting = count(&channel).await?;
            let mut replayed = Replayed::default();
            // All at once: what comes back while this goes on is not among them.
            let mut kept = Vec::new();
            for letter in take(&channel, waiting).await? {
                match self.send_back(&live, &letter).await {
                    true => {
                        letter.ack(BasicAckOptions::default()).await?;
                        replayed.replayed += 1;
                    }
                    false => kept.push(letter),
                }
            }
            replayed.kept = u32::try_from(kept.len()).unwrap_or(u32::MAX);
            replayed.waiting = replayed.kept.saturating_add(count(&channel).await?);
            put_back(&channel, &kept).await?;
            close(&channel).await;
            tracing::info!(?replayed, "dead letters");
            Ok(replayed)
        })
        .await
    }

    /// Whether its queue has it again.
    async fn send_back(&self, live: &Live, letter: &Delivery) -> bool {
        let about = DeadLetter::of(letter);
        let Some(queue) = about.origin.as_deref().and_then(queues::living) else {
            tracing::warn!(?about, "dead letter of no known queue");
            return false;
        };
        let again = replay_of(&letter.properties, about.replays);
        publisher::confirmed(&self.brokers, live, queue, &letter.data, again).await
    }

    async fn through<T>(
        &self,
        ask: impl AsyncFnOnce(Live) -> Result<T, DeadLetterError>,
    ) -> Result<T, DeadLetterError> {
        let mut live = self.brokers.links().iter().filter_map(|link| link.live());
        let live = live.next().ok_or(DeadLetterError::NoBroker)?;
        let asked = tokio::time::timeout(WITHIN, ask(live)).await;
        asked.map_err(|_| DeadLetterError::TooSlow)?
    }
}

impl DeadLetter {
    fn of(delivery: &Delivery) -> Self {
        let headers = delivery.properties.headers().as_ref();
        let death = headers.and_then(last_death);
        let text = |name| Some(death?.inner().get(name)?.as_long_string()?.to_string());
        let died = death.and_then(|death| death.inner().get("time")?.as_timestamp());
        Self {
            id: delivery
                .properties
                .message_id()
                .as_ref()
                .map(ToString::to_string),
            origin: text("queue"),
            reason: text("reason"),
            died_at_s: died,
            replays: headers.map_or(0, replays),
            bytes: delivery.data.len(),
        }
    }
}

/// The broker puts the newest first.
fn last_death(headers: &FieldTable) -> Option<&FieldTable> {
    let deaths = headers.inner().get("x-death")?.as_array()?;
    deaths.as_slice().first()?.as_field_table()
}

fn replays(headers: &FieldTable) -> u32 {
    let count = headers
        .inner()
        .get(REPLAYS)
        .and_then(AMQPValue::as_long_uint);
    count.unwrap_or(0)
}

/// The same message, without the marks of its death.
fn replay_of(properties: &BasicProperties, replays: u32) -> BasicProperties {
    let mut headers = FieldTable::default();
    let replays = AMQPValue::LongUInt(replays.saturating_add(1));
    headers.insert(REPLAYS.into(), replays);
    properties.clone().with_headers(headers)
}

/// Letters that nobody has taken.
async fn count(channel: &Channel) -> lapin::Result<u32> {
    let options = QueueDeclareOptions {
        passive: true,
        durable: true,
        ..QueueDeclareOptions::default()
    };
    let queue = channel.queue_declare(DEAD.into(), options, FieldTable::default());
    Ok(queue.await?.message_count())
}

/// Takes up to [`MOST`] of `waiting` letters, unacknowledged.
async fn take(channel: &Channel, waiting: u32) -> lapin::Result<Vec<Delivery>> {
    let mut taken = Vec::new();
    for _ in 0..waiting.min(MOST) {
        let letter = channel.basic_get(DEAD.into(), BasicGetOptions::default());
        match letter.await? {
            Some(letter) => taken.push(letter.delivery),
            None => break,
        }
    }
    Ok(taken)
}

/// Returns once the broker counts them again, or soon: who replays right after a look must find them.
async fn put_back(channel: &Channel, taken: &[Delivery]) -> lapin::Result<()> {
    let again = BasicNackOptions {
        requeue: true,
        ..BasicNackOptions::default()
    };
    for letter in taken {
        letter.nack(again).await?;
    }
    for _ in 0..BACK.0 {
        if count(channel).await? as usize >= taken.len() {
            break;
        }
        tokio::time::sleep(BACK.1).await;
    }
    Ok(())
}

/// Best effort: a channel that is not closed in good order ends with its last owner.
async fn close(channel: &Channel) {
    if let Err(error) = channel.close(200, "done".into()).await {
        tracing::debug!(%error, "channel not closed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lapin::types::FieldArray;

    fn letter(headers: &[(&str, AMQPValue)]) -> Delivery {
        let mut letter = Delivery::mock(1, "".into(), DEAD.into(), false, b"12345".to_vec());
        letter.properties = BasicProperties::default()
            .with_message_id("m-1".into())
            .with_headers(table(headers));
        letter
    }

    fn table(pairs: &[(&str, AMQPValue)]) -> FieldTable {
        let mut table = FieldTable::default();
        for (name, value) in pairs {
            table.insert((*name).into(), value.clone());
        }
        table
    }

    fn death(queue: &str, reason: &str) -> AMQPValue {
        let text = |value: &str| AMQPValue::LongString(value.into());
        AMQPValue::FieldTable(table(&[
            ("queue", text(queue)),
            ("reason", text(reason)),
            ("time", AMQPValue::Timestamp(1_700_000_000)),
        ]))
    }

    #[test]
    fn a_letter_tells_where_it_was_last_and_why_it_is_here() {
        let deaths = vec![death("pages", "rejected"), death("vitals-0", "expired")];
        let deaths = AMQPValue::FieldArray(FieldArray::from(deaths));
        let read = DeadLetter::of(&letter(&[("x-death", deaths)]));
        let expected = DeadLetter {
            id: Some("m-1".into()),
            origin: Some("pages".into()),
            reason: Some("rejected".into()),
            died_at_s: Some(1_700_000_000),
            replays: 0,
            bytes: 5,
        };
        assert_eq!(read, expected);
    }

    #[test]
    fn a_letter_that_tells_nothing_is_shown_all_the_same() {
        let none = AMQPValue::FieldArray(FieldArray::default());
        let nonsense = AMQPValue::LongString("yesterday".into());
        for headers in [vec![], vec![("x-death", none)], vec![("x-death", nonsense)]] {
            let read = DeadLetter::of(&letter(&headers));
            assert_eq!((read.origin, read.reason, read.bytes), (None, None, 5));
        }
        let bare = Delivery::mock(1, "".into(), DEAD.into(), false, vec![]);
        assert_eq!(DeadLetter::of(&bare).id, None);
    }

    #[test]
    fn what_is_sent_back_keeps_its_id_and_counts_how_often_it_was() {
        let deaths = AMQPValue::FieldArray(vec![death("pages", "rejected")].into());
        let dead = letter(&[("x-death", deaths), (REPLAYS, AMQPValue::LongUInt(2))]);
        let again = replay_of(&dead.properties, DeadLetter::of(&dead).replays);
        assert_eq!(again.message_id(), dead.properties.message_id());
        let headers = again.headers().clone().unwrap();
        assert_eq!(replays(&headers), 3);
        assert!(!headers.contains_key("x-death"));
    }

    #[tokio::test]
    async fn without_a_broker_nothing_is_told() {
        let letters = DeadLetters::new(Brokers::none());
        let told = letters.look().await;
        assert!(matches!(told, Err(DeadLetterError::NoBroker)), "{told:?}");
        assert!(letters.replay().await.is_err() && letters.waiting().await.is_err());
    }
}
