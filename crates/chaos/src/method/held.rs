//! Faults that an agent holds: which order, and in which namespaces.

use std::{net::SocketAddr, time::Duration};

use drill::{Fault, Network};
use engine::{HelperSpec, Member};
use lease::{Net, Order, ProcessFault, RunTag};

use crate::{ChaosError, Engine, undo::UndoAction};

/// The lease lasts so much longer than the hold: healing comes first, and the lease is for when nobody heals.
const GRACE: Duration = Duration::from_secs(60);
/// Longest tag of a run.
const TAG: usize = 17;

/// What an agent needs to know of the fault that it belongs to.
#[derive(Debug, Clone)]
pub(crate) struct Hand {
    pub(crate) project: String,
    /// Image of the agents.
    pub(crate) image: String,
    /// Number of the undo file.
    pub(crate) sequence: u64,
    /// How long the fault is meant to last.
    pub(crate) hold: Duration,
}

/// An agent to be started, and its order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plan {
    pub(crate) spec: HelperSpec,
    pub(crate) order: Order,
}

/// Whether a fault is held by an agent.
pub(crate) fn is_held(fault: &Fault) -> bool {
    matches!(
        fault,
        Fault::Network(_)
            | Fault::Freeze {}
            | Fault::Burn { .. }
            | Fault::Leak { .. }
            | Fault::FillDisk { .. }
            | Fault::HoldConnections { .. }
    )
}

/// The agent for one member.
///
/// # Errors
/// When a peer is unknown, or the engine refuses.
pub(crate) async fn plan<E: Engine>(
    engine: &E,
    fault: &Fault,
    member: &Member,
    hand: &Hand,
) -> Result<Plan, ChaosError> {
    let unfit = |reason: String| ChaosError::Unfit {
        member: member.service.clone(),
        reason,
    };
    let mut spec = helper(member, hand, "hold");
    let id = || Some(member.id.clone());
    let fault = match fault {
        Fault::Network(network) => {
            spec.network_of = id();
            spec.capabilities = names(&["NET_ADMIN", "NET_RAW"]);
            let members = engine.members(&hand.project).await?;
            let peers = peers(network, member, &members).map_err(unfit)?;
            lease::Fault::Network(network.towards(peers))
        }
        Fault::Freeze {} => {
            spec.processes_of = id();
            spec.capabilities = names(&["SYS_PTRACE"]);
            lease::Fault::Process(ProcessFault::Freeze {})
        }
        Fault::Burn { threads } => {
            spec.share_of = id();
            lease::Fault::Process(ProcessFault::CpuBurn { threads: *threads })
        }
        Fault::Leak { mib } => {
            spec.share_of = id();
            lease::Fault::Process(ProcessFault::MemoryHold { bytes: mib << 20 })
        }
        Fault::FillDisk {
            directory,
            leave_mib,
        } => {
            spec.processes_of = id();
            spec.capabilities = names(&["SYS_PTRACE", "DAC_OVERRIDE"]);
            lease::Fault::Process(ProcessFault::DiskFill {
                // A tmpfs is seen only by who sees the member's processes.
                directory: format!("/proc/1/root{directory}"),
                leave_bytes: leave_mib << 20,
            })
        }
        Fault::HoldConnections { port, count } => {
            spec.network_of = id();
            let own = member.addresses.values().next();
            let own = own.ok_or_else(|| unfit("it has no address".into()))?;
            lease::Fault::Process(ProcessFault::ConnectionsHold {
                address: SocketAddr::new((*own).into(), *port),
                count: *count,
            })
        }
        other => return Err(unfit(format!("no agent holds a {other}"))),
    };
    let order = Order {
        run: tag(&hand.project).map_err(unfit)?,
        slot: (hand.sequence % 100) as u8,
        lease_ms: u64::try_from((hand.hold + GRACE).as_millis()).unwrap_or(u64::MAX),
        seed: hand.sequence,
        fault,
    };
    Ok(Plan { spec, order })
}

impl Plan {
    /// What takes away whatever a killed agent leaves.
    pub(crate) fn undo(&self, member: &Member, hand: &Hand) -> UndoAction {
        // Only rules stay behind a killed agent; everything else goes with its process.
        let rules = matches!(self.order.fault, lease::Fault::Network(_));
        let sweep = rules.then(|| {
            let mut spec = helper(member, hand, "sweep");
            spec.command
                .extend(["--run".into(), String::from(self.order.run.clone())]);
            spec.network_of = Some(member.id.clone());
            spec.capabilities = names(&["NET_ADMIN", "NET_RAW"]);
            spec
        });
        UndoAction::Release {
            helper: self.spec.name.clone(),
            sweep: sweep.map(Box::new),
        }
    }
}

