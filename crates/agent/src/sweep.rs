//! Removes what a killed agent left: its chains and its queueing discipline, nothing else.

use crate::{RunTag, backend};

/// Removes what agents of the run left in this network namespace, and names it. Nothing left is fine.
///
/// # Errors
/// When something could not be removed.
pub fn sweep(run: &RunTag) -> Result<Vec<String>, String> {
    let mut swept = backend::sweep_chains(run)?;
    let devices = backend::sweep_roots()?.into_iter();
    swept.extend(devices.map(|device| format!("queueing discipline on {device}")));
    Ok(swept)
}
