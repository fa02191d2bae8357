//! Patients: their record, their readings and their thresholds.

use hyper::header::HeaderValue;
use hyper::{Response, StatusCode};
use service_kit::postgres::{Database, PostgresError, within};
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

    /// Written to the primary and one replica before the answer.
    pub(crate) async fn put_thresholds(
        &self,
        id: &str,
        thresholds: Thresholds,
        by: Instant,
    ) -> Response<Plain> {
        let Some(id) = validate::patient_id(id) else {
            return no_such_patient();
        };
        if let Err(refusal) = validate::thresholds(&thresholds) {
            return refusal.into();
        }
        match within(by, update(self.primary.clone(), id, thresholds)).await {
            Ok(Some(patient)) => {
                self.recache_patient(&patient).await;
                respond::json(StatusCode::OK, &patient)
            }
            Ok(None) => no_such_patient(),
            Err(error) => {
                tracing::warn!(%error, "thresholds not written");
                unavailable()
            }
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

fn no_such_patient() -> Response<Plain> {
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

async fn select(database: Database, id: i32) -> Result<Option<Patient>, PostgresError> {
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

async fn update(
    database: Database,
    id: i32,
    thresholds: Thresholds,
) -> Result<Option<Patient>, PostgresError> {
    let lease = database.lease().await?;
    let query = format!(
        "UPDATE patients p SET heart_rate_low = $2, heart_rate_high = $3, spo2_low = $4, \
            systolic_high = $5, version = p.version + 1, updated_at = now() \
         WHERE p.id = $1 RETURNING {PATIENT}"
    );
    let statement = lease.prepare_cached(&query).await?;
    let row = lease
        .query_opt(
            &statement,
            &[
                &id,
                &thresholds.heart_rate_low,
                &thresholds.heart_rate_high,
                &thresholds.spo2_low,
                &thresholds.systolic_high,
            ],
        )
        .await?;
    lease.give_back();
    row.as_ref().map(patient).transpose()
}
