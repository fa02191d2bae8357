//! What one look at one member yields.

use std::{borrow::Cow, io, time::Duration};

use drill::Role;
use thiserror::Error;
use timeline::{MemberHealth, Watched};

/// The longest that a member may take to answer one question.
pub(crate) const DEADLINE: Duration = Duration::from_secs(1);

/// What a member answered. It is healthy when it has no troubles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// Roles that it says it plays.
    pub(crate) roles: Vec<Role>,
    /// What it is when all is well, without anything that changes from look to look.
    pub(crate) state: String,
    /// What keeps it from full health.
    pub(crate) troubles: Vec<String>,
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
        MemberHealth {
            member: member.name.clone(),
            component: member.component,
            healthy: self.troubles.is_empty(),
            roles: self.roles,
            detail: if self.troubles.is_empty() {
                self.state
            } else {
                self.troubles.join("; ")
            },
        }
    }
}

/// A counter's name and value.
pub(crate) type Reading = (Cow<'static, str>, f64);

/// Why a look yielded nothing: the member is not healthy, and this is the reason.
#[derive(Debug, Error)]
pub(crate) enum LookError {
    #[error("no answer on :{port} within {} s", DEADLINE.as_secs())]
    Silent { port: u16 },
    #[error("cannot connect to :{port}: {}", source.kind())]
    Connect { port: u16, source: io::Error },
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
