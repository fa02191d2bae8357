//! The static files, part of the binary so that there is nothing to mount.

use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, ETAG, HeaderValue, IF_NONE_MATCH};
use hyper::{HeaderMap, Response, StatusCode};
use service_kit::respond::{self, Plain};

/// Caches may keep them for an hour.
const FOR_AN_HOUR: &str = "public, max-age=3600";

/// Type and content of a file.
fn file(name: &str) -> Option<(&'static str, &'static [u8])> {
    match name {
        "app.js" => Some(("text/javascript", include_bytes!("../static/app.js"))),
        "style.css" => Some(("text/css", include_bytes!("../static/style.css"))),
        "logo.svg" => Some(("image/svg+xml", include_bytes!("../static/logo.svg"))),
        _ => None,
    }
}

/// Changes with the content, and only with it: all instances agree.
fn etag(content: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    content.hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}

/// The file, or 304 when the asker has it already.
pub(crate) fn serve(name: &str, headers: &HeaderMap) -> Response<Plain> {
    let Some((kind, content)) = file(name) else {
        return respond::problem(StatusCode::NOT_FOUND, "no such file");
    };
    let tag = etag(content);
    let known = headers
        .get(IF_NONE_MATCH)
        .is_some_and(|sent| sent == tag.as_str());
    let mut response = match known {
        true => respond::bytes(StatusCode::NOT_MODIFIED, kind, Bytes::new()),
        false => respond::bytes(StatusCode::OK, kind, Bytes::from_static(content)),
    };
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(FOR_AN_HOUR));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_file_is_not_sent_again() {
        let first = serve("app.js", &HeaderMap::new());
        assert_eq!(first.status(), 200);
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, first.headers()[ETAG].clone());
        assert_eq!(serve("app.js", &headers).status(), 304);
        assert_eq!(serve("style.css", &headers).status(), 200);
        assert_eq!(serve("secret.key", &headers).status(), 404);
    }
}
