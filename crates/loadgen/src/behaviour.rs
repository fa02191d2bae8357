//! What a clinician does next: told by the drill, so that a judge can hold the recording against it.

pub use drill::behaviour::{Action, action, ward_followed};
