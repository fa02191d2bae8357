//! Dead letters for whoever runs the platform: how many wait, what they are, and sending them back when the cause is gone.

use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use prometheus::IntGauge;
use serde::Serialize;
use service_kit::dead_letters::{DeadLetterError, DeadLetters};
use service_kit::respond::{self, Plain};
use tokio::time::MissedTickBehavior;

/// How often they are counted.
const EVERY: Duration = Duration::from_secs(5);

/// Keeps the gauge current, for ever. While no broker answers it says what was true last.
pub(crate) async fn watch(letters: DeadLetters, waiting: IntGauge) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match letters.waiting().await {
            Ok(count) => waiting.set(i64::from(count)),
            Err(error) => tracing::debug!(%error, "dead letters not counted"),
        }
    }
}

/// `GET /dead-letters` and `POST /dead-letters/replay` on the admin port.
pub(crate) async fn control(request: Request<Incoming>, letters: DeadLetters) -> Response<Plain> {
    match (request.method().as_str(), request.uri().path()) {
        ("GET", "/dead-letters") => answer(letters.look().await),
        ("POST", "/dead-letters/replay") => answer(letters.replay().await),
        _ => respond::problem(StatusCode::NOT_FOUND, "not here"),
    }
}

fn answer(told: Result<impl Serialize, DeadLetterError>) -> Response<Plain> {
    match told {
        Ok(told) => respond::json(StatusCode::OK, &told),
        Err(error) => {
            let status = match error {
                DeadLetterError::NoBroker => StatusCode::SERVICE_UNAVAILABLE,
                DeadLetterError::Broker(_) => StatusCode::BAD_GATEWAY,
                DeadLetterError::TooSlow => StatusCode::GATEWAY_TIMEOUT,
            };
            respond::problem(status, &error.to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use service_kit::dead_letters::Replayed;

    async fn shown(told: Result<Replayed, DeadLetterError>) -> (u16, String) {
        let response = answer(told);
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_replay_answers_with_counts_or_with_what_was_in_the_way() {
        let replayed = Replayed {
            replayed: 3,
            kept: 1,
            waiting: 7,
        };
        let counts = r#"{"replayed":3,"kept":1,"waiting":7}"#;
        assert_eq!(shown(Ok(replayed)).await, (200, counts.into()));
        let none = r#"{"error":"no broker is connected"}"#;
        let told = shown(Err(DeadLetterError::NoBroker)).await;
        assert_eq!(told, (503, none.into()));
        let (status, body) = shown(Err(DeadLetterError::TooSlow)).await;
        assert_eq!((status, body.contains("within 10 s")), (504, true));
    }
}
