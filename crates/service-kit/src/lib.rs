//! What every service of the platform needs and nobody should write twice: configuration, logs, the admin
//! port, an HTTP server that drains, and clients of the stores that notice when a server is gone.

pub mod admin;
pub mod backoff;
pub mod boot;
pub mod breaker;
pub mod entropy;
pub mod env;
pub mod http;
pub mod metrics;
pub mod readiness;
pub mod respond;
pub mod routes;
pub mod settings;
pub mod shutdown;
pub mod wall;
