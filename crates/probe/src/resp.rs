//! One kept connection to a Redis or a Sentinel.

use std::net::SocketAddr;

use redis::{
    AsyncConnectionConfig, Client, Cmd, FromRedisValue, RedisError, aio::MultiplexedConnection,
};
use tokio::time::timeout;

use crate::look::{DEADLINE, LookError};

/// A server that speaks Redis' protocol, and the connection to it while there is one.
pub(crate) struct Resp {
    address: SocketAddr,
    connection: Option<MultiplexedConnection>,
}

impl Resp {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            connection: None,
        }
    }

    /// Asks within [`DEADLINE`]. A connection that did not answer is not used again.
    pub(crate) async fn ask<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, LookError> {
        let port = self.address.port();
        match timeout(DEADLINE, self.exchange(command)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(source)) => Err(LookError::Redis { port, source }),
            Err(_) => Err(LookError::Silent { port }),
        }
    }

    async fn exchange<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, RedisError> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                let address = (self.address.ip().to_string(), self.address.port());
                // The deadline around the whole exchange is the only one.
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(None)
                    .set_response_timeout(None);
                Client::open(address)?
                    .get_multiplexed_async_connection_with_config(&config)
                    .await?
            }
        };
        let answer = command.query_async(&mut connection).await?;
        self.connection = Some(connection);
        Ok(answer)
    }
}
