//! Headers between the two sides.

use hyper::header::{
    CONNECTION, HeaderName, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use hyper::{HeaderMap, Method};
use std::net::IpAddr;

/// Who sends, by its own account.
pub(crate) const CLIENT_ID: &str = "x-client-id";
/// Names a request in every log on its way.
pub(crate) const REQUEST_ID: &str = "x-request-id";
/// Where a request came from, as each hop saw it.
const FORWARDED_FOR: &str = "x-forwarded-for";
/// Longest id in bytes that is taken from a client.
const LONGEST_ID: usize = 64;

/// Removes what concerns one connection only, including what `connection` names.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [
        CONNECTION,
        HeaderName::from_static("keep-alive"),
        PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
        UPGRADE,
    ] {
        headers.remove(name);
    }
}

/// Whether a request wants to become a WebSocket.
pub(crate) fn wants_websocket(method: &Method, headers: &HeaderMap) -> bool {
    let upgrade = headers.get(UPGRADE).and_then(|value| value.to_str().ok());
    method == Method::GET && upgrade.is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
}

/// An id as sent, if it is short and printable.
pub(crate) fn id<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let id = headers.get(name)?.to_str().ok()?;
    (!id.is_empty() && id.len() <= LONGEST_ID).then_some(id)
}

/// Where a request came to the load balancer from: what that has added last. All before it is hearsay.
pub(crate) fn origin(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all(FORWARDED_FOR).iter().next_back()?;
    let last = last.to_str().ok()?.rsplit(',').next()?;
    last.trim().parse().ok()
}

/// Makes ids that differ between instances, restarts and requests.
#[derive(Debug)]
pub(crate) struct RequestIds {
    process: u64,
    next: std::sync::atomic::AtomicU64,
}

impl RequestIds {
    /// Starts a process's ids.
    pub(crate) fn new() -> Self {
        Self {
            process: service_kit::entropy::number(),
            next: 1.into(),
        }
    }

    /// The request's own id, or a new one.
    pub(crate) fn of(&self, headers: &HeaderMap) -> HeaderValue {
        if id(headers, REQUEST_ID).is_some()
            && let Some(sent) = headers.get(REQUEST_ID)
        {
            return sent.clone();
        }
        let number = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        HeaderValue::from_str(&format!("{:016x}-{number:x}", self.process))
            .unwrap_or_else(|_| HeaderValue::from_static("unnamed"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_connection_names_is_removed_too() {
        let mut headers = HeaderMap::new();
        headers.insert(CONNECTION, HeaderValue::from_static("close, X-Private"));
        headers.insert("x-private", HeaderValue::from_static("1"));
        headers.insert("x-public", HeaderValue::from_static("1"));
        headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        strip_hop_by_hop(&mut headers);
        assert_eq!(headers.len(), 1);
        assert!(headers.contains_key("x-public"));
    }

    #[test]
    fn the_origin_is_what_the_last_hop_saw() {
        let mut headers = HeaderMap::new();
        assert_eq!(origin(&headers), None);
        headers.append(FORWARDED_FOR, HeaderValue::from_static("6.6.6.6, 7.7.7.7"));
        assert_eq!(origin(&headers), Some([7, 7, 7, 7].into()));
        headers.append(FORWARDED_FOR, HeaderValue::from_static("10.0.0.9"));
        assert_eq!(origin(&headers), Some([10, 0, 0, 9].into()));
        headers.append(FORWARDED_FOR, HeaderValue::from_static("nonsense"));
        assert_eq!(origin(&headers), None);
    }

    #[test]
    fn a_good_request_id_is_kept_and_a_bad_one_replaced() {
        let ids = RequestIds::new();
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_static("abc"));
        assert_eq!(ids.of(&headers), "abc");
        headers.insert(REQUEST_ID, HeaderValue::from_str(&"x".repeat(65)).unwrap());
        let (first, second) = (ids.of(&headers), ids.of(&headers));
        assert_ne!(first, second);
        assert!(first.len() < 40);
    }
}
