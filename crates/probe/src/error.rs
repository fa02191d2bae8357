//! What can go wrong between the controller and the observer.

use std::{net::SocketAddr, time::Duration};

use thiserror::Error;

/// Why there are no sightings, or no more of them.
#[derive(Debug, Error)]
pub enum ProbeError {
    /// The observer could not be reached, or did not speak HTTP.
    #[error("observer {observer} cannot be reached: {reason}")]
    Unreachable {
        /// Where it was expected.
        observer: SocketAddr,
        /// The connection's own words.
        reason: String,
    },
    /// The observer did not accept a request, or could not do what it asks for.
    #[error("observer {observer} answered {path} with {status}: {message}")]
    Refused {
        /// Who refused.
        observer: SocketAddr,
        /// What was asked for.
        path: String,
        /// HTTP status.
        status: u16,
        /// What it said.
        message: String,
    },
    /// Not even a heartbeat came: the observer is frozen or cut off.
    #[error("observer {observer} was silent for {} s", silence.as_secs())]
    Silent {
        /// Who was silent.
        observer: SocketAddr,
        /// For how long at least.
        silence: Duration,
    },
    /// The stream of sightings ended without being told to.
    #[error("observer {observer} broke off: {reason}")]
    BrokeOff {
        /// Who broke off.
        observer: SocketAddr,
        /// The connection's own words.
        reason: String,
    },
    /// A line is not a sighting: the two sides do not fit each other.
    #[error("observer {observer} sent {line:?}, not a sighting: {source}")]
    Nonsense {
        /// Who sent it.
        observer: SocketAddr,
        /// The line's beginning.
        line: String,
        /// Why it is not a sighting.
        source: serde_json::Error,
    },
}
