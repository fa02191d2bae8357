//! Postgres' own counters, over one read-only connection.

use std::net::SocketAddr;

use tokio::time::timeout;
use tokio_postgres::{Config, Error};

use crate::{
    look::{DEADLINE, LookError, Reading},
    sql::{self, Connection},
};

/// Scans show who serves reads, on a replica too; the lag is that of replay behind what was received. The time that
/// sessions spent on statements is no less than what these took of the processor.
const QUERY: &str = "
SELECT (SELECT coalesce(sum(seq_scan + coalesce(idx_scan, 0)), 0)::float8 FROM pg_stat_user_tables),
       (SELECT xact_commit::float8 FROM pg_stat_database WHERE datname = current_database()),
       CASE WHEN NOT pg_is_in_recovery() OR pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0
            ELSE coalesce(extract(epoch FROM now() - pg_last_xact_replay_timestamp()) * 1000, 0)
       END::float8,
       (SELECT active_time FROM pg_stat_database WHERE datname = current_database()),
       (SELECT count(*)::float8 FROM pg_stat_activity WHERE backend_type = 'client backend')";

/// A connection of its own to one Postgres while there is one.
pub(crate) struct Counters {
    config: Config,
    port: u16,
    connection: Option<Connection>,
}

impl Counters {
    pub(crate) fn new(address: SocketAddr, password: &str) -> Self {
        Self {
            config: sql::reader(address, password),
            port: address.port(),
            connection: None,
        }
    }

    /// `reads`, `commits`, `replay_lag_ms_now`, `busy_ms` and `sessions_now`.
    pub(crate) async fn read(&mut self) -> Result<Vec<Reading>, LookError> {
        let port = self.port;
        match timeout(DEADLINE, self.query()).await {
            Ok(readings) => readings.map_err(|source| LookError::Sql { port, source }),
            Err(_) => Err(LookError::Silent { port }),
        }
    }

    async fn query(&mut self) -> Result<Vec<Reading>, Error> {
        // Taken out until the answer is there: a connection that failed is not used again.
        let connection = match self.connection.take() {
            Some(connection) if !connection.client.is_closed() => connection,
            _ => sql::connect(&self.config).await?,
        };
        let row = connection.client.query_one(QUERY, &[]).await?;
        self.connection = Some(connection);
        Ok(vec![
            ("reads".into(), row.try_get(0)?),
            ("commits".into(), row.try_get(1)?),
            ("replay_lag_ms_now".into(), row.try_get(2)?),
            ("busy_ms".into(), row.try_get(3)?),
            ("sessions_now".into(), row.try_get(4)?),
        ])
    }
}
