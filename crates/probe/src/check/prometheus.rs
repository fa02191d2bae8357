//! Prometheus: ready to answer queries.

use std::sync::Arc;

use timeline::Watched;

use crate::{
    http::Http,
    look::{Check, Look, LookError},
    site::{Site, at},
};

const READY: &str = "/-/ready";

/// Looks at Prometheus' own readiness.
pub(crate) struct Prometheus(Http);

impl Prometheus {
    pub(crate) fn new(site: Arc<Site>, member: &Watched) -> Self {
        Self(Http::new(at(member, site.ports.prometheus)))
    }
}

impl Check for Prometheus {
    async fn look(&mut self) -> Result<Look, LookError> {
        self.0.get(READY).await?.ok(READY)?;
        Ok(Look::new("ready"))
    }
}
