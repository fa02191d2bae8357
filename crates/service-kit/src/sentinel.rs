//! Asks the Sentinels who the Redis master is.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client};

use crate::env::HostPort;

/// The name under which the Sentinels know the master.
const MASTER: &str = "gameday";
/// Patience with one Sentinel: there are others.
const ANSWER_WITHIN: Duration = Duration::from_millis(200);

/// Remembers which Sentinel answered last.
#[derive(Debug)]
pub struct Sentinels {
    addresses: Vec<HostPort>,
    current: usize,
    connection: Option<MultiplexedConnection>,
}

impl Sentinels {
    /// Asks these in turn.
    pub fn new(addresses: Vec<HostPort>) -> Self {
        Self {
            addresses,
            current: 0,
            connection: None,
        }
    }

    /// The master's address, or `None` when no Sentinel knows one.
    pub async fn master(&mut self) -> Option<HostPort> {
        for _ in 0..self.addresses.len() {
            let asked = tokio::time::timeout(ANSWER_WITHIN, self.ask()).await;
            match asked {
                Ok(Ok(Some(master))) => return Some(master),
                Ok(Ok(None)) => tracing::debug!("sentinel knows no master"),
                Ok(Err(error)) => tracing::debug!(%error, "sentinel failed"),
                Err(_) => tracing::debug!("sentinel gave no answer in time"),
            }
            self.connection = None;
            self.current = (self.current + 1) % self.addresses.len();
        }
        None
    }

    async fn ask(&mut self) -> redis::RedisResult<Option<HostPort>> {
        let mut connection = match &self.connection {
            Some(connection) => connection.clone(),
            None => connect(&self.addresses[self.current], ANSWER_WITHIN).await?,
        };
        let answer: Option<(String, u16)> = redis::cmd("SENTINEL")
            .arg("get-master-addr-by-name")
            .arg(MASTER)
            .query_async(&mut connection)
            .await?;
        self.connection = Some(connection);
        Ok(answer.map(|(host, port)| HostPort { host, port }))
    }
}

/// A connection whose every command must be answered within `patience`.
pub(crate) async fn connect(
    address: &HostPort,
    patience: Duration,
) -> redis::RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(ANSWER_WITHIN))
        .set_response_timeout(Some(patience));
    Client::open((address.host.as_str(), address.port))?
        .get_multiplexed_async_connection_with_config(&config)
        .await
}
