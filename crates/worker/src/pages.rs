//! Notifying staff through a third party that may be slow, failing or gone: nothing else waits for it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use lapin::message::Delivery;
use service_kit::backoff::Backoff;
use service_kit::breaker::Breaker;
use service_kit::consumer::{Reason, Rejects, acknowledge};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::Instant;
use uuid::Uuid;
use wire::{IDEMPOTENCY_KEY, Page};

use crate::config::PagerUrl;
use crate::metrics::Counters;

/// The third party's answer takes milliseconds when it is well.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// Failures in a row after which it is left alone.
const FAILURES: u32 = 3;
/// For how long; then one page tries whether it is back.
const OPEN_FOR: Duration = Duration::from_secs(1);
/// Waits of one page between its attempts.
const RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(2));

/// The third party, as seen from here.
pub(crate) struct Pager {
    url: PagerUrl,
    breaker: Mutex<Breaker>,
    counters: Counters,
    rejects: Rejects,
}

/// What became of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Delivered,
    /// Trying again is pointless.
    Refused(StatusCode),
    Failed,
}

impl Pager {
    /// A pager behind `url`.
    pub(crate) fn new(url: PagerUrl, counters: Counters, rejects: Rejects) -> Self {
        Self {
            url,
            breaker: Breaker::new(FAILURES, OPEN_FOR).into(),
            counters,
            rejects,
        }
    }

    /// Hands pages over until the channel ends. How many are under way is bounded by the prefetch.
    pub(crate) async fn run(self, mut deliveries: mpsc::Receiver<Delivery>) {
        let pager = Arc::new(self);
        while let Some(delivery) = deliveries.recv().await {
            let pager = pager.clone();
            tokio::spawn(async move { pager.deliver(delivery).await });
        }
    }

    /// Tries until it works. If this worker ends first, the broker delivers the page to another.
    async fn deliver(&self, delivery: Delivery) {
        let readable: Result<Page, _> = serde_json::from_slice(&delivery.data);
        let alert = match readable {
            Ok(page) => page.alert.id,
            Err(error) => {
                let unreadable = Reason::Unreadable;
                self.rejects.reject(&delivery, unreadable, error).await;
                return;
            }
        };
        let payload = Bytes::from(delivery.data.clone());
        let mut backoff = Backoff::new(RETRY.0, RETRY.1);
        loop {
            if self.breaker().allows(Instant::now()) {
                match self.attempt(alert, payload.clone()).await {
                    Outcome::Delivered => return acknowledge(&delivery).await,
                    Outcome::Refused(status) => {
                        let refused = Reason::Refused;
                        return self.rejects.reject(&delivery, refused, status).await;
                    }
                    Outcome::Failed => {}
                }
            }
            backoff.wait().await;
        }
    }

    async fn attempt(&self, alert: Uuid, payload: Bytes) -> Outcome {
        let answered = tokio::time::timeout(ANSWER_WITHIN, self.post(alert, payload)).await;
        let (outcome, label) = match answered {
            Ok(Ok(status)) if status.is_success() => (Outcome::Delivered, "delivered"),
            Ok(Ok(status)) if status.is_client_error() => (Outcome::Refused(status), "refused"),
            Ok(Ok(_)) => (Outcome::Failed, "failed"),
            Ok(Err(error)) => {
                tracing::debug!(%error, "pager");
                (Outcome::Failed, "failed")
            }
            Err(_) => (Outcome::Failed, "timeout"),
        };
        self.counters.pages.with_label_values(&[label]).inc();
        let mut breaker = self.breaker();
        match outcome {
            Outcome::Failed => {
                breaker.failed(Instant::now());
            }
            Outcome::Delivered | Outcome::Refused(_) => breaker.succeeded(),
        }
        self.counters.breaker_open.set(i64::from(breaker.is_open()));
        outcome
    }

    async fn post(
        &self,
        alert: Uuid,
        payload: Bytes,
    ) -> Result<StatusCode, service_kit::boot::Failure> {
        let stream = TcpStream::connect(&self.url.authority).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let connection = tokio::spawn(connection);
        let request = Request::post(&self.url.path)
            .header(HOST, &self.url.authority)
            .header(CONTENT_TYPE, "application/json")
            .header(IDEMPOTENCY_KEY, alert.to_string())
            .body(Full::new(payload))?;
        let status = sender.send_request(request).await?.status();
        connection.abort();
        Ok(status)
    }

    fn breaker(&self) -> std::sync::MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use service_kit::env::Setting;
    use service_kit::http::{Limits, serve};
    use service_kit::metrics::Metrics;
    use service_kit::respond;
    use service_kit::shutdown::Shutdown;
    use tokio::net::TcpListener;

    async fn pager_that_answers(status: StatusCode) -> Pager {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/page", listener.local_addr().unwrap());
        let handler = move |_, _| async move { respond::text(status, "") };
        tokio::spawn(serve(
            listener,
            handler,
            Limits::default(),
            Shutdown::default(),
        ));
        let metrics = Metrics::new().unwrap();
        let counters = Counters::new(&metrics).unwrap();
        let rejects = Rejects::new(&metrics).unwrap();
        Pager::new(PagerUrl::read(&url).unwrap(), counters, rejects)
    }

    #[tokio::test]
    async fn answers_are_told_apart() {
        for (status, outcome) in [
            (200, Outcome::Delivered),
            (422, Outcome::Refused(StatusCode::UNPROCESSABLE_ENTITY)),
            (503, Outcome::Failed),
        ] {
            let pager = pager_that_answers(StatusCode::from_u16(status).unwrap()).await;
            assert_eq!(
                pager.attempt(Uuid::nil(), Bytes::new()).await,
                outcome,
                "{status}"
            );
        }
    }

    #[tokio::test]
    async fn after_failures_in_a_row_the_third_party_is_left_alone() {
        let pager = pager_that_answers(StatusCode::SERVICE_UNAVAILABLE).await;
        for _ in 0..FAILURES {
            assert!(pager.breaker().allows(Instant::now()));
            pager.attempt(Uuid::nil(), Bytes::new()).await;
        }
        assert!(!pager.breaker().allows(Instant::now()));
        assert_eq!(pager.counters.breaker_open.get(), 1);
    }
}
