//! The container engine, as the testbed needs it: who is there, break it, mend it, watch it, sweep it away.
//!
//! The only crate that knows the Docker API. It asks for nothing beyond API 1.41 (Docker Engine 20.10),
//! so that no branch on the version is needed, and it decides whether something is already done by
//! looking at the container, not by the status code of a refusal: those differ between versions.
//!
//! A member is identified by its container id; its name in a topology is its Compose service.

mod adjust;
mod connect;
mod control_group;
mod error;
mod exec;
mod helper;
mod inspect;
mod lifecycle;
mod member;
mod namespaces;
mod owner;
mod rebuild;
mod sweep;
mod vet;
mod watch;

pub use adjust::{Adjust, Endpoint, Limits};
pub use connect::{Docker, EngineInfo};
pub use error::EngineError;
pub use exec::{Exec, Ran};
pub use helper::{Helper, HelperSpec, Helpers};
pub use inspect::{Inspect, Life, State};
pub use lifecycle::Lifecycle;
pub use member::Member;
pub use owner::{Own, Owner, Thing};
pub use rebuild::{Rebuild, Recipe};
pub use sweep::{Project, Removed, Sweep};
pub use watch::{Happening, Watch};

/// Label that Compose puts on everything of a project.
pub const PROJECT_LABEL: &str = "com.docker.compose.project";
/// Label with the service name, put on containers by Compose.
pub const SERVICE_LABEL: &str = "com.docker.compose.service";
/// Label with the component, such as `api`.
pub const COMPONENT_LABEL: &str = "gameday.component";
/// Label with the zone, such as `a`.
pub const ZONE_LABEL: &str = "gameday.zone";
/// Label with the run that a container was raised for; whoever carries it is ours.
pub const RUN_LABEL: &str = "gameday.run";
/// How the name of every project of ours begins.
pub const PROJECT_PREFIX: &str = "gameday-";

/// A filter of the engine's lists: one label.
fn label(text: &str) -> Option<std::collections::HashMap<String, Vec<String>>> {
    Some([("label".to_owned(), vec![text.to_owned()])].into())
}
