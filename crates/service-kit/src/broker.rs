//! One supervised connection to each broker. The client library's own recovery redials a single address and
//! hides what happened in between; here a lost connection is dropped and a new one is made.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::StreamExt;
use lapin::options::ConfirmSelectOptions;
use lapin::uri::{AMQPAuthority, AMQPQueryString, AMQPScheme, AMQPUri, AMQPUserInfo};
use lapin::{Channel, Connection, ConnectionProperties, Event};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::backoff::Backoff;
use crate::env::HostPort;
use crate::queues::Topology;
use crate::readiness::Dependency;
use crate::settings::AmqpSettings;

/// A broker that does not even greet within this time is dead or frozen.
const GREET_WITHIN: Duration = Duration::from_millis(300);
/// Handshake and opening of a channel on a broker that greeted.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);
/// Queue declarations wait for elections; beyond this the connection is suspect.
const DECLARE_WITHIN: Duration = Duration::from_secs(30);
/// Heartbeat of who takes messages, s. A broker hands its messages to others when it has been silent for two to three of
/// these, and until then they wait in a process that may be frozen.
pub const CONSUMER_HEARTBEAT_S: u16 = 1;
/// Heartbeat of who only publishes, s: publishes have deadlines of their own, and a shorter one raises false alarms.
pub const PUBLISHER_HEARTBEAT_S: u16 = 5;
/// How often a connection is looked at that reports nothing.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Connections to all brokers. Copies share them.
#[derive(Clone)]
pub struct Brokers {
    links: Arc<[Link]>,
    topology: Arc<Topology>,
    pub(crate) hedge_after: Duration,
}

/// The connection to one broker, while there is one.
pub(crate) struct Link {
    pub(crate) host: HostPort,
    live: watch::Sender<Option<Live>>,
}

/// What can be used of a connection.
#[derive(Clone)]
pub(crate) struct Live {
    pub(crate) connection: Arc<Connection>,
    /// Has publisher confirms switched on.
    pub(crate) publish: Channel,
}

impl Brokers {
    /// Starts connecting to all; `up` says whether any is connected.
    pub fn start(settings: &AmqpSettings, name: &str, heartbeat_s: u16, up: &Dependency) -> Self {
        let links = settings.hosts.iter().map(|host| Link {
            host: host.clone(),
            live: watch::Sender::new(None),
        });
        let brokers = Self {
            links: links.collect(),
            topology: Arc::new(Topology::new(settings.group_size)),
            hedge_after: settings.hedge_after,
        };
        for index in 0..brokers.links.len() {
            let uri = uri(settings, &brokers.links[index].host, heartbeat_s);
            let supervised = brokers
                .clone()
                .supervise(index, uri, name.to_owned(), up.clone());
            tokio::spawn(supervised);
        }
        brokers
    }

