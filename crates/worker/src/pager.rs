//! One third party that notifies staff: it may be slow, failing or gone, and is left alone while it is.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use service_kit::breaker::Breaker;
use tokio::net::TcpStream;
use tokio::time::Instant;
use uuid::Uuid;
use wire::IDEMPOTENCY_KEY;

use crate::config::PagerUrl;
use crate::metrics::Counters;

/// The third party's answer takes milliseconds when it is well.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);
/// Failures in a row after which it is left alone.
const FAILURES: u32 = 3;
/// For how long; then one page tries whether it is back.
const OPEN_FOR: Duration = Duration::from_secs(1);

/// The third party, as seen from here.
pub(crate) struct Pager {
    /// As metrics name it: `1` is asked first.
    name: String,
    url: PagerUrl,
    breaker: Mutex<Breaker>,
    counters: Counters,
}

/// What became of one attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Delivered,
    /// Trying again is pointless.
    Refused(StatusCode),
    /// Not delivered, as far as we know: an answer that came too late says otherwise to nobody.
    Failed,
}

impl Pager {
    /// The `number`-th pager.
    pub(crate) fn new(number: usize, url: PagerUrl, counters: Counters) -> Self {
        Self {
            name: number.to_string(),
            url,
            breaker: Breaker::new(FAILURES, OPEN_FOR).into(),
            counters,
        }
    }

    /// One attempt, unless it is being left alone.
    pub(crate) async fn offer(&self, alert: Uuid, payload: Bytes) -> Option<Outcome> {
        let allowed = self.breaker().allows(Instant::now());
        match allowed {
            true => Some(self.attempt(alert, payload).await),
            false => None,
        }
    }

    async fn attempt(&self, alert: Uuid, payload: Bytes) -> Outcome {
        let answered = tokio::time::timeout(ANSWER_WITHIN, self.post(alert, payload)).await;
        let (outcome, label) = match answered {
            Ok(Ok(status)) if status.is_success() => (Outcome::Delivered, "delivered"),
            Ok(Ok(status)) if status.is_client_error() => (Outcome::Refused(status), "refused"),
            Ok(Ok(_)) => (Outcome::Failed, "failed"),
            Ok(Err(error)) => {
                tracing::debug!(pager = self.name, %error, "page not delivered");
                (Outcome::Failed, "failed")
            }
            Err(_) => (Outcome::Failed, "timeout"),
        };
        self.counters.page(&self.name, label);
        let mut breaker = self.breaker();
        let was_open = breaker.is_open();
        match outcome {
            Outcome::Failed => {
                breaker.failed(Instant::now());
            }
            Outcome::Delivered | Outcome::Refused(_) => breaker.succeeded(),
        }
        let open = breaker.is_open();
        if open != was_open {
            tracing::warn!(pager = self.name, open, "breaker");
        }
        self.counters.breaker(&self.name, open);
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

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::sync::Arc;

    use hyper::Response;
    use hyper::body::Incoming;
    use service_kit::env::Setting;
    use service_kit::http::{Limits, serve};
    use service_kit::metrics::Metrics;
    use service_kit::respond::{self, Plain};
    use service_kit::shutdown::Shutdown;
    use tokio::net::TcpListener;

    /// A third party that answers as it is told, and notes the keys of what it was sent.
    #[derive(Clone)]
    pub(crate) struct ThirdParty {
        pub(crate) url: PagerUrl,
        state: Arc<Mutex<(StatusCode, Vec<String>)>>,
    }

    impl ThirdParty {
        pub(crate) async fn that_answers(status: u16) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let url = format!("http://{}/page", listener.local_addr().unwrap());
            let status = StatusCode::from_u16(status).unwrap();
            let third_party = Self {
                url: PagerUrl::read(&url).unwrap(),
                state: Arc::new(Mutex::new((status, Vec::new()))),
            };
            let own = third_party.clone();
            let handler = move |request, _| std::future::ready(own.clone().answer(&request));
            tokio::spawn(serve(
                listener,
                handler,
                Limits::default(),
                Shutdown::default(),
            ));
            third_party
        }

        fn answer(self, request: &Request<Incoming>) -> Response<Plain> {
            let key = request.headers()[IDEMPOTENCY_KEY].to_str().unwrap();
            let mut state = self.state.lock().unwrap();
            state.1.push(key.to_owned());
            respond::text(state.0, "")
        }

        pub(crate) fn answers_now(&self, status: u16) {
            self.state.lock().unwrap().0 = StatusCode::from_u16(status).unwrap();
        }

        /// Keys that came since the last question.
        pub(crate) fn keys(&self) -> Vec<String> {
            std::mem::take(&mut self.state.lock().unwrap().1)
        }
    }

    /// The breaker's patience is over. The clock stands still only here: elsewhere the network needs real time.
    pub(crate) async fn wait_for_the_half_open_try() {
        tokio::time::pause();
        tokio::time::advance(OPEN_FOR).await;
        tokio::time::resume();
    }

    async fn pager_that_answers(status: u16) -> Pager {
        let third_party = ThirdParty::that_answers(status).await;
        let counters = Counters::new(&Metrics::new().unwrap()).unwrap();
        Pager::new(1, third_party.url, counters)
    }

    #[tokio::test]
    async fn answers_are_told_apart() {
        for (status, outcome) in [
            (200, Outcome::Delivered),
            (422, Outcome::Refused(StatusCode::UNPROCESSABLE_ENTITY)),
            (503, Outcome::Failed),
        ] {
            let pager = pager_that_answers(status).await;
            let became = pager.offer(Uuid::nil(), Bytes::new()).await;
            assert_eq!(became, Some(outcome), "{status}");
        }
    }

    #[tokio::test]
    async fn after_failures_in_a_row_the_third_party_is_left_alone() {
        let pager = pager_that_answers(503).await;
        for _ in 0..FAILURES {
            let became = pager.offer(Uuid::nil(), Bytes::new()).await;
            assert_eq!(became, Some(Outcome::Failed));
        }
        assert_eq!(pager.offer(Uuid::nil(), Bytes::new()).await, None);
        assert!(pager.counters.breaker_is_open("1"));
    }
}
