//! A disk of the machine that stood still.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Offset;

/// A disk finished nothing for a while, or much less than was waiting for it.
///
/// Every member that keeps anything shares the machine's disks, whatever zone it plays: what all of them are late with then
/// is no member's fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DiskStall {
    /// Its name in the kernel, such as `vda`.
    pub disk: String,
    /// For at least so long, in seconds. It is told of when it is over.
    pub lasted_s: f64,
}

impl DiskStall {
    /// When it began, as told of at `end`.
    pub fn begin(&self, end: Offset) -> Offset {
        let lasted = Duration::try_from_secs_f64(self.lasted_s).unwrap_or_default();
        Offset::from(end.as_duration().saturating_sub(lasted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_began_before_it_was_told_of_and_not_before_the_run() {
        let stall = |lasted_s| DiskStall {
            disk: "vda".into(),
            lasted_s,
        };
        let end = Offset::from(Duration::from_secs(5));
        assert_eq!(
            stall(1.5).begin(end),
            Offset::from(Duration::from_millis(3500))
        );
        assert_eq!(stall(7.0).begin(end), Offset(0));
        assert_eq!(stall(-1.0).begin(end), end);
    }
}
