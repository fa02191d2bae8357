//! What this machine's kernel can do to packets, found out by an agent in a network of its own.

use engine::{HelperSpec, Helpers};
use lease::Ability;

use crate::ChaosError;

/// Tries every mechanism in a throw-away namespace.
///
/// # Errors
/// When there is no such image, the engine refuses, or the agent does not say what it found.
pub async fn abilities<E: Helpers + Sync>(
    engine: &E,
    image: &str,
) -> Result<Vec<Ability>, ChaosError> {
    let name = format!("{}doctor-{}", engine::PROJECT_PREFIX, std::process::id());
    let spec = HelperSpec {
        name: name.clone(),
        image: image.to_owned(),
        command: vec!["probe".into()],
        project: name,
        network_of: None,
        processes_of: None,
        volumes_of: None,
        share_of: None,
        control_group_of: None,
        capabilities: vec!["NET_ADMIN".into(), "NET_RAW".into()],
    };
    let said = engine.run_helper(&spec).await?.concat();
    serde_json::from_str(&said).map_err(|error| ChaosError::Unfit {
        member: "the agent".into(),
        reason: format!("did not say what works here ({error}): {said}"),
    })
}
