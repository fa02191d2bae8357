//! The admin port: `/livez`, `/readyz`, `/metrics` and `/clock` (milliseconds since the Unix epoch), plus whatever a service adds.

use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};

use crate::http::{self, Limits};
use crate::metrics::Metrics;
use crate::readiness::Readiness;
use crate::respond::{self, Plain};
use crate::shutdown::Shutdown;
use crate::wall;
use tokio::net::TcpListener;

/// Answers the questions of load balancers and operators.
#[derive(Debug, Clone)]
pub struct Admin {
    /// What the service needs.
    pub readiness: Readiness,
    /// Its metrics.
    pub metrics: Metrics,
    /// Whether it is leaving.
    pub shutdown: Shutdown,
}

impl Admin {
    /// The answer to a question that every service understands, or `None` for any other.
    pub fn answer(&self, method: &Method, path: &str) -> Option<Response<Plain>> {
        if method != Method::GET && method != Method::HEAD {
            return None;
        }
        match path {
            "/livez" => Some(respond::text(StatusCode::OK, "alive\n")),
            "/readyz" => Some(self.ready()),
            "/clock" => Some(respond::text(
                StatusCode::OK,
                format!("{}\n", wall::unix_ms()),
            )),
            "/metrics" => Some(match self.metrics.text() {
                Ok(text) => {
                    respond::bytes(StatusCode::OK, "text/plain; version=0.0.4", text.into())
                }
                Err(error) => respond::text(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    format!("no metrics: {error}\n"),
                ),
            }),
            _ => None,
        }
    }

    /// 404 while draining, because load balancers then keep what is open and send nothing new; 503 while
    /// something is missing would end open connections too.
    fn ready(&self) -> Response<Plain> {
        if self.shutdown.draining.is_cancelled() {
            return respond::text(StatusCode::NOT_FOUND, "draining\n");
        }
        let missing = self.readiness.missing();
        if !self.readiness.serves() {
            let body = format!("not ready\n{}\n", missing.join("\n"));
            return respond::text(StatusCode::SERVICE_UNAVAILABLE, body);
        }
        let down = self.readiness.down();
        let mut body = match down.is_empty() {
            true => "ready\n".to_owned(),
            false => format!("ready\nwithout: {}\n", down.join(", ")),
        };
        body.extend(missing.iter().map(|need| format!("cannot: {need}\n")));
        respond::text(StatusCode::OK, body)
    }

    /// Serves until the process ends; `extra` answers what [`Admin::answer`] does not.
    pub async fn serve<F, Fut>(self, listener: TcpListener, extra: F)
    where
        F: Fn(Request<Incoming>) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Response<Plain>> + Send + 'static,
    {
        // The admin port outlives the drain: it must go on saying so.
        let forever = Shutdown::default();
        let handler = move |request: Request<Incoming>, _| {
            let (admin, extra) = (self.clone(), extra.clone());
            async move {
                match admin.answer(request.method(), request.uri().path()) {
                    Some(response) => response,
                    None => extra(request).await,
                }
            }
        };
        http::serve(listener, handler, Limits::default(), forever).await;
    }
}

/// The `extra` of a service that adds nothing.
pub async fn nothing_more(_: Request<Incoming>) -> Response<Plain> {
    respond::text(StatusCode::NOT_FOUND, "not here\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(admin: &Admin, path: &str) -> Option<u16> {
        admin
            .answer(&Method::GET, path)
            .map(|response| response.status().as_u16())
    }

    #[test]
    fn readiness_goes_from_missing_to_ready_to_draining() {
        let metrics = Metrics::new().unwrap();
        let mut readiness = Readiness::default();
        let redis = readiness.dependency(&metrics, "redis").unwrap();
        readiness.need("reads", &[&redis]);
        let admin = Admin {
            readiness,
            metrics,
            shutdown: Shutdown::default(),
        };
        assert_eq!(status(&admin, "/readyz"), Some(503));
        assert_eq!(status(&admin, "/livez"), Some(200));
        redis.set(true);
        assert_eq!(status(&admin, "/readyz"), Some(200));
        admin.shutdown.draining.cancel();
        assert_eq!(status(&admin, "/readyz"), Some(404));
        assert_eq!(status(&admin, "/metrics"), Some(200));
        assert_eq!(status(&admin, "/clock"), Some(200));
        assert_eq!(status(&admin, "/elsewhere"), None);
        assert!(admin.answer(&Method::PUT, "/readyz").is_none());
    }
}
