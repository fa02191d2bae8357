//! What happens to the containers of a project, as the engine tells it.

use std::collections::HashMap;

use bollard::{models::EventMessage, query_parameters::EventsOptions};
use futures_util::{Stream, StreamExt, stream};

use crate::{Docker, EngineError, PROJECT_LABEL, SERVICE_LABEL};

/// The actions that matter to a drill. Health checks alone would flood the stream with others.
const ACTIONS: [&str; 8] = [
    "start", "die", "kill", "stop", "pause", "unpause", "oom", "destroy",
];

/// Something that happened to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happening {
    /// Service name of the container.
    pub member: String,
    /// Id of the container.
    pub id: String,
    /// What happened: start, die, kill, stop, pause, unpause, oom or destroy.
    pub action: String,
    /// Exit code of a container that died.
    pub exit_code: Option<i64>,
    /// When, by the engine's clock, in nanoseconds since the Unix epoch.
    pub at_unix_ns: u64,
}

/// Watches containers.
pub trait Watch {
    /// What happens to the containers of a project from this call on, also before the first poll.
    ///
    /// The stream does not end by itself. When the engine hangs up it yields one error and ends: what
    /// happens from then on is not seen, and the caller must say so in its record.
    fn events(
        &self,
        project: &str,
    ) -> impl Stream<Item = Result<Happening, EngineError>> + Send + 'static;
}

impl Watch for Docker {
    fn events(
        &self,
        project: &str,
    ) -> impl Stream<Item = Result<Happening, EngineError>> + Send + 'static {
        let events = self.client.events(Some(options(project, clock::unix_ns())));
        let project = project.to_owned();
        let hung_up = EngineError::HungUp {
            project: project.clone(),
        };
        let happenings = events.filter_map(move |event| {
            let event = event.map_err(EngineError::refused("watch", &project));
            std::future::ready(event.map(read).transpose())
        });
        ending_with_its_error(happenings, hung_up)
    }
}

/// Ends a stream at its first error; one that ends without any yields `hung_up` first.
fn ending_with_its_error<T: Send + 'static>(
    inner: impl Stream<Item = Result<T, EngineError>> + Send + 'static,
    hung_up: EngineError,
) -> impl Stream<Item = Result<T, EngineError>> + Send + 'static {
    stream::unfold(Some(Box::pin(inner)), move |inner| {
        let hung_up = hung_up.clone();
        async move {
            let mut inner = inner?;
            match inner.next().await {
                Some(Ok(item)) => Some((Ok(item), Some(inner))),
                Some(Err(error)) => Some((Err(error), None)),
                None => Some((Err(hung_up), None)),
            }
        }
    })
}

/// With `since`, the engine hands out of its memory what happened before it noticed the subscription.
fn options(project: &str, since_unix_ns: u64) -> EventsOptions {
    let owned = |all: &[&str]| all.iter().map(|text| (*text).to_owned()).collect();
    let filters: HashMap<String, Vec<String>> = [
        ("type".to_owned(), vec!["container".to_owned()]),
        ("event".to_owned(), owned(&ACTIONS)),
        (
            "label".to_owned(),
            vec![format!("{PROJECT_LABEL}={project}")],
        ),
    ]
    .into();
    let (seconds, rest) = (since_unix_ns / 1_000_000_000, since_unix_ns % 1_000_000_000);
    EventsOptions {
        since: Some(format!("{seconds}.{rest:09}")),
        until: None,
        filters: Some(filters),
    }
}

fn read(event: EventMessage) -> Option<Happening> {
    let actor = event.actor?;
    let mut attributes = actor.attributes.unwrap_or_default();
    let action = event.action?;
    if !ACTIONS.contains(&action.as_str()) {
        return None;
    }
    Some(Happening {
        member: attributes.remove(SERVICE_LABEL)?,
        id: actor.id?,
        action,
        exit_code: attributes
            .remove("exitCode")
            .and_then(|code| code.parse().ok()),
        at_unix_ns: event.time_nano?.try_into().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(action: &str) -> EventMessage {
        let text = format!(
            r#"{{"Type": "container", "Action": "{action}", "timeNano": 1767323045500000000,
                "Actor": {{"ID": "c1", "Attributes": {{"com.docker.compose.service": "api-1", "exitCode": "137"}}}}}}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn a_death_has_its_exit_code_and_its_time() {
        let happening = read(event("die")).unwrap();
        assert_eq!(
            (happening.member.as_str(), happening.exit_code),
            ("api-1", Some(137))
        );
        assert_eq!(happening.at_unix_ns, 1_767_323_045_500_000_000);
    }

    #[test]
    fn other_actions_are_not_told() {
        assert_eq!(read(event("exec_start: sh")), None);
        assert_eq!(read(EventMessage::default()), None);
    }

    #[test]
    fn the_subscription_begins_to_the_nanosecond() {
        let options = options("p", 5_000_000_007);
        assert_eq!(options.since.as_deref(), Some("5.000000007"));
    }

    #[tokio::test]
    async fn a_hang_up_is_told_once() {
        let inner = stream::iter([Ok(1)]);
        let hung_up = EngineError::HungUp {
            project: "p".into(),
        };
        let all: Vec<_> = ending_with_its_error(inner, hung_up.clone())
            .collect()
            .await;
        assert_eq!(all, [Ok(1), Err(hung_up)]);
    }
}
