//! Redis behind Sentinels, as a cache that may be gone: a request never waits for it longer than a fraction
//! of its deadline, and not at all while it is known to be down.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::FromRedisValue;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::breaker::Breaker;
use crate::env::HostPort;
use crate::readiness::Dependency;
use crate::sentinel::{Sentinels, connect};
use crate::settings::RedisSettings;

/// An answer takes well under a millisecond; beyond this the next source is the better bet.
const ANSWER_WITHIN: Duration = Duration::from_millis(40);
/// Failures in a row after which Redis is left alone for a while.
const FAILURES: u32 = 3;
/// How long it is left alone.
const OPEN_FOR: Duration = Duration::from_millis(250);
/// How often the Sentinels are asked when nothing seems wrong.
const RESOLVE_EVERY: Duration = Duration::from_secs(1);
/// Pause between two attempts to find a master when something is.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// Why Redis gave nothing.
#[derive(Debug, thiserror::Error)]
pub enum RedisError {
    /// No master is known, or it failed too often just now.
    #[error("redis is down")]
    Down,
    /// It did not answer in time.
    #[error("redis gave no answer in time")]
    Deadline,
    /// It answered with an error.
    #[error("redis failed: {0}")]
    Failed(#[from] redis::RedisError),
}

/// A link to whoever is master. Copies share it.
#[derive(Clone)]
pub struct RedisLink {
    shared: Arc<Shared>,
}

struct Shared {
    connection: watch::Sender<Option<(HostPort, MultiplexedConnection)>>,
    breaker: Mutex<Breaker>,
    /// Wakes the task that looks for a master.
    suspicion: Notify,
}

impl RedisLink {
    /// Starts looking for the master; keeps `up` current.
    pub fn start(settings: &RedisSettings, up: Dependency) -> Self {
        let shared = Arc::new(Shared {
            connection: watch::Sender::new(None),
            breaker: Mutex::new(Breaker::new(FAILURES, OPEN_FOR)),
            suspicion: Notify::new(),
        });
        let sentinels = Sentinels::new(settings.sentinels.clone());
        shared.suspicion.notify_one();
        tokio::spawn(look_after(shared.clone(), sentinels, up));
        Self { shared }
    }

    /// The master's address whenever it changes; `None` while there is none.
    pub fn master(&self) -> watch::Receiver<Option<(HostPort, MultiplexedConnection)>> {
        self.shared.connection.subscribe()
    }

    /// Runs a command or pipeline.
    pub async fn ask<T: FromRedisValue>(&self, ask: impl AskRedis) -> Result<T, RedisError> {
        if !self.shared.breaker().allows(Instant::now()) {
            return Err(RedisError::Down);
        }
        let connection = self.shared.connection.borrow().clone();
        let Some((_, mut connection)) = connection else {
            return Err(RedisError::Down);
        };
        let asked = tokio::time::timeout(ANSWER_WITHIN, ask.ask(&mut connection)).await;
        let result = match asked {
            Ok(Ok(value)) => Ok(redis::from_redis_value(value).map_err(redis::RedisError::from)?),
            Ok(Err(error)) => Err(RedisError::Failed(error)),
            Err(_) => Err(RedisError::Deadline),
        };
        match &result {
            Ok(_) => self.shared.breaker().succeeded(),
            Err(error) => {
                tracing::debug!(%error, "redis");
                self.shared.failed(error);
            }
        }
        result
    }
}

/// Something to ask of Redis: a command, a pipeline or a script.
pub trait AskRedis {
    /// Sends it.
    fn ask(
        &self,
        connection: &mut MultiplexedConnection,
    ) -> impl Future<Output = redis::RedisResult<redis::Value>> + Send;
}

impl AskRedis for &redis::Cmd {
    async fn ask(
        &self,
        connection: &mut MultiplexedConnection,
    ) -> redis::RedisResult<redis::Value> {
        connection.req_packed_command(self).await?.extract_error()
    }
}

impl AskRedis for &redis::Pipeline {
    async fn ask(
        &self,
        connection: &mut MultiplexedConnection,
    ) -> redis::RedisResult<redis::Value> {
        self.query_async(connection).await
    }
}

impl AskRedis for &redis::ScriptInvocation<'_> {
    async fn ask(
        &self,
        connection: &mut MultiplexedConnection,
    ) -> redis::RedisResult<redis::Value> {
        self.invoke_async(connection).await
    }
}

impl Shared {
    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A broken connection or a master that lost its role is left at once; slowness is counted first.
    fn failed(&self, error: &RedisError) {
        let open = self.breaker().failed(Instant::now());
        let gone = match error {
            RedisError::Failed(error) => {
                error.is_unrecoverable_error() || error.code() == Some("READONLY")
            }
            _ => false,
        };
        if gone {
            self.connection.send_replace(None);
        }
        if gone || open {
            self.suspicion.notify_one();
        }
    }
}

/// Keeps the connection pointing at the master that the Sentinels agree on.
async fn look_after(shared: Arc<Shared>, mut sentinels: Sentinels, up: Dependency) {
    loop {
        let suspected = tokio::select! {
            () = shared.suspicion.notified() => true,
            () = tokio::time::sleep(RESOLVE_EVERY) => false,
        };
        let found = renew(&shared, &mut sentinels, suspected).await;
        up.set(found);
        if !found {
            shared.connection.send_replace(None);
            shared.suspicion.notify_one();
            tokio::time::sleep(RETRY_AFTER).await;
        } else if suspected {
            // A master that is slow but still the master must not be redialled in a tight loop.
            tokio::time::sleep(RETRY_AFTER).await;
        }
    }
}

/// Whether there is a working connection to the master afterwards.
async fn renew(shared: &Shared, sentinels: &mut Sentinels, suspected: bool) -> bool {
    let Some(master) = sentinels.master().await else {
        // Without Sentinels a connection that works is better than none.
        return !suspected && shared.connection.borrow().is_some();
    };
    let current = shared.connection.borrow().clone();
    if let Some((address, mut connection)) = current
        && address == master
        && is_master(&mut connection).await
    {
        return true;
    }
    let Ok(mut connection) = connect(&master, ANSWER_WITHIN).await else {
        return false;
    };
    // Right after a failover a Sentinel may still name the old master.
    if !is_master(&mut connection).await {
        return false;
    }
    tracing::info!(%master, "redis master");
    shared.breaker().succeeded();
    shared.connection.send_replace(Some((master, connection)));
    true
}

async fn is_master(connection: &mut MultiplexedConnection) -> bool {
    let role: redis::RedisResult<redis::Value> = redis::cmd("ROLE").query_async(connection).await;
    match role {
        Ok(redis::Value::Array(parts)) => match parts.first() {
            Some(redis::Value::BulkString(role)) => role == b"master",
            _ => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;
    use crate::readiness::Readiness;

    #[tokio::test]
    async fn without_a_master_nobody_waits() {
        let metrics = Metrics::new().unwrap();
        let up = Readiness::default().dependency(&metrics, "redis").unwrap();
        let settings = RedisSettings {
            sentinels: vec![HostPort {
                host: "127.0.0.1".into(),
                port: 1,
            }],
        };
        let link = RedisLink::start(&settings, up);
        let began = Instant::now();
        let answer = link.ask::<String>(&redis::cmd("PING")).await;
        assert!(matches!(answer, Err(RedisError::Down)));
        assert!(began.elapsed() < ANSWER_WITHIN);
    }
}
