//! What is done to a target.

mod load;
mod network;
mod node;
mod state;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::Component;

pub use load::{Flood, Pressure, Surge};
pub use network::Network;
pub use node::Rolling;
pub use state::{Mode, Names, ProcessSignal, Resource};

/// Signals that a kill may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Signal {
    /// Can't be caught: the crash.
    #[default]
    Kill,
    /// Asks politely.
    Term,
    /// As Ctrl-C would.
    Int,
    /// Quit, with a core where one is configured.
    Quit,
}

impl Signal {
    /// The name as the engine takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kill => "KILL",
            Self::Term => "TERM",
            Self::Int => "INT",
            Self::Quit => "QUIT",
        }
    }
}

/// A fault, as a value. In a drill file: `fault.kill = {}`, `fault.stop = { grace = "5s" }`,
/// `fault.cpu = { cores = 0.05 }`, `fault.cut = { network = "data" }`, and so on: one line per variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Fault {
    /// The main process is sent a signal; the container is started again when the episode heals.
    Kill {
        /// KILL unless said otherwise.
        #[serde(default)]
        signal: Signal,
    },
    /// The container is stopped in order, then killed after the grace; started again on healing.
    Stop {
        /// Time between the stop signal and the kill.
        #[serde(default = "default_grace", with = "humantime_serde")]
        grace: Duration,
    },
    /// The container is killed and started again at once.
    Restart {},
    /// The container is removed, and another is made in its place: same name, addresses, limits and named volumes, but
    /// nothing else that it had written.
    Recreate {},
    /// The members are stopped in order and started, one after another, each only when all of them are ready.
    RollingRestart(Rolling),
    /// Every process of the container is frozen; connects still succeed, answers never come.
    Pause {},
    /// Every process of that name inside the container is sent a signal; the container's main process may be another.
    Process {
        /// One name, or several whose processes are sent it together.
        name: Names,
        /// KILL unless said otherwise. What is stopped goes on when the episode heals; what is killed is for its
        /// supervisor to start again.
        #[serde(default)]
        signal: ProcessSignal,
    },
    /// The container gets at most so much processor time.
    Cpu {
        /// Cores, 0.01 to 64.
        cores: f64,
    },
    /// The container gets at most so much memory; the kernel kills what asks for more.
    Memory {
        /// MiB, at least 6.
        at_most_mib: u64,
    },
    /// The container is taken off a network; it comes back with the same address and names.
    Cut {
        /// `edge`, `app` or `data`.
        network: String,
    },
    /// Packets to or from the container are delayed, lost, spoilt or refused.
    Network(Network),
    /// Every thread of the container stands still, for as long as somebody holds it: as `pause`, but it can't outlive its
    /// holder.
    Freeze {},
    /// Threads that do nothing but use the processor, within the container's own share.
    Burn {
        /// How many, at least 1.
        threads: u16,
    },
    /// Memory that is allocated and touched, within the container's own share: up to its limit, and the kernel decides
    /// who dies.
    Leak {
        /// MiB, at least 1.
        mib: u64,
    },
    /// A volume of the container is filled.
    FillDisk {
        /// A directory of the volume, such as `/var/lib/postgresql`. It must be limited in size: a tmpfs.
        directory: String,
        /// MiB that are left.
        leave_mib: u64,
    },
    /// The disk under a volume of the container takes few writes. What is not synced does not notice; a database does.
    SlowDisk {
        /// A directory of the volume, such as `/var/lib/postgresql`. It must be on a disk.
        directory: String,
        /// How many, 2 to 10000.
        writes_per_s: u32,
    },
    /// Connections that are opened and held, and never used.
    HoldConnections {
        /// The port of the container.
        port: u16,
        /// How many, at least 1.
        count: u32,
    },
    /// Redis: every key is gone at once.
    FlushCache {},
    /// Sentinel: another Redis is made the master.
    FailOver {},
    /// Postgres: a table is locked against everybody.
    Lock {
        /// The table.
        table: String,
    },
    /// Postgres: a transaction stays open, so that nothing that it may see can be cleaned up.
    Transaction {},
    /// Postgres: a replica receives, but does not apply.
    ReplicaLag {},
    /// RabbitMQ: the broker thinks that a resource has run out, and blocks whoever publishes.
    Alarm {
        /// Which.
        resource: Resource,
    },
    /// RabbitMQ: another broker is made the leader of a quorum queue.
    MoveLeader {
        /// The queue, such as `vitals-0`.
        queue: String,
    },
    /// The third party has a bad day.
    ThirdParty {
        /// What it does with a page.
        mode: Mode,
    },
    /// The wall clock of one of our own services is wrong, and nothing else of its container.
    ClockOffset {
        /// By how many milliseconds it is ahead, negative when it is behind; not 0, and a day at most.
        by_ms: i64,
    },
    /// More users than the curve says.
    Surge(Surge),
    /// Abusers who hammer the entrance.
    Flood(Flood),
}

