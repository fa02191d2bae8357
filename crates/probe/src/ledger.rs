//! Every reading that the database holds, for the comparison with what was acknowledged.

use std::{convert::Infallible, net::SocketAddr, time::Duration};

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, stream};
use hyper::body::Frame;
use timeline::{LedgerRequest, STORED_BYTES, STORED_HEADER, encode_stored, stored_footer};
use tokio::time::timeout;
use tokio_postgres::{Row, RowStream, types::ToSql};
use wire::Reading;

use crate::{
    Ports,
    sql::{self, Connection},
};

/// Longest time for the database to begin its answer.
const BEGIN_WITHIN: Duration = Duration::from_secs(5);
/// Records in one piece: 64 KiB.
const BATCH: usize = (64 << 10) / STORED_BYTES;

/// An answer that has begun. Dropping it closes the connection.
pub(crate) struct Ledger {
    rows: std::pin::Pin<Box<RowStream>>,
    found: u64,
    _connection: Connection,
}

impl Ledger {
    /// Asks for every reading; the error says what the database said.
    pub(crate) async fn begin(request: &LedgerRequest, ports: Ports) -> Result<Self, String> {
        let address = address(request, ports)?;
        let begun = timeout(BEGIN_WITHIN, Self::query(address, &request.password)).await;
        begun
            .map_err(|_| format!("{address} gave no answer within {BEGIN_WITHIN:?}"))?
            .map_err(|error| format!("{address}: {error}"))
    }

    async fn query(address: SocketAddr, password: &str) -> Result<Self, tokio_postgres::Error> {
        let connection = sql::connect(&sql::reader(address, password)).await?;
        let nothing: [&(dyn ToSql + Sync); 0] = [];
        let rows = connection.client.query_raw(sql::READINGS, nothing).await?;
        Ok(Self {
            rows: Box::pin(rows),
            found: 0,
            _connection: connection,
        })
    }

    /// The bytes of `stored.bin`. Without its footer when the database breaks off: then it is incomplete.
    pub(crate) fn bytes(self) -> impl Stream<Item = Result<Frame<Bytes>, Infallible>> {
        let header = stream::iter([Bytes::from_static(&STORED_HEADER)]);
        let pieces = stream::unfold(Some(self), |ledger| async move { ledger?.piece().await });
        header.chain(pieces).map(|bytes| Ok(Frame::data(bytes)))
    }

    async fn piece(mut self) -> Option<(Bytes, Option<Self>)> {
        let mut bytes = BytesMut::with_capacity(BATCH * STORED_BYTES);
        for _ in 0..BATCH {
            match self.rows.next().await.map(|row| reading(&row?)) {
                Some(Ok(reading)) => bytes.extend_from_slice(&encode_stored(&reading)),
                Some(Err(error)) => {
                    tracing::error!(%error, found = self.found, "the ledger broke off");
                    return None;
                }
                None => {
                    bytes.extend_from_slice(&stored_footer(self.found));
                    return Some((bytes.freeze(), None));
                }
            }
            self.found += 1;
        }
        Some((bytes.freeze(), Some(self)))
    }
}

/// Where the request's Postgres is.
pub(crate) fn address(request: &LedgerRequest, ports: Ports) -> Result<SocketAddr, String> {
    let ip = request.postgres.parse();
    let ip = ip.map_err(|_| format!("{:?} is not an address", request.postgres))?;
    Ok(SocketAddr::new(ip, ports.postgres))
}

fn reading(row: &Row) -> Result<Reading, tokio_postgres::Error> {
    Ok(Reading {
        reading_id: row.try_get(0)?,
        patient_id: row.try_get::<_, i32>(1)?.cast_unsigned(),
        taken_at_ms: row.try_get(2)?,
        heart_rate: row.try_get(3)?,
        spo2: row.try_get(4)?,
        systolic: row.try_get(5)?,
    })
}
