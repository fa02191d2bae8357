//! The thresholds of every patient, for the comparison with what clinicians were told is kept.

use std::{net::SocketAddr, time::Duration};

use timeline::{LedgerRequest, StoredThresholds};
use tokio::time::timeout;
use tokio_postgres::Row;
use wire::Thresholds;

use crate::{Ports, ledger::address, sql};

/// Longest time for the database's answer, of 2,000 rows.
const WITHIN: Duration = Duration::from_secs(5);

/// Reads them. The error says what the database said.
pub(crate) async fn read(
    request: &LedgerRequest,
    ports: Ports,
) -> Result<Vec<StoredThresholds>, String> {
    let address = address(request, ports)?;
    let read = timeout(WITHIN, query(address, &request.password)).await;
    read.map_err(|_| format!("{address} gave no answer within {WITHIN:?}"))?
        .map_err(|error| format!("{address}: {error}"))
}

async fn query(
    address: SocketAddr,
    password: &str,
) -> Result<Vec<StoredThresholds>, tokio_postgres::Error> {
    let connection = sql::connect(&sql::reader(address, password)).await?;
    let rows = connection.client.query(sql::THRESHOLDS, &[]).await?;
    rows.iter().map(stored).collect()
}

fn stored(row: &Row) -> Result<StoredThresholds, tokio_postgres::Error> {
    Ok(StoredThresholds {
        patient: row.try_get::<_, i32>(0)?.cast_unsigned(),
        version: row.try_get(1)?,
        thresholds: Thresholds {
            heart_rate_low: row.try_get(2)?,
            heart_rate_high: row.try_get(3)?,
            spo2_low: row.try_get(4)?,
            systolic_high: row.try_get(5)?,
        },
    })
}
