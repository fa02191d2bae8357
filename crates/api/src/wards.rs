//! A ward's page: its patients with their newest vitals, and its newest alerts.

use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, HeaderValue};
use hyper::{Response, StatusCode};
use service_kit::postgres::{Database, PostgresError};
use service_kit::respond::{self, Plain};
use service_kit::wall;
use tokio::time::Instant;
use wire::{Ward, WardPatient};

use crate::patients::unavailable;
use crate::reads::{READING, alert, reading};
use crate::server::Api;
use crate::validate;

/// Fresh for a second; a cache may show an older page for half a minute while it fetches a new one.
const FRESH: &str = "public, max-age=1, stale-while-revalidate=30";

/// Alerts on a page.
const ALERTS: &str = "SELECT id, reading_id, patient_id, ward, kind, value, \
    (extract(epoch FROM raised_at) * 1000)::bigint AS raised_at_ms \
    FROM alerts WHERE ward = $1 ORDER BY raised_at DESC LIMIT 20";

impl Api {
    /// From Redis while fresh, else made anew from a replica or the primary.
    pub(crate) async fn ward(&self, id: &str, by: Instant) -> Response<Plain> {
        let Some(id) = validate::ward_id(id) else {
            return respond::problem(StatusCode::NOT_FOUND, "no such ward");
        };
        if let Some(page) = self.cached_ward(id).await {
            self.counters.reads.with_label_values(&["redis"]).inc();
            return cacheable(page);
        }
        let Some((ward, _)) = self.read(by, move |database| select(database, id)).await else {
            return unavailable();
        };
        let page = serde_json::to_vec(&ward).unwrap_or_default();
        self.cache_ward(id, &page).await;
        cacheable(page.into())
    }
}

fn cacheable(page: Bytes) -> Response<Plain> {
    let mut response = respond::bytes(StatusCode::OK, "application/json", page);
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static(FRESH));
    response
}

async fn select(database: Database, id: i32) -> Result<Ward, PostgresError> {
    let lease = database.lease().await?;
    let query = format!(
        "SELECT p.id, p.name, {READING} FROM patients p LEFT JOIN LATERAL (\
            SELECT * FROM readings WHERE patient_id = p.id ORDER BY taken_at_ms DESC LIMIT 1\
         ) r ON true WHERE p.ward = $1 ORDER BY p.id"
    );
    let patients = lease.prepare_cached(&query).await?;
    let alerts = lease.prepare_cached(ALERTS).await?;
    let patients = lease.query(&patients, &[&id]).await?;
    let alerts = lease.query(&alerts, &[&id]).await?;
    lease.give_back();
    let mut ward = Ward {
        id: id.cast_unsigned(),
        made_at_ms: wall::unix_ms(),
        patients: Vec::with_capacity(patients.len()),
        alerts: Vec::with_capacity(alerts.len()),
    };
    for row in &patients {
        ward.patients.push(WardPatient {
            id: row.try_get::<_, i32>("id")?.cast_unsigned(),
            name: row.try_get("name")?,
            latest: reading(row)?,
        });
    }
    for row in &alerts {
        ward.alerts.push(alert(row)?);
    }
    Ok(ward)
}
