//! Opening a stream: the WebSocket handshake.

use std::sync::atomic::{AtomicU64, Ordering};

use hyper::body::Incoming;
use hyper::header::{
    CONNECTION, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION,
    UPGRADE,
};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use service_kit::respond::{self, Plain};
use service_kit::shutdown::Shutdown;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_util::task::TaskTracker;

use crate::alerts::AlertStore;
use crate::hub::{Counters, Hub};
use crate::query::Wanted;
use crate::stream;

/// The only version of the protocol there is.
const VERSION: &str = "13";

/// What streams are made of.
pub(crate) struct Live {
    pub(crate) hub: Hub,
    pub(crate) store: AlertStore,
    pub(crate) counters: Counters,
    pub(crate) shutdown: Shutdown,
    /// Open streams, to be waited for at the end.
    pub(crate) streams: TaskTracker,
}

/// Numbers the clients of this process.
static CLIENTS: AtomicU64 = AtomicU64::new(1);

impl Live {
    /// Answers one request; a good one becomes a stream.
    pub(crate) fn handle(&self, mut request: Request<Incoming>) -> Response<Plain> {
        if request.method() != Method::GET || request.uri().path() != "/v1/live" {
            return respond::problem(StatusCode::NOT_FOUND, "only live streams are here");
        }
        let wanted = match Wanted::parse(request.uri().query()) {
            Ok(wanted) => wanted,
            Err(wrong) => return respond::problem(StatusCode::UNPROCESSABLE_ENTITY, &wrong),
        };
        let Some(accept) = accept(request.headers()) else {
            let mut response = respond::problem(StatusCode::UPGRADE_REQUIRED, "wants a WebSocket");
            let headers = response.headers_mut();
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            return response;
        };
        let upgrade = hyper::upgrade::on(&mut request);
        let stream = stream::Stream {
            wanted,
            client: CLIENTS.fetch_add(1, Ordering::Relaxed),
            hub: self.hub.clone(),
            store: self.store.clone(),
            counters: self.counters.clone(),
            closing: self.shutdown.closing.clone(),
        };
        self.streams.spawn(async move {
            match upgrade.await {
                Ok(upgraded) => stream.run(upgraded).await,
                Err(error) => tracing::debug!(%error, "client left during the handshake"),
            }
        });
        let mut response = Response::new(Plain::default());
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        let headers = response.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
        response
    }
}

/// The proof that the key was read, or `None` when this is no WebSocket handshake.
fn accept(headers: &HeaderMap) -> Option<HeaderValue> {
    let upgrade = headers.get(UPGRADE)?.to_str().ok()?;
    let version = headers.get(SEC_WEBSOCKET_VERSION)?;
    let key = headers.get(SEC_WEBSOCKET_KEY)?;
    match upgrade.eq_ignore_ascii_case("websocket") && version == VERSION {
        true => HeaderValue::from_str(&derive_accept_key(key.as_bytes())).ok(),
        false => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_standard_is_accepted_and_plain_requests_are_not() {
        let mut headers = HeaderMap::new();
        assert_eq!(accept(&headers), None);
        headers.insert(UPGRADE, HeaderValue::from_static("WebSocket"));
        headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        headers.insert(
            SEC_WEBSOCKET_KEY,
            HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ=="),
        );
        assert_eq!(accept(&headers).unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }
}
