//! Patients: their record and their readings.

use hyper::header::HeaderValue;
use hyper::{Response, StatusCode};
use service_kit::postgres::{Database, PostgresError};
use service_kit::respond::{self, Plain};
use tokio::time::Instant;
use tokio_postgres::Row;
use wire::{Patient, StoredReading, Thresholds};

use crate::reads::{READING, reading};
use crate::server::Api;
use crate::validate;

/// Says where a patient came from.
const SERVED_FROM: &str = "x-served-from";

impl Api {
    /// From Redis, else from a replica, else from the primary.
    pub(crate) async fn patient(&self, id: &str, by: Instant) -> Response<Plain> {
        let Some(id) = validate::patient_id(id) else {
            return no_such_patient();
        };
        if let Some(patient) = self.cached_patient(id).await {
            self.counters.reads.with_label_values(&["redis"]).inc();
            return served(&patient, "redis");
        }
        match self.read(by, move |database| select(database, id)).await {
            Some((Some(patient), source)) => {
                self.cache_patient(&patient).await;
                served(&patient, source)
            }
            Some((None, _)) => no_such_patient(),
            None => unavailable(),
        }
    }

    /// Newest readings first.
    pub(crate) async fn vitals(
        &self,
        id: &str,
        query: Option<&str>,
        by: Instant,
    ) -> Response<Plain> {
        let Some(id) = validate::patient_id(id) else {
            return no_such_patient();
        };
        let limit = match validate::limit(query) {
            Ok(limit) => limit,
            Err(refusal) => return refusal.into(),
        };
        match self
            .read(by, move |database| select_vitals(database, id, limit))
            .await
        {
            Some((readings, _)) => respond::json(StatusCode::OK, &readings),
            None => unavailable(),
        }
    }
}

fn served(patient: &Patient, source: &'static str) -> Response<Plain> {
    let mut response = respond::json(StatusCode::OK, patient);
    response
        .headers_mut()
        .insert(SERVED_FROM, HeaderValue::from_static(source));
    response
}

pub(crate) fn no_such_patient() -> Response<Plain> {
    respond::problem(StatusCode::NOT_FOUND, "no such patient")
}

/// No source answered in time.
pub(crate) fn unavailable() -> Response<Plain> {
    respond::problem(StatusCode::SERVICE_UNAVAILABLE, "no answer from the stores")
}

/// Columns of a patient under the alias `p`, for [`patient`].
const PATIENT: &str = "p.id, p.name, p.ward, p.heart_rate_low, p.heart_rate_high, p.spo2_low, \
    p.systolic_high, p.version";

fn patient(row: &Row) -> Result<Patient, PostgresError> {
    Ok(Patient {
        id: row.try_get::<_, i32>("id")?.cast_unsigned(),
        name: row.try_get("name")?,
        ward: row.try_get::<_, i32>("ward")?.cast_unsigned(),
        thresholds: Thresholds {
            heart_rate_low: row.try_get("heart_rate_low")?,
            heart_rate_high: row.try_get("heart_rate_high")?,
            spo2_low: row.try_get("spo2_low")?,
            systolic_high: row.try_get("systolic_high")?,
        },
        version: row.try_get("version")?,
        latest: None,
    })
}

pub(crate) async fn select(database: Database, id: i32) -> Result<Option<Patient>, PostgresError> {
    let lease = database.lease().await?;
    let query = format!(
        "SELECT {PATIENT}, {READING} FROM patients p LEFT JOIN LATERAL (\
            SELECT * FROM readings WHERE patient_id = p.id ORDER BY taken_at_ms DESC LIMIT 1\
         ) r ON true WHERE p.id = $1"
    );
    let statement = lease.prepare_cached(&query).await?;
    let row = lease.query_opt(&statement, &[&id]).await?;
    lease.give_back();
    let Some(row) = row else { return Ok(None) };
    let mut found = patient(&row)?;
    found.latest = reading(&row)?;
    Ok(Some(found))
}

async fn select_vitals(
    database: Database,
    id: i32,
    limit: i64,
) -> Result<Vec<StoredReading>, PostgresError> {
    let lease = database.lease().await?;
    let query = format!(
        "SELECT {READING}, (extract(epoch FROM r.stored_at) * 1000)::bigint AS stored_at_ms \
         FROM readings r WHERE r.patient_id = $1 ORDER BY r.taken_at_ms DESC LIMIT $2"
    );
    let statement = lease.prepare_cached(&query).await?;
    let rows = lease.query(&statement, &[&id, &limit]).await?;
    lease.give_back();
    let mut readings = Vec::with_capacity(rows.len());
    for row in &rows {
        if let Some(reading) = reading(row)? {
            let stored_at_ms = row.try_get("stored_at_ms")?;
            readings.push(StoredReading {
                reading,
                stored_at_ms,
            });
        }
    }
    Ok(readings)
}