pub(super) fn helper(member: &Member, hand: &Hand, command: &str) -> HelperSpec {
    let (project, service, sequence) = (&hand.project, &member.service, hand.sequence);
    HelperSpec {
        name: format!("{project}-{command}-{sequence}-{service}"),
        image: hand.image.clone(),
        command: vec![command.to_owned()],
        project: project.clone(),
        network_of: None,
        processes_of: None,
        volumes_of: None,
        share_of: None,
        control_group_of: None,
        capabilities: vec![],
    }
}

pub(super) fn names(capabilities: &[&str]) -> Vec<String> {
    capabilities.iter().map(|name| (*name).to_owned()).collect()
}

/// The run's name, as far as it fits into the names of chains: its end tells runs apart.
fn tag(project: &str) -> Result<RunTag, String> {
    let run = project.trim_start_matches(engine::PROJECT_PREFIX);
    let from = run.len().saturating_sub(TAG);
    let end = run.get(from..).unwrap_or(run).trim_start_matches('-');
    RunTag::try_from(end.to_owned()).map_err(|error| error.to_string())
}

/// Every address of the members that are named, the member itself left out.
fn peers(network: &Network, member: &Member, members: &[Member]) -> Result<Vec<Net>, String> {
    let mut peers = vec![];
    for name in &network.to {
        let is = |other: &&Member| other.service == *name || other.component == *name;
        let mut found = members.iter().filter(is).peekable();
        if found.peek().is_none() {
            return Err(format!(
                "there is no member and no component {name:?} to be a peer"
            ));
        }
        let others = found.filter(|other| other.id != member.id);
        peers.extend(others.flat_map(|other| other.addresses.values().copied().map(Net::host)));
    }
    if peers.is_empty() && !network.to.is_empty() {
        return Err(format!("{} is only itself", network.to.join(", ")));
    }
    Ok(peers)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::fake::member;

    fn hand() -> Hand {
        Hand {
            project: "gameday-1124-102140-4194303".into(),
            image: "gameday/agent:1".into(),
            sequence: 7,
            hold: Duration::from_secs(5),
        }
    }

    fn network(to: &[&str]) -> Network {
        let to: Vec<String> = to.iter().map(|name| (*name).to_owned()).collect();
        Network {
            effect: lease::Effect::Partition {},
            to,
            ports: vec![],
            direction: lease::Direction::In,
            backend: None,
        }
    }

    fn at(name: &str, last: u8) -> Member {
        let mut member = member(name);
        member.addresses = [("data".to_owned(), Ipv4Addr::new(10, 0, 0, last))].into();
        member
    }

    #[test]
    fn peers_are_members_or_components_and_never_the_victim() {
        let all = [at("redis-1", 1), at("redis-2", 2), at("api-1", 3)];
        let of = |to: &[&str]| peers(&network(to), &all[0], &all).map(|peers| peers.len());
        assert_eq!(of(&["redis", "api-1"]), Ok(2));
        assert_eq!(of(&[]), Ok(0));
        assert!(of(&["redis-1"]).unwrap_err().contains("itself"));
        assert!(of(&["rediss"]).unwrap_err().contains("rediss"));
    }

    #[test]
    fn the_end_of_a_long_run_name_is_its_tag() {
        let tag = String::from(tag("gameday-1124-102140-4194303").unwrap());
        assert_eq!(tag, "24-102140-4194303");
        assert!(super::tag("gameday-").is_err());
    }

    #[test]
    fn a_swept_namespace_is_the_victims_and_nothing_else_is_joined() {
        let spec = helper(&at("api-1", 1), &hand(), "hold");
        let order = Order {
            run: tag(&hand().project).unwrap(),
            slot: 7,
            lease_ms: 1,
            seed: 7,
            fault: lease::Fault::Network(network(&[]).towards(vec![])),
        };
        let plan = Plan { spec, order };
        let UndoAction::Release {
            sweep: Some(sweep), ..
        } = plan.undo(&at("api-1", 1), &hand())
        else {
            panic!("rules must be swept");
        };
        assert_eq!(sweep.network_of.as_deref(), Some("c-api-1"));
        assert_eq!(sweep.processes_of, None);
        assert_eq!(sweep.command, ["sweep", "--run", "24-102140-4194303"]);
    }
}
