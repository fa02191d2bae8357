//! Connections to Postgres that can only read.

use std::net::SocketAddr;

use tokio_postgres::{Client, Config, Error, NoTls};
use tokio_util::task::AbortOnDropHandle;

/// Every reading.
pub(crate) const READINGS: &str =
    "SELECT reading_id, patient_id, taken_at_ms, heart_rate, spo2, systolic FROM readings";
/// The thresholds of every patient.
pub(crate) const THRESHOLDS: &str = "SELECT id, version, heart_rate_low, heart_rate_high, spo2_low, systolic_high \
                                     FROM patients ORDER BY id";

/// A connection of its own, closed when dropped.
pub(crate) struct Connection {
    pub(crate) client: Client,
    _driver: AbortOnDropHandle<()>,
}

/// How to read from one Postgres. The server itself refuses whatever would write.
pub(crate) fn reader(address: SocketAddr, password: &str) -> Config {
    let mut config = Config::new();
    config
        .host(address.ip().to_string())
        .port(address.port())
        .user("gameday")
        .dbname("gameday")
        .password(password)
        .application_name("observer")
        .options("-c default_transaction_read_only=on");
    config
}

/// Opens a connection.
pub(crate) async fn connect(config: &Config) -> Result<Connection, Error> {
    let (client, driver) = config.connect(NoTls).await?;
    let driver = tokio::spawn(async move {
        // Its error reaches whoever queries.
        let _ = driver.await;
    });
    Ok(Connection {
        client,
        _driver: AbortOnDropHandle::new(driver),
    })
}
