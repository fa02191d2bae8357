//! Faults of packets, as a drill names them: peers by their names, because addresses are known only once a topology stands.

use lease::{BackendName, Direction, Effect, NetworkFault, PortRange};
use serde::{Deserialize, Serialize};

/// What happens to packets, and to which. In a drill file:
/// `fault.network = { effect = { delay = { latency = "50ms" } }, to = ["postgres"], ports = ["5432"] }`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// What happens to a packet that matches.
    pub effect: Effect,
    /// The far ends: members such as `redis-1`, or components such as `postgres`. Empty: everybody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub to: Vec<String>,
    /// Ports of either end. Empty: every packet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PortRange>,
    /// As seen by the target; towards it unless said otherwise.
    #[serde(default)]
    pub direction: Direction,
    /// The mechanism; the first that works on the machine unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<BackendName>,
}

impl Network {
    /// The fault for peers whose addresses are known.
    pub fn towards(&self, peers: Vec<lease::Net>) -> NetworkFault {
        NetworkFault {
            effect: self.effect.clone(),
            peers,
            ports: self.ports.clone(),
            direction: self.direction,
            backend: self.backend,
        }
    }

    pub(super) fn mistake(&self) -> Option<String> {
        let name = self.effect.name();
        if let Some(odd) = self.to.iter().find(|to| !super::is_word(to)) {
            return Some(
                format!("{name}: {odd:?} names no member and no component").replace('"', "'"),
            );
        }
        let checked = self.towards(vec![]).check();
        checked.err().map(|reason| format!("{name}: {reason}"))
    }
}

impl std::fmt::Display for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let way = match self.direction {
            Direction::In => "from",
            Direction::Out => "to",
            Direction::Both => "from and to",
        };
        match self.to.as_slice() {
            [] => f.pad(self.effect.name()),
            to => f.pad(&format!("{} {way} {}", self.effect.name(), to.join("+"))),
        }
    }
}
