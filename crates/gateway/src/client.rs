//! Who sends.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// A client, as the limits know it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Client {
    /// By the id it gave.
    Named(Box<str>),
    /// By where it is, when it gave none.
    At(IpAddr),
}
