//! What the machine under everything did.

use serde::{Deserialize, Serialize};

/// What the machine's processors did since it was started, all of them together, in processor-seconds.
///
/// Everything shares it: the platform, the load generator and whatever else runs there.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Processors {
    /// Worked.
    pub busy_s: f64,
    /// Had nothing to do, or waited for a disk.
    pub idle_s: f64,
    /// Were lent to somebody else by the host of a virtual machine, while there was work.
    pub stolen_s: f64,
}

impl Processors {
    /// What they did since `earlier`; nothing where the machine was started again in between.
    pub fn since(self, earlier: Self) -> Option<Self> {
        let did = Self {
            busy_s: self.busy_s - earlier.busy_s,
            idle_s: self.idle_s - earlier.idle_s,
            stolen_s: self.stolen_s - earlier.stolen_s,
        };
        // The kernel's own idle time may step back by a tick.
        let forward = did.busy_s >= 0.0 && did.idle_s >= -1.0 && did.stolen_s >= 0.0;
        (forward && did.total_s() > 0.0).then_some(did)
    }

    /// All that they had to give.
    pub fn total_s(self) -> f64 {
        self.busy_s + self.idle_s + self.stolen_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn processors(busy_s: f64, idle_s: f64, stolen_s: f64) -> Processors {
        Processors {
            busy_s,
            idle_s,
            stolen_s,
        }
    }

    #[test]
    fn what_they_did_lies_between_two_looks() {
        let (before, after) = (processors(7.0, 5.0, 1.0), processors(9.0, 6.0, 2.0));
        let did = after.since(before).unwrap();
        assert_eq!((did, did.total_s()), (processors(2.0, 1.0, 1.0), 4.0));
    }

    #[test]
    fn a_machine_started_again_did_nothing_that_is_known() {
        let (before, after) = (processors(7.0, 5.0, 1.0), processors(0.5, 0.1, 0.0));
        assert_eq!(after.since(before), None);
        assert_eq!(before.since(before), None);
    }
}
