//! Taking a reading: the answer is given only when the reading cannot be lost any more.

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, select_ok};
use hyper::{Response, StatusCode};
use service_kit::postgres::{PostgresError, within};
use service_kit::respond::{self, Plain};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use wire::{Accepted, Reading};

use crate::server::Api;
use crate::validate;

/// Late is better than refused, but the load balancer gives up after 150 ms, except with the last try.
pub(crate) const WITHIN: Duration = Duration::from_millis(130);
/// The first path's part of it: a confirmation after 70 ms leaves time for the second path within the 100 ms that a client is
/// promised.
const FIRST_PATH: f64 = 0.54;
/// For how long an insert goes on when nobody waits for it any more. Not longer: those who come next need its connection.
const LINGER: Duration = Duration::from_millis(100);

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

/// A way that did not make the reading durable.
struct NotKept;

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

    /// Whether the reading can't be lost any more. The second way begins when the first failed or is slow; what is slow may still come
    /// first.
    async fn make_durable(
        self: &Arc<Self>,
        reading: &Reading,
        began: Instant,
        within: Duration,
    ) -> bool {
        // While the queues fail, every reading would first wait for them in vain.
        let queue_first = self.queue_breaker().allows(began);
        let (first, second) = match queue_first {
            true => (Path::Queue, Path::Postgres),
            false => (Path::Postgres, Path::Queue),
        };
        let (early, by) = (began + within.mul_f64(FIRST_PATH), began + within);
        let mut first = self.begin(first, reading, early, by);
        let kept = match timeout_at(early, &mut first).await {
            Ok(Ok(path)) => Some(path),
            Ok(Err(NotKept)) => self.begin(second, reading, by, by).await.ok(),
            Err(_) => {
                if queue_first {
                    self.queue_breaker().failed(Instant::now());
                }
                let either = select_ok([first, self.begin(second, reading, by, by)]);
                let kept = timeout_at(by, either).await;
                kept.ok().and_then(Result::ok).map(|(path, _)| path)
            }
        };
        if let Some(path) = kept {
            let label = match path {
                Path::Queue => "queue",
                Path::Postgres => "postgres",
            };
            self.counters.ingest.with_label_values(&[label]).inc();
        }
        kept.is_some()
    }

    /// One of the ways. An insert may end a little late: given up, it would take its connection along, and a new one is dear just
    /// when everything is slow.
    fn begin(
        self: &Arc<Self>,
        path: Path,
        reading: &Reading,
        early: Instant,
        by: Instant,
    ) -> BoxFuture<'static, Result<Path, NotKept>> {
        let (api, reading) = (self.clone(), reading.clone());
        async move {
            let kept = match path {
                Path::Queue => api.queue(&reading, early, by).await,
                Path::Postgres => {
                    let until = by + LINGER;
                    let insert = async move { within(until, api.insert(&reading)).await };
                    match tokio::spawn(insert).await {
                        Ok(Ok(())) => true,
                        Ok(Err(error)) => {
                            tracing::debug!(%error, "reading not inserted");
                            false
                        }
                        Err(_) => false,
                    }
                }
            };
            kept.then_some(path).ok_or(NotKept)
        }
        .boxed()
    }

    /// The breaker learns what is known `early`: queues that confirm later are asked second.
    async fn queue(&self, reading: &Reading, early: Instant, by: Instant) -> bool {
        let Ok(payload) = serde_json::to_vec(reading) else {
            return false;
        };
        let id = reading.reading_id.to_string();
        let published = self.publisher.publish(&id, Bytes::from(payload), by).await;
        if let Err(error) = &published {
            tracing::debug!(%error, "reading not queued");
        }
        let now = Instant::now();
        if now < early {
            match published {
                Ok(()) => self.queue_breaker().succeeded(),
                Err(_) => drop(self.queue_breaker().failed(now)),
            }
        }
        published.is_ok()
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