    /// Connections to nobody.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self {
            links: Arc::new([]),
            topology: Arc::new(Topology::new(1)),
            hedge_after: Duration::from_millis(30),
        }
    }

    pub(crate) fn links(&self) -> &[Link] {
        &self.links
    }

    /// Queues may be missing: the next connection looks for them.
    pub(crate) fn doubt_queues(&self) {
        self.topology.doubt();
    }

    async fn supervise(self, index: usize, uri: AMQPUri, name: String, up: Dependency) {
        let link = &self.links[index];
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));
        loop {
            match self.connect(&uri, &name).await {
                Ok(connection) => {
                    self.topology.connected.fetch_add(1, Ordering::Relaxed);
                    let why = self.use_until_lost(link, connection, &up).await;
                    self.topology.connected.fetch_sub(1, Ordering::Relaxed);
                    link.live.send_replace(None);
                    tracing::warn!(broker = %link.host, why, "broker lost");
                    backoff.reset();
                }
                Err(why) => tracing::debug!(broker = %link.host, why, "broker not reached"),
            }
            up.set(self.links.iter().any(Link::is_up));
            backoff.wait().await;
        }
    }

    async fn connect(&self, uri: &AMQPUri, name: &str) -> Result<Connection, String> {
        // The library cannot give up a handshake without leaving a thread behind: be sure that it is answered.
        let greeted = tokio::time::timeout(GREET_WITHIN, greet(&uri.authority)).await;
        match greeted {
            Ok(Ok(())) => {}
            Ok(Err(error)) => return Err(error.to_string()),
            Err(_) => return Err("no greeting in time".into()),
        }
        let properties = ConnectionProperties::default().with_connection_name(name.into());
        let connected = Connection::connect_uri(uri.clone(), properties);
        match tokio::time::timeout(CONNECT_WITHIN, connected).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("no handshake in time".into()),
        }
    }

    /// Publishes the connection as live and returns why it no longer is.
    async fn use_until_lost(&self, link: &Link, connection: Connection, up: &Dependency) -> String {
        let mut events = std::pin::pin!(connection.events_listener());
        let connection = Arc::new(connection);
        let prepared = tokio::time::timeout(DECLARE_WITHIN, self.prepare(&connection)).await;
        let publish = match prepared {
            Ok(Ok(channel)) => channel,
            Ok(Err(error)) => return error.to_string(),
            Err(_) => return "queues not declared in time".into(),
        };
        tracing::info!(broker = %link.host, "broker connected");
        link.live.send_replace(Some(Live {
            connection: connection.clone(),
            publish: publish.clone(),
        }));
        up.set(true);
        loop {
            tokio::select! {
                event = events.next() => match event {
                    Some(Event::Error(error)) => return error.to_string(),
                    Some(Event::ConnectionBlocked(why)) => {
                        tracing::warn!(broker = %link.host, why, "broker takes no messages");
                    }
                    Some(_) => {}
                    None => return "no more events".into(),
                },
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            if !connection.status().connected() {
                return "not connected".into();
            }
            if !publish.status().connected() {
                return "publishing channel closed".into();
            }
            if self.topology.doubted() && self.topology.ensure(&connection).await.is_err() {
                return "queues cannot be declared".into();
            }
        }
    }

    async fn prepare(&self, connection: &Connection) -> lapin::Result<Channel> {
        self.topology.ensure(connection).await?;
        let publish = connection.create_channel().await?;
        publish
            .confirm_select(ConfirmSelectOptions::default())
            .await?;
        Ok(publish)
    }
}

impl Link {
    pub(crate) fn is_up(&self) -> bool {
        self.live.borrow().is_some()
    }

    /// Whether what is published goes on at once. A broker that is short of memory or disk reads nothing more from those who
    /// publish, nor do the others of its cluster, and says so at the first message that it leaves waiting.
    pub(crate) fn takes_messages(&self) -> bool {
        let live = self.live.borrow();
        let live = live.as_ref();
        live.is_some_and(|live| !live.connection.status().blocked())
    }

    pub(crate) fn live(&self) -> Option<Live> {
        self.live.borrow().clone()
    }

    /// Follows the connection as it comes and goes.
    pub(crate) fn follow(&self) -> watch::Receiver<Option<Live>> {
        self.live.subscribe()
    }
}

/// Sends the protocol header and waits for the first byte of the answer.
async fn greet(authority: &AMQPAuthority) -> std::io::Result<()> {
    let mut stream = TcpStream::connect((authority.host.as_str(), authority.port)).await?;
    stream.write_all(b"AMQP\x00\x00\x09\x01").await?;
    stream.read_u8().await?;
    Ok(())
}

fn uri(settings: &AmqpSettings, host: &HostPort, heartbeat_s: u16) -> AMQPUri {
    AMQPUri {
        scheme: AMQPScheme::AMQP,
        authority: AMQPAuthority {
            userinfo: AMQPUserInfo {
                username: settings.user.clone(),
                password: settings.password.reveal().to_owned(),
            },
            host: host.host.clone(),
            port: host.port,
        },
        vhost: "/".into(),
        query: AMQPQueryString {
            heartbeat: Some(heartbeat_s),
            ..AMQPQueryString::default()
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn a_frozen_broker_is_found_out_before_the_handshake() {
        let frozen = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let settings = AmqpSettings {
            hosts: vec![HostPort {
                host: "127.0.0.1".into(),
                port: frozen.local_addr().unwrap().port(),
            }],
            user: "u".into(),
            password: crate::env::Setting::read("p").unwrap(),
            group_size: 1,
            hedge_after: Duration::from_millis(30),
        };
        let uri = uri(&settings, &settings.hosts[0], PUBLISHER_HEARTBEAT_S);
        let why = Brokers::none().connect(&uri, "test").await.unwrap_err();
        assert_eq!(why, "no greeting in time");
    }
}
