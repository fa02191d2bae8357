//! One kept connection to a Redis or a Sentinel.

use std::net::SocketAddr;

use redis::{
    AsyncConnectionConfig, Cmd, FromRedisValue, RedisConnectionInfo, RedisError,
    aio::MultiplexedConnection,
};
use tokio::{net::TcpStream, time::timeout};
use tokio_util::task::AbortOnDropHandle;

use crate::look::{DEADLINE, LookError};

/// A server that speaks Redis' protocol, and the connection to it while there is one.
pub(crate) struct Resp {
    address: SocketAddr,
    idle: Option<Connection>,
}

struct Connection {
    commands: MultiplexedConnection,
    _driver: AbortOnDropHandle<()>,
}

impl Resp {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self {
            address,
            idle: None,
        }
    }

    /// Asks within [`DEADLINE`]. A connection that did not answer is not used again.
    pub(crate) async fn ask<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, LookError> {
        let port = self.address.port();
        match timeout(DEADLINE, self.exchange(command)).await {
            Ok(answer) => answer,
            Err(_) => Err(LookError::Silent { port }),
        }
    }

    async fn exchange<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<T, LookError> {
        // Redis hangs up on its callers when its role changes: that says nothing about how it is.
        if let Some(mut connection) = self.idle.take()
            && let Ok(answer) = command.query_async(&mut connection.commands).await
        {
            self.idle = Some(connection);
            return Ok(answer);
        }
        let mut connection = self.connect().await?;
        let answer = command.query_async(&mut connection.commands).await;
        let answer = answer.map_err(|source| self.protocol(source))?;
        self.idle = Some(connection);
        Ok(answer)
    }

    async fn connect(&self) -> Result<Connection, LookError> {
        let stream = TcpStream::connect(self.address)
            .await
            .map_err(|error| LookError::connecting(self.address.port(), error.kind()))?;
        // The deadline around the whole exchange is the only one.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let server = RedisConnectionInfo::default();
        let (commands, driver) = MultiplexedConnection::new_with_config(&server, stream, config)
            .await
            .map_err(|source| self.protocol(source))?;
        Ok(Connection {
            commands,
            _driver: AbortOnDropHandle::new(tokio::spawn(driver)),
        })
    }

    fn protocol(&self, source: RedisError) -> LookError {
        LookError::Redis {
            port: self.address.port(),
            source,
        }
    }
}