fn default_grace() -> Duration {
    Duration::from_secs(5)
}

impl Fault {
    /// Every name in drill files, in the order in which lists show them.
    pub const NAMES: [&str; 28] = [
        "kill",
        "stop",
        "restart",
        "recreate",
        "rolling-restart",
        "pause",
        "process",
        "freeze",
        "cpu",
        "memory",
        "burn",
        "leak",
        "fill-disk",
        "slow-disk",
        "hold-connections",
        "network",
        "cut",
        "flush-cache",
        "fail-over",
        "lock",
        "transaction",
        "replica-lag",
        "alarm",
        "move-leader",
        "third-party",
        "clock-offset",
        "surge",
        "flood",
    ];

    /// The word in drill files and reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Kill { .. } => "kill",
            Self::Stop { .. } => "stop",
            Self::Restart {} => "restart",
            Self::Recreate {} => "recreate",
            Self::RollingRestart(_) => "rolling-restart",
            Self::Pause {} => "pause",
            Self::Process { .. } => "process",
            Self::Cpu { .. } => "cpu",
            Self::Memory { .. } => "memory",
            Self::Cut { .. } => "cut",
            Self::Network(network) => network.effect.name(),
            Self::Freeze {} => "freeze",
            Self::Burn { .. } => "burn",
            Self::Leak { .. } => "leak",
            Self::FillDisk { .. } => "fill-disk",
            Self::SlowDisk { .. } => "slow-disk",
            Self::HoldConnections { .. } => "hold-connections",
            Self::FlushCache {} => "flush-cache",
            Self::FailOver {} => "fail-over",
            Self::Lock { .. } => "lock",
            Self::Transaction {} => "transaction",
            Self::ReplicaLag {} => "replica-lag",
            Self::Alarm { .. } => "alarm",
            Self::MoveLeader { .. } => "move-leader",
            Self::ThirdParty { .. } => "third-party",
            Self::ClockOffset { .. } => "clock-offset",
            Self::Surge(_) => "surge",
            Self::Flood(_) => "flood",
        }
    }

    /// What it asks of the load generator, where it comes with the load and touches no member.
    pub fn pressure(&self) -> Option<Pressure> {
        match self {
            Self::Surge(surge) => Some(Pressure::Surge(*surge)),
            Self::Flood(flood) => Some(Pressure::Flood(*flood)),
            _ => None,
        }
    }

    /// Why it can't be done to a component, in words that complete the fault's name.
    pub(crate) fn unfit_for(&self, component: Component) -> Option<String> {
        let ours = [
            Component::Api,
            Component::Ws,
            Component::Gateway,
            Component::Worker,
            Component::Pager,
        ];
        let fit = match (self, self.only_for()) {
            (Self::ClockOffset { .. }, _) => ours.contains(&component),
            (_, only) => only.is_none_or(|only| only == component),
        };
        let fitting = self.only_for().map_or_else(
            || ours.map(Component::name).join(", "),
            |only| only.name().to_owned(),
        );
        (!fit).then(|| format!("is for {fitting}, and the target is {component}"))
    }

    /// The only component that it can be done to; none where it can be done to any.
    pub fn only_for(&self) -> Option<Component> {
        match self {
            Self::FlushCache {} => Some(Component::Redis),
            Self::FailOver {} => Some(Component::Sentinel),
            Self::Lock { .. } | Self::Transaction {} | Self::ReplicaLag {} => {
                Some(Component::Postgres)
            }
            Self::Alarm { .. } | Self::MoveLeader { .. } => Some(Component::Rabbitmq),
            Self::ThirdParty { .. } => Some(Component::Pager),
            // Through the entrance.
            Self::Surge(_) | Self::Flood(_) => Some(Component::Haproxy),
            _ => None,
        }
    }

    /// What is wrong with its values, in words that complete "fault: ".
    pub(crate) fn mistake(&self) -> Option<String> {
        match self {
            Self::Cpu { cores } if !(0.01..=64.0).contains(cores) => {
                Some(format!("cpu: {cores} cores are not within 0.01 to 64"))
            }
            Self::Memory { at_most_mib } if *at_most_mib < 6 => Some(format!(
                "memory: {at_most_mib} MiB are below the 6 MiB that the engine demands"
            )),
            Self::Cut { network } if !NETWORKS.contains(&network.as_str()) => Some(format!(
                "cut: no network {network:?}; there are {}",
                NETWORKS.join(", ")
            )),
            Self::Network(network) => network.mistake(),
            Self::RollingRestart(rolling) => rolling.mistake(),
            Self::Burn { threads: 0 } => Some("burn: 0 threads burn nothing".into()),
            Self::Leak { mib: 0 } => Some("leak: 0 MiB leak nothing".into()),
            Self::HoldConnections { count: 0, .. } => {
                Some("hold-connections: 0 connections hold nothing".into())
            }
            Self::SlowDisk { writes_per_s, .. } if !(2..=10_000).contains(writes_per_s) => Some(
                format!("slow-disk: {writes_per_s} writes a second are not within 2 to 10000"),
            ),
            Self::SlowDisk { directory, .. } if !directory.starts_with('/') => {
                Some(format!("slow-disk: {directory:?} is not an absolute path"))
            }
            Self::FillDisk { directory, .. } if !directory.starts_with('/') => {
                Some(format!("fill-disk: {directory:?} is not an absolute path"))
            }
            Self::ClockOffset { by_ms }
                if *by_ms == 0 || by_ms.unsigned_abs() > LONGEST_OFFSET_MS =>
            {
                Some(format!(
                    "clock-offset: {by_ms} ms is not within a day, or is no offset"
                ))
            }
            Self::Lock { table } if !is_word(table) => {
                Some(format!("lock: {table:?} is not the name of a table"))
            }
            Self::MoveLeader { queue } if !is_word(queue) => {
                Some(format!("move-leader: {queue:?} is not the name of a queue"))
            }
            Self::Process { name, .. } => {
                name.mistake().map(|mistake| format!("process: {mistake}"))
            }
            _ => self.pressure().and_then(Pressure::mistake),
        }
    }
}

