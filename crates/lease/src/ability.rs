//! What an agent finds out about a machine.

use serde::{Deserialize, Serialize};

/// Whether a mechanism works here, and what told so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ability {
    /// What was tried.
    pub name: String,
    /// Whether it worked.
    pub works: bool,
    /// How it was found out, or the system's complaint.
    pub how: String,
}
