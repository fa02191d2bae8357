//! The third party that notifies staff: the only stand-in of the platform, because it stands for somebody
//! else's system. It behaves well or badly as told on the admin port.

pub mod behaviour;
mod book;
pub mod config;
pub mod ledger;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use service_kit::boot::{Failure, Process};
use service_kit::http::{self, Limits};
use service_kit::readiness::Readiness;
use service_kit::respond::{self, Plain};
use service_kit::wall;
use tokio::net::TcpListener;
use uuid::Uuid;
use wire::{IDEMPOTENCY_KEY, Page, Paged};

use behaviour::{Behaviour, Mode, SLOW, Switch};
use book::Book;
use config::Config;
use ledger::Ledger;

/// Largest body in bytes.
const MAX_BODY: usize = 64 * 1024;

/// Serves until shut down.
pub async fn run(config: Config, process: Process) -> Result<(), Failure> {
    let listener = TcpListener::bind(config.common.listen).await?;
    let admin = TcpListener::bind(config.common.admin_listen).await?;
    let switch = Switch::default();
    let book = Book::open(config.book.as_ref())?;
    let ledger = Ledger::new(book, &process.metrics)?;
    let (shown, told) = (ledger.clone(), switch.clone());
    let control = move |request| control(request, told.clone(), shown.clone());
    tokio::spawn(process.admin(Readiness::default()).serve(admin, control));
    let handler = move |request, _| page(request, switch.clone(), ledger.clone());
    http::serve(listener, handler, Limits::default(), process.shutdown).await;
    Ok(())
}

/// Takes a page, or does what a bad day brings.
async fn page(request: Request<Incoming>, switch: Switch, ledger: Ledger) -> Response<Plain> {
    if request.method() != Method::POST || request.uri().path() != "/page" {
        return respond::problem(StatusCode::NOT_FOUND, "only POST /page is here");
    }
    match switch.get() {
        Mode::Ok => {}
        Mode::Slow => tokio::time::sleep(SLOW).await,
        Mode::Failing => {
            ledger.failed();
            return respond::problem(StatusCode::SERVICE_UNAVAILABLE, "having a bad day");
        }
        Mode::Hanging => {
            ledger.hung();
            std::future::pending::<()>().await;
        }
    }
    let key = key(request.headers());
    let page: Option<Page> = match body(request).await {
        Some(body) => serde_json::from_slice(&body).ok(),
        None => None,
    };
    match key.zip(page) {
        Some((key, page)) => match ledger.take(entry(key, &page)) {
            Ok(()) => respond::text(StatusCode::OK, "taken\n"),
            Err(error) => {
                tracing::error!(%error, "page not kept");
                respond::problem(StatusCode::INTERNAL_SERVER_ERROR, "page not kept")
            }
        },
        None => {
            ledger.malformed();
            respond::problem(StatusCode::UNPROCESSABLE_ENTITY, "not a page with a key")
        }
    }
}

/// What a page is known by, however often it is sent.
fn key(headers: &HeaderMap) -> Option<Uuid> {
    Uuid::parse_str(headers.get(IDEMPOTENCY_KEY)?.to_str().ok()?).ok()
}

fn entry(key: Uuid, page: &Page) -> Paged {
    Paged {
        alert_id: key,
        reading_id: page.alert.reading_id,
        taken_at_ms: wall::unix_ms(),
    }
}

/// `PUT /behaviour`, `GET /behaviour`, `GET /pages` and `GET /book` on the admin port.
async fn control(request: Request<Incoming>, switch: Switch, ledger: Ledger) -> Response<Plain> {
    match (request.method().as_str(), request.uri().path()) {
        ("GET", "/pages") => respond::json(StatusCode::OK, &ledger.pages()),
        ("GET", "/book") => respond::json(StatusCode::OK, &ledger.book()),
        ("GET", "/behaviour") => {
            let mode = switch.get();
            respond::json(StatusCode::OK, &Behaviour { mode })
        }
        ("PUT", "/behaviour") => {
            let Some(body) = body(request).await else {
                return respond::problem(StatusCode::BAD_REQUEST, "no body");
            };
            match serde_json::from_slice::<Behaviour>(&body) {
                Ok(behaviour) => {
                    switch.set(behaviour.mode);
                    tracing::info!(mode = ?behaviour.mode, "behaviour changed");
                    respond::json(StatusCode::OK, &behaviour)
                }
                Err(error) => {
                    let text = error.to_string();
                    respond::problem_in(StatusCode::UNPROCESSABLE_ENTITY, "mode", &text)
                }
            }
        }
        _ => respond::problem(StatusCode::NOT_FOUND, "not here"),
    }
}

async fn body(request: Request<Incoming>) -> Option<Bytes> {
    let collected = Limited::new(request.into_body(), MAX_BODY).collect().await;
    collected.ok().map(http_body_util::Collected::to_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyper::header::HeaderValue;

    #[test]
    fn a_page_without_a_key_or_with_nonsense_for_one_is_not_known() {
        let mut headers = HeaderMap::new();
        assert_eq!(key(&headers), None);
        headers.insert(IDEMPOTENCY_KEY, HeaderValue::from_static("again"));
        assert_eq!(key(&headers), None);
        let known = Uuid::from_u128(7);
        let value = HeaderValue::from_str(&known.to_string()).unwrap();
        headers.insert(IDEMPOTENCY_KEY, value);
        assert_eq!(key(&headers), Some(known));
    }
}