/// The networks of every topology.
const NETWORKS: [&str; 3] = ["edge", "app", "data"];

/// A day.
const LONGEST_OFFSET_MS: u64 = 86_400_000;

/// These words become part of a command.
fn is_word(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !text.is_empty() && text.chars().all(allowed)
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Process { name, signal } => f.pad(&format!("{} {name}", signal.verb())),
            Self::Cpu { cores } => f.pad(&format!("cpu {cores}")),
            Self::Memory { at_most_mib } => f.pad(&format!("memory {at_most_mib} MiB")),
            Self::SlowDisk { writes_per_s, .. } => f.pad(&format!("slow disk {writes_per_s}/s")),
            Self::Cut { network } => f.pad(&format!("cut {network}")),
            Self::Network(network) => f.pad(&network.to_string()),
            Self::Lock { table } => f.pad(&format!("lock {table}")),
            Self::MoveLeader { queue } => f.pad(&format!("move leader of {queue}")),
            Self::Alarm { resource } => f.pad(&format!("{} alarm", resource.name())),
            Self::ThirdParty { mode } => f.pad(&format!("third party {}", mode.name())),
            Self::ClockOffset { by_ms } => f.pad(&format!("clock off by {by_ms} ms")),
            other => match other.pressure() {
                Some(pressure) => pressure.fmt(f),
                None => f.pad(other.name()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> Result<Fault, toml::de::Error> {
        toml::from_str(text)
    }

    #[test]
    fn each_fault_is_one_line_and_comes_back_as_it_was() {
        for line in [
            "kill = {}",
            "stop = { grace = '5s' }",
            "restart = {}",
            "recreate = {}",
            "rolling-restart = { pause = '2s', grace = '5s' }",
            "pause = {}",
            "process = { name = 'postgres', signal = 'STOP' }",
            "process = { name = ['patroni', 'postgres'] }",
            "cpu = { cores = 0.05 }",
            "memory = { at_most_mib = 64 }",
            "cut = { network = 'data' }",
            "network = { effect = { delay = { latency = '50ms', jitter = '5ms' } }, to = ['postgres'], ports = ['5432'] }",
            "network = { effect = { partition = {} }, direction = 'both', backend = 'rules' }",
            "freeze = {}",
            "burn = { threads = 4 }",
            "leak = { mib = 64 }",
            "fill-disk = { directory = '/var/lib/redis', leave_mib = 1 }",
            "slow-disk = { directory = '/var/lib/postgresql', writes_per_s = 20 }",
            "hold-connections = { port = 5432, count = 100 }",
            "flush-cache = {}",
            "fail-over = {}",
            "lock = { table = 'patients' }",
            "transaction = {}",
            "replica-lag = {}",
            "alarm = { resource = 'memory' }",
            "move-leader = { queue = 'vitals-0' }",
            "third-party = { mode = 'hanging' }",
            "clock-offset = { by_ms = -90000 }",
            "surge = { users = 1000 }",
            "flood = { requests_per_s = 500, clients = 3 }",
        ] {
            let read = fault(line).unwrap();
            assert_eq!(read.mistake(), None, "{line}");
            assert!(line.contains(read.name()), "{line}");
            let again = toml::to_string(&read).unwrap();
            assert_eq!(fault(&again).unwrap(), read, "{line}");
        }
    }

    #[test]
    fn values_out_of_range_are_mistakes_that_name_the_range() {
        for (line, expected) in [
            ("cpu = { cores = 0.0 }", "0.01 to 64"),
            ("memory = { at_most_mib = 5 }", "6 MiB"),
            ("cut = { network = 'dmz' }", "edge, app, data"),
            (
                "network = { effect = { loss = { percent = 101 } } }",
                "101 %",
            ),
            (
                "network = { effect = { loss = { percent = 1 } }, to = [''] }",
                "''",
            ),
            ("burn = { threads = 0 }", "0 threads"),
            ("clock-offset = { by_ms = 0 }", "no offset"),
            ("clock-offset = { by_ms = -86400001 }", "within a day"),
            ("rolling-restart = { grace = '21s' }", "above 20 s"),
            ("rolling-restart = { pause = '2h' }", "above 3600 s"),
            ("fill-disk = { directory = 'x', leave_mib = 1 }", "absolute"),
            (
                "slow-disk = { directory = 'x', writes_per_s = 9 }",
                "absolute",
            ),
            (
                "slow-disk = { directory = '/x', writes_per_s = 1 }",
                "2 to 10000",
            ),
            ("lock = { table = 'a; drop' }", "name of a table"),
            ("move-leader = { queue = 'a\">>' }", "name of a queue"),
            ("process = { name = '$(reboot)' }", "letters"),
            ("process = { name = 'a-name-of-16-char' }", "15"),
            ("process = { name = ['postgres', 'a;b'] }", "letters"),
            ("process = { name = [] }", "no name"),
        ] {
            let mistake = fault(line).unwrap().mistake().unwrap();
            assert!(mistake.contains(expected), "{mistake}");
        }
    }

    #[test]
    fn unknown_faults_and_fields_do_not_parse() {
        for line in [
            "melt = {}",
            "kill = { sig = 'KILL' }",
            "alarm = { resource = 'soul' }",
            "third-party = { mode = 'ok' }",
        ] {
            assert!(fault(line).is_err(), "{line}");
        }
    }
}
