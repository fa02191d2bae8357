//! The queues of the platform, declared by whoever comes first.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use lapin::options::QueueDeclareOptions;
use lapin::types::{AMQPValue, FieldTable, LongString};
use lapin::{Channel, Connection};

/// Readings wait here; three queues, so that their leaders spread over three brokers.
pub const INGEST: [&str; 3] = ["vitals-0", "vitals-1", "vitals-2"];
/// Alerts on their way to the third party that notifies staff.
pub const PAGES: &str = "pages";
/// Changes of thresholds on their way to the database.
pub const THRESHOLDS: &str = "thresholds";
/// Every queue that services publish to.
pub const LIVING: [&str; 5] = [INGEST[0], INGEST[1], INGEST[2], PAGES, THRESHOLDS];
/// What was given up, of any of them, until somebody looks.
pub const DEAD: &str = "dead-letters";

/// The queue of this name, if services publish to one.
pub fn living(name: &str) -> Option<&'static str> {
    LIVING.into_iter().find(|living| *living == name)
}

/// Redeliveries before a message counts as poison. The broker's default of 20 is reached by a few crashes of
/// a worker, and would discard readings that were acknowledged.
const DELIVERY_LIMIT: i32 = 1_000_000;
/// How often missing brokers are looked for before the first declaration.
const GATHER_EVERY: Duration = Duration::from_millis(200);

/// What this process knows about the queues.
#[derive(Debug, Default)]
pub(crate) struct Topology {
    /// Brokers connected right now.
    pub(crate) connected: AtomicUsize,
    /// Whether all queues were seen to exist.
    declared: AtomicBool,
    group_size: usize,
}

impl Topology {
    pub(crate) fn new(group_size: u32) -> Self {
        Self {
            group_size: group_size as usize,
            ..Self::default()
        }
    }

    /// A message could not be routed: look again.
    pub(crate) fn doubt(&self) {
        self.declared.store(false, Ordering::Relaxed);
    }

    pub(crate) fn doubted(&self) -> bool {
        !self.declared.load(Ordering::Relaxed)
    }

    /// Returns once all queues exist. A queue that is declared while the cluster is still forming would stay
    /// with the members of that moment for ever, so the first declaration waits for all of its members.
    pub(crate) async fn ensure(&self, connection: &Connection) -> lapin::Result<()> {
        if !self.doubted() || self.exist(connection).await? {
            self.declared.store(true, Ordering::Relaxed);
            return Ok(());
        }
        while self.connected.load(Ordering::Relaxed) < self.group_size {
            tokio::time::sleep(GATHER_EVERY).await;
            if self.exist(connection).await? {
                break;
            }
        }
        self.declare(&connection.create_channel().await?).await?;
        self.declared.store(true, Ordering::Relaxed);
        Ok(())
    }

    async fn exist(&self, connection: &Connection) -> lapin::Result<bool> {
        // A failed question closes its channel, so it gets one of its own.
        let channel = connection.create_channel().await?;
        let options = QueueDeclareOptions {
            passive: true,
            durable: true,
            ..QueueDeclareOptions::default()
        };
        for name in LIVING.into_iter().chain([DEAD]) {
            let asked = channel.queue_declare(name.into(), options, FieldTable::default());
            match asked.await {
                Ok(_) => {}
                Err(error) if error.is_amqp_soft_error() => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        channel.close(200, "seen".into()).await?;
        Ok(true)
    }

    /// Dead letters come first: they must have a place before there can be any.
    async fn declare(&self, channel: &Channel) -> lapin::Result<()> {
        let options = QueueDeclareOptions::durable();
        let mut arguments = replicated(self.group_size);
        channel
            .queue_declare(DEAD.into(), options, arguments.clone())
            .await?;
        bury_in(DEAD, &mut arguments);
        for name in LIVING {
            channel
                .queue_declare(name.into(), options, arguments.clone())
                .await?;
        }
        tracing::info!("queues declared");
        channel.close(200, "declared".into()).await
    }
}

/// A queue with `group_size` members, whose leader is where the fewest are.
fn replicated(group_size: usize) -> FieldTable {
    let size = i32::try_from(group_size).unwrap_or(i32::MAX);
    let mut arguments = FieldTable::default();
    arguments.insert("x-queue-type".into(), text("quorum"));
    arguments.insert(
        "x-quorum-initial-group-size".into(),
        AMQPValue::LongInt(size),
    );
    arguments.insert("x-queue-leader-locator".into(), text("balanced"));
    arguments.insert(
        "x-delivery-limit".into(),
        AMQPValue::LongInt(DELIVERY_LIMIT),
    );
    arguments
}

/// What is given up goes to the queue `dead`, and leaves its own only once `dead` has confirmed it: the default
/// publishes once and forgets. The broker does that only for a queue that would refuse a message rather than drop one.
fn bury_in(dead: &str, arguments: &mut FieldTable) {
    arguments.insert("x-dead-letter-exchange".into(), text(""));
    arguments.insert("x-dead-letter-routing-key".into(), text(dead));
    arguments.insert("x-dead-letter-strategy".into(), text("at-least-once"));
    arguments.insert("x-overflow".into(), text("reject-publish"));
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(LongString::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_queue_is_known_by_name_but_that_of_the_dead() {
        for name in INGEST.into_iter().chain([PAGES, THRESHOLDS]) {
            assert_eq!(living(name), Some(name));
        }
        assert_eq!(living(DEAD), None);
        assert_eq!(living("vitals-3"), None);
    }
}
