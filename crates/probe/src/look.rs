//! What one look at one member yields.

use std::{borrow::Cow, io::ErrorKind, time::Duration};

use drill::Role;
use thiserror::Error;
use timeline::{MemberHealth, Watched};

/// The longest that a member may take to answer one question.
pub(crate) const DEADLINE: Duration = Duration::from_secs(1);

/// What a member answered. It is healthy when it has no troubles.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Look {
    /// Roles that it says it plays.
    pub(crate) roles: Vec<Role>,
    /// What it is when all is well, without anything that changes from look to look.
    pub(crate) state: String,
    /// What keeps it from full health.
    pub(crate) troubles: Vec<String>,
    /// Counters that are read with each look, because when they rose matters.
    pub(crate) readings: Vec<Reading>,
}

impl Look {
    /// A member in that state, with neither roles nor troubles.
    pub(crate) fn new(state: impl Into<String>) -> Self {
        Self {
            state: state.into(),
            ..Self::default()
        }
    }

    /// Adds `trouble` unless all is `well`.
    pub(crate) fn require(&mut self, well: bool, trouble: impl FnOnce() -> String) {
        if !well {
            self.troubles.push(trouble());
        }
    }

    /// The sighting's words for this look.
    pub(crate) fn into_health(self, member: &Watched) -> MemberHealth {
        let healthy = self.troubles.is_empty();
        let detail = match healthy {
            true => self.state,
            false => self.troubles.join("; "),
        };
        MemberHealth {
            member: member.name.clone(),
            component: member.component,
            healthy,
            answered: true,
            roles: self.roles,
            detail: one_line(&detail),
        }
    }
}

impl LookError {
    /// Whether the kernel gives up on a silent address first or the deadline comes first is chance: the same
    /// state must not read as changes.
    pub(crate) fn connecting(port: u16, kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable | ErrorKind::TimedOut => {
                Self::Silent { port }
            }
            kind => Self::Connect { port, kind },
        }
    }

    /// The sighting's words for a look that yielded nothing.
    pub(crate) fn into_health(self, member: &Watched) -> MemberHealth {
        MemberHealth {
            member: member.name.clone(),
            component: member.component,
            healthy: false,
            answered: false,
            roles: vec![],
            detail: one_line(&self.to_string()),
        }
    }
}

/// Some libraries and servers explain themselves over several lines.
fn one_line(text: &str) -> String {
    let lines: Vec<_> = text.split_whitespace().collect();
    lines.join(" ")
}

/// A counter's name and value.
pub(crate) type Reading = (Cow<'static, str>, f64);

/// Why a look yielded nothing: the member is not healthy, and this is the reason.
#[derive(Debug, Error)]
pub(crate) enum LookError {
    #[error("no answer on :{port} within {} s", DEADLINE.as_secs())]
    Silent { port: u16 },
    #[error("cannot connect to :{port}: {kind}")]
    Connect { port: u16, kind: ErrorKind },
    #[error("broken answer on :{port}: {source}")]
    Http { port: u16, source: hyper::Error },
    #[error(":{port}{path} answered {status}")]
    Status {
        port: u16,
        path: String,
        status: u16,
    },
    #[error("unclear answer on :{port}: {what}")]
    Unclear { port: u16, what: String },
    #[error("redis protocol on :{port}: {source}")]
    Redis {
        port: u16,
        source: redis::RedisError,
    },
    #[error("sql on :{port}: {source}")]
    Sql {
        port: u16,
        source: tokio_postgres::Error,
    },
}

/// Looks at one member, again and again.
pub(crate) trait Check: Send + 'static {
    /// Health and roles, now.
    fn look(&mut self) -> impl Future<Output = Result<Look, LookError>> + Send;

    /// The member's own counters, now; none by default.
    fn counters(&mut self) -> impl Future<Output = Result<Vec<Reading>, LookError>> + Send {
        std::future::ready(Ok(vec![]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use drill::Component;

    fn member() -> Watched {
        Watched {
            name: "api-1".into(),
            component: Component::Api,
            address: "10.0.0.1".into(),
        }
    }

    #[test]
    fn troubles_replace_the_state_and_fit_on_one_line() {
        let mut look = Look::new("ready");
        assert_eq!(look.clone().into_health(&member()).detail, "ready");
        look.require(false, || "no\r\n broker".into());
        look.require(true, || "never said".into());
        look.require(false, || "no cache\n".into());
        let health = look.into_health(&member());
        assert!(!health.healthy);
        assert_eq!(health.detail, "no broker; no cache");
    }

    #[test]
    fn a_failed_look_is_not_healthy_and_has_no_role() {
        let health = LookError::Silent { port: 8008 }.into_health(&member());
        assert!(!health.healthy && health.roles.is_empty());
        assert_eq!(health.detail, "no answer on :8008 within 1 s");
    }

    #[test]
    fn a_silent_address_reads_alike_however_it_was_noticed() {
        let silent = LookError::Silent { port: 80 }.to_string();
        let unreachable = LookError::connecting(80, ErrorKind::HostUnreachable);
        assert_eq!(unreachable.to_string(), silent);
        let refused = LookError::connecting(80, ErrorKind::ConnectionRefused);
        assert_eq!(
            refused.to_string(),
            "cannot connect to :80: connection refused"
        );
    }
}
