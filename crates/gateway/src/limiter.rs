//! The limit per client: one time stamp each, forgotten when it no longer matters.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::gcra::{Decision, Gcra};

/// Clients remembered before those without debt are looked for; bounds memory to a few megabytes.
const TIDY_ABOVE: usize = 20_000;

/// Who sends.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Client {
    /// By the id it gave.
    Named(Box<str>),
    /// By where it is, when it gave none.
    At(IpAddr),
}

/// Decides for all clients.
pub(crate) struct Limiter {
    gcra: Gcra,
    began: Instant,
    clients: Mutex<HashMap<Client, Duration>>,
}

impl Limiter {
    /// Limits each client alike.
    pub(crate) fn new(gcra: Gcra) -> Self {
        Self {
            gcra,
            began: Instant::now(),
            clients: Mutex::default(),
        }
    }

    /// `Err` with the time to wait when the client has sent too much.
    pub(crate) fn admit(&self, client: Client) -> Result<(), Duration> {
        let now = self.began.elapsed();
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() > TIDY_ABOVE {
            clients.retain(|_, tat| *tat > now);
        }
        let tat = clients.entry(client).or_default();
        match self.gcra.decide(*tat, now) {
            Decision::Pass(next) => {
                *tat = next;
                Ok(())
            }
            Decision::Refuse(wait) => Err(wait),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn clients_do_not_pay_for_each_other() {
        let limiter = Limiter::new(Gcra::new(1, 1));
        let one = || Client::Named("one".into());
        assert!(limiter.admit(one()).is_ok());
        assert_eq!(limiter.admit(one()), Err(Duration::from_secs(1)));
        assert!(limiter.admit(Client::At([10, 0, 0, 1].into())).is_ok());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(limiter.admit(one()).is_ok());
    }
}
