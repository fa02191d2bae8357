//! What can go wrong with the engine, and what to do about it.

use std::{error::Error as _, io};

/// The engine can't be reached, or refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// Nobody answers at the socket.
    #[error("docker engine at {host} does not answer ({reason}): {fix}")]
    NoAnswer {
        /// The socket or address that was asked.
        host: String,
        /// What the operating system or the engine said.
        reason: String,
        /// What to do about it.
        fix: &'static str,
    },
    /// The engine is older than what the testbed is written for.
    #[error(
        "docker engine {engine_version} at {host} speaks api {api_version}, older than 1.41: docker engine 20.10 or newer is needed"
    )]
    TooOld {
        /// The socket or address.
        host: String,
        /// The engine's version.
        engine_version: String,
        /// The newest API version that the engine speaks.
        api_version: String,
    },
    /// The engine answered, but not as wanted.
    #[error("failed to {action} {object}: {reason}")]
    Refused {
        /// What was asked for, as a verb.
        action: &'static str,
        /// Of what: a container id, a network, a project.
        object: String,
        /// The engine's reason.
        reason: String,
    },
    /// The engine takes a network for busy whose containers are all gone.
    #[error(
        "docker engine keeps network {network} although its containers are gone ({reason}): it has lost count of \
         them, as 20.10 does now and then; restart the engine, then run `gameday heal`"
    )]
    Miscounted {
        /// The network's id.
        network: String,
        /// The engine's reason.
        reason: String,
    },
    /// A network can't be removed because somebody else's containers are on it.
    #[error(
        "network {network} is in use by {guests}: disconnect or remove that, then run `gameday heal`"
    )]
    Occupied {
        /// The network's id.
        network: String,
        /// The names of the containers on it.
        guests: String,
    },
    /// The event stream ended; what happened from then on is not known.
    #[error("engine hung up the events of {project}")]
    HungUp {
        /// The project that was watched.
        project: String,
    },
    /// A project that holds a container without the label `gameday.run` is somebody else's.
    #[error("project {project} is not ours: container {container} has no label gameday.run")]
    NotOurs {
        /// The project.
        project: String,
        /// The container without the label.
        container: String,
    },
}

impl EngineError {
    /// Turns the client's error into one that says what was tried on what.
    pub(crate) fn refused(
        action: &'static str,
        object: impl Into<String>,
    ) -> impl FnOnce(bollard::errors::Error) -> Self {
        let object = object.into();
        move |error| Self::Refused {
            action,
            object,
            reason: reason(&error),
        }
    }

    /// The network that could not be removed because it is in use, if that is what this says.
    pub(crate) fn busy_network(&self) -> Option<&str> {
        match self {
            Self::Refused { object, reason, .. } if reason.contains("has active endpoints") => {
                Some(object)
            }
            _ => None,
        }
    }

    /// What it means that a network is in use long after the last container of its project was removed, given the names of
    /// those who are on it.
    pub(crate) fn explained(self, mut guests: Vec<String>) -> Self {
        let Self::Refused {
            object: network,
            reason,
            ..
        } = self
        else {
            return self;
        };
        if guests.is_empty() {
            return Self::Miscounted { network, reason };
        }
        guests.sort();
        Self::Occupied {
            network,
            guests: guests.join(", "),
        }
    }

    /// An error of the first contact, with what to do about it.
    pub(crate) fn no_answer(host: &str, error: &bollard::errors::Error) -> Self {
        Self::NoAnswer {
            host: host.to_owned(),
            reason: reason(error),
            fix: fix(error),
        }
    }
}

/// The innermost cause in one line: the outer layers only repeat that a request failed.
fn reason(error: &bollard::errors::Error) -> String {
    use bollard::errors::Error as E;
    match error {
        E::DockerResponseServerError {
            status_code,
            message,
        } => format!("{} (status {status_code})", message.trim()),
        E::SocketNotFoundError(_) => "no such socket".to_owned(),
        E::RequestTimeoutError => "no answer in time".to_owned(),
        other => {
            let mut innermost: &dyn std::error::Error = other;
            while let Some(source) = innermost.source() {
                innermost = source;
            }
            innermost.to_string()
        }
    }
}

fn fix(error: &bollard::errors::Error) -> &'static str {
    const START: &str =
        "start the docker engine, or set DOCKER_HOST to the socket of one that runs";
    if let bollard::errors::Error::UnsupportedURISchemeError { .. } = error {
        return "set DOCKER_HOST to unix:///path, tcp://host:port or http://host:port";
    }
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>()
            && error.kind() == io::ErrorKind::PermissionDenied
        {
            return "add this user to the group docker and log in again";
        }
        cause = error.source();
    }
    START
}

#[cfg(test)]
mod tests {
    use super::*;
    use bollard::errors::Error as E;

    #[test]
    fn a_missing_socket_names_the_socket_and_the_fix() {
        let error = E::SocketNotFoundError("/run/none.sock".into());
        let text = EngineError::no_answer("unix:///run/none.sock", &error).to_string();
        assert!(text.contains("unix:///run/none.sock"), "{text}");
        assert!(text.contains("DOCKER_HOST"), "{text}");
    }

    #[test]
    fn an_unknown_scheme_lists_the_known_ones() {
        let error = E::UnsupportedURISchemeError {
            uri: "ssh://x".into(),
        };
        assert!(fix(&error).contains("unix:///path"));
    }

    #[test]
    fn a_refusal_carries_the_engines_words_and_status() {
        let error = E::DockerResponseServerError {
            status_code: 409,
            message: "Container c1 is already paused\n".into(),
        };
        let text = EngineError::refused("pause", "c1")(error).to_string();
        assert_eq!(
            text,
            "failed to pause c1: Container c1 is already paused (status 409)"
        );
    }

    #[test]
    fn a_network_in_use_says_by_whom_or_that_the_engine_is_wrong() {
        let refused = |message: &str| {
            let error = E::DockerResponseServerError {
                status_code: 403,
                message: message.into(),
            };
            EngineError::refused("remove network", "n1")(error)
        };
        let busy = refused("error while removing network: network core id n1 has active endpoints");
        assert_eq!(busy.busy_network(), Some("n1"));
        assert_eq!(refused("no right to do that").busy_network(), None);
        let text = busy.clone().explained(vec![]).to_string();
        assert!(text.contains("network n1"), "{text}");
        assert!(text.contains("restart the engine"), "{text}");
        let text = busy.explained(vec!["shell".into(), "curl".into()]);
        assert!(text.to_string().contains("by curl, shell:"), "{text}");
    }
}
