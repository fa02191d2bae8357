//! What every service of the platform needs and nobody should write twice: configuration, logs, the admin
//! port, an HTTP server that drains, and clients of the stores that notice when a server is gone.

pub mod admin;
pub mod backoff;
pub mod boot;
pub mod breaker;
pub mod broker;
pub mod budget;
pub mod consumer;
pub mod dead_letters;
pub mod deadline;
pub mod entropy;
pub mod env;
mod head_timer;
pub mod hedge;
pub mod http;
pub mod metrics;
pub mod postgres;
pub mod publisher;
pub mod queues;
pub mod readiness;
pub mod recent;
pub mod record;
pub mod redis_link;
pub mod respond;
pub mod routes;
pub mod sentinel;
pub mod settings;
pub mod shutdown;
pub mod wall;
