//! Taking a reading: the answer is given only when the reading cannot be lost any more.

use bytes::Bytes;
use hyper::{Response, StatusCode};
use service_kit::hedge;
use service_kit::postgres::{PostgresError, within};
use service_kit::respond::{self, Plain};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use wire::{Accepted, Reading};

use crate::server::Api;
use crate::validate;

/// Late is better than refused, but the load balancer gives up after 250 ms, except with the last try.
pub(crate) const WITHIN: Duration = Duration::from_millis(230);
/// The first path's part of it. A confirmation that takes longer is more likely late than lost, and a commit in its place keeps three
/// servers busy that are late themselves.
const FIRST_PATH: f64 = 0.45;
/// For how long an insert goes on when nobody waits for it any more. Those who come next find its connection busy meanwhile, and go
/// another way; given up, it would take the connection along, and to make one costs more than an insert.
const LINGER: Duration = Duration::from_millis(500);

/// The update makes a repeated insert write something: it then waits for a replica as the first one did,
/// and cannot confirm a row that exists on a cut-off primary alone.
const INSERT: &str = "INSERT INTO readings \
    (reading_id, patient_id, taken_at_ms, heart_rate, spo2, systolic, evaluated) \
    VALUES ($1, $2, $3, $4, $5, $6, false) \
    ON CONFLICT (reading_id) DO UPDATE SET stored_at = readings.stored_at";

/// The two ways to make a reading durable.
#[derive(Debug, Clone, Copy)]
enum Path {
    /// Confirmed by a quorum of brokers.
    Queue,
    /// Committed by the primary and a replica.
    Postgres,
}

impl Api {
    /// 202 when durable, 422 when wrong, 503 when neither path worked in time.
    pub(crate) async fn post_vitals(
        self: &Arc<Self>,
        reading: Reading,
        began: Instant,
        within: Duration,
    ) -> Response<Plain> {
        if let Err(refusal) = validate::reading(&reading) {
            return refusal.into();
        }
        let accepted = Accepted {
            reading_id: reading.reading_id,
        };
        let kept = match self.write_behind {
            Duration::ZERO => self.make_durable(&reading, began, within).await,
            delay => {
                self.clone().keep_later(reading, delay);
                true
            }
        };
        match kept {
            true => respond::json(StatusCode::ACCEPTED, &accepted),
            false => {
                self.counters.ingest.with_label_values(&["none"]).inc();
                respond::problem(StatusCode::SERVICE_UNAVAILABLE, "reading could not be kept")
            }
        }
    }

    /// What a service must not do: keep a reading only after it was acknowledged. A drill switches it on, to see
    /// that the loss is found.
    fn keep_later(self: Arc<Self>, reading: Reading, delay: Duration) {
        tokio::spawn(async move {
            tokio::time::sleep(delay).await;
            self.make_durable(&reading, Instant::now(), WITHIN).await;
        });
    }

    /// Whether the reading can't be lost any more. The second way begins when the first failed, or is slow and few others are; what is
    /// slow may still come first.
    async fn make_durable(
        self: &Arc<Self>,
        reading: &Reading,
        began: Instant,
        within: Duration,
    ) -> bool {
        // While the queues fail or take nothing, every reading would first wait for them in vain.
        let order = match self.publisher.flows() && self.queue_breaker().allows(began) {
            true => [Path::Queue, Path::Postgres],
            false => [Path::Postgres, Path::Queue],
        };
        let (after, by) = (within.mul_f64(FIRST_PATH), began + within);
        let ways = order.into_iter().map(|path| async move {
            match path {
                Path::Queue => self.queue(reading, by).await,
                Path::Postgres => self.write(reading, by).await,
            }
            .then_some(path)
        });
        let kept = hedge::first_of(ways, after, by, &self.second_ways).await;
        let label = match kept {
            Ok((_, Path::Queue)) => {
                self.queue_breaker().succeeded();
                "queue"
            }
            Ok((number, Path::Postgres)) => {
                if number > 0 {
                    self.queue_breaker().failed(Instant::now());
                }
                "postgres"
            }
            // Queues that are slow with everything else stay first: a commit for each reading costs more.
            Err(_) => return false,
        };
        self.counters.ingest.with_label_values(&[label]).inc();
        true
    }

    async fn queue(&self, reading: &Reading, by: Instant) -> bool {
        let Ok(payload) = serde_json::to_vec(reading) else {
            return false;
        };
        let id = reading.reading_id.to_string();
        let published = self.publisher.publish(&id, Bytes::from(payload), by).await;
        if let Err(error) = &published {
            tracing::debug!(%error, "reading not queued");
        }
        published.is_ok()
    }

    /// An insert may end a little late.
    async fn write(self: &Arc<Self>, reading: &Reading, by: Instant) -> bool {
        let (api, reading) = (self.clone(), reading.clone());
        let insert = async move { within(by + LINGER, api.insert(&reading)).await };
        match tokio::spawn(insert).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::debug!(%error, "reading not inserted");
                false
            }
            Err(_) => false,
        }
    }

    async fn insert(&self, reading: &Reading) -> Result<(), PostgresError> {
        let lease = self.primary.lease().await?;
        let statement = lease.prepare_cached(INSERT).await?;
        let patient = reading.patient_id.cast_signed();
        lease
            .execute(
                &statement,
                &[
                    &reading.reading_id,
                    &patient,
                    &reading.taken_at_ms,
                    &reading.heart_rate,
                    &reading.spo2,
                    &reading.systolic,
                ],
            )
            .await?;
        lease.give_back();
        Ok(())
    }

    fn queue_breaker(&self) -> std::sync::MutexGuard<'_, service_kit::breaker::Breaker> {
        self.queue_breaker
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
