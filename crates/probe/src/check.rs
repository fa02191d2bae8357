//! One check per component: which questions it is asked, and what its answers mean.

pub(crate) mod etcd;
pub(crate) mod haproxy;
pub(crate) mod postgres;
mod postgres_counters;
mod postgres_standbys;
pub(crate) mod prometheus;
pub(crate) mod rabbitmq;
pub(crate) mod redis;
pub(crate) mod sentinel;
mod sentinel_votes;
pub(crate) mod service;
pub(crate) mod varnish;
