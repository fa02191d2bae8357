//! Answers that every service gives in the same shape.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Response, StatusCode};
use serde::Serialize;

/// The body of a plain answer.
pub type Plain = Full<Bytes>;

/// What a client is told when its request failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem<'a> {
    /// What is wrong, for people.
    pub error: &'a str,
    /// The field of the request that is wrong, if one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<&'a str>,
}

/// An answer with a body of the given type.
pub fn bytes(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Plain> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// Plain text.
pub fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Plain> {
    bytes(status, "text/plain; charset=utf-8", body.into())
}

/// JSON.
pub fn json<T: Serialize>(status: StatusCode, value: &T) -> Response<Plain> {
    match serde_json::to_vec(value) {
        Ok(body) => bytes(status, "application/json", body.into()),
        Err(error) => {
            tracing::error!(%error, "answer is not JSON");
            text(StatusCode::INTERNAL_SERVER_ERROR, "internal error\n")
        }
    }
}

/// A failure, told as JSON.
pub fn problem(status: StatusCode, error: &str) -> Response<Plain> {
    json(status, &Problem { error, field: None })
}

/// A failure that lies in one field of the request.
pub fn problem_in(status: StatusCode, field: &str, error: &str) -> Response<Plain> {
    json(
        status,
        &Problem {
            error,
            field: Some(field),
        },
    )
}
