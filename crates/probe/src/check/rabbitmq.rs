//! RabbitMQ: the broker and all its peers run, its queues are fully replicated and drained.

use std::sync::Arc;

use base64::{Engine, prelude::BASE64_STANDARD};
use drill::{Component, Role};
use hyper::header::HeaderValue;
use serde::Deserialize;
use serde_json::Value;
use timeline::Watched;

use crate::{
    http::Http,
    look::{Check, Look, LookError, Reading},
    metrics::{self, Wanted, all},
    site::{Site, at},
};

const NODES: &str = "/api/nodes?columns=name,running,mem_alarm,disk_free_alarm,partitions";
/// Without the statistics the answer costs a sixth, and the totals are fresh.
const QUEUES: &str = "/api/queues?disable_stats=true&enable_queue_totals=true";
const METRICS: &str = "/metrics";
/// Lists the queues that this broker leads, from its own memory; a new leader is in it within 5 s.
const LED: &str = "/metrics/detailed?family=queue_coarse_metrics";

/// The ingest queue that the role is about.
const INGEST: &str = "vitals-0";

/// What services gave up waits here for a person: no backlog, however much it is.
const DEAD: &str = "dead-letters";

/// A queue with more messages that wait for a consumer is not drained. It is above what arrives between two
/// reports of a queue under full load.
const BACKLOG: u64 = 500;

/// The node's own counts since its start.
const COUNTERS: &[Wanted] = &[
    all("published", "rabbitmq_global_messages_received_total"),
    all("confirmed", "rabbitmq_global_messages_confirmed_total"),
    all("delivered", "rabbitmq_global_messages_delivered_total"),
    all("acked", "rabbitmq_global_messages_acknowledged_total"),
    // Whether rejected or delivered too often; counted where the queue's leader is, once the letter is safe.
    all(
        "dead_lettered",
        "rabbitmq_global_messages_dead_lettered_confirmed_total",
    ),
];

/// Looks at one broker.
pub(crate) struct Rabbitmq {
    management: Http,
    metrics: Http,
    node: String,
    brokers: usize,
}

impl Rabbitmq {
    pub(crate) fn new(site: Arc<Site>, member: &Watched) -> Self {
        let credentials = BASE64_STANDARD.encode(format!("gameday:{}", site.password));
        let mut authorization = HeaderValue::from_str(&format!("Basic {credentials}")).ok();
        if let Some(authorization) = &mut authorization {
            authorization.set_sensitive(true);
        }
        let management = at(member, site.ports.management);
        Self {
            management: Http::new(management).authorized(authorization),
            metrics: Http::new(at(member, site.ports.broker_metrics)),
            node: format!("rabbit@{}", member.name),
            brokers: site.count(Component::Rabbitmq),
        }
    }
}

/// What management gathers from all brokers.
async fn cluster(management: &mut Http) -> Result<(Vec<Node>, Vec<Queue>), LookError> {
    let nodes = management.get(NODES).await?.ok(NODES)?.json()?;
    // Through a value: a broker that has just come back is answered for with fields that stand twice.
    let queues: Vec<Value> = management.get(QUEUES).await?.ok(QUEUES)?.json()?;
    let queues = queues.into_iter().map(serde_json::from_value);
    let queues = queues.collect::<Result<_, _>>();
    Ok((nodes, queues.map_err(|error| management.unclear(error))?))
}

impl Check for Rabbitmq {
    async fn look(&mut self) -> Result<Look, LookError> {
        let error = match cluster(&mut self.management).await {
            Ok((nodes, queues)) => return Ok(read(&self.node, self.brokers, &nodes, &queues)),
            Err(error) => error,
        };
        // Management hangs while any broker is frozen; the others know their own part all the same.
        match self.metrics.get(LED).await {
            Ok(led) => Ok(read_led(led.text()?, &error)),
            Err(_) => Err(error),
        }
    }

    async fn counters(&mut self) -> Result<Vec<Reading>, LookError> {
        let answer = self.metrics.get(METRICS).await?.ok(METRICS)?;
        Ok(metrics::read(COUNTERS, answer.text()?))
    }
}

#[derive(Debug, Deserialize)]
struct Node {
    name: String,
    running: bool,
    #[serde(default)]
    mem_alarm: bool,
    #[serde(default)]
    disk_free_alarm: bool,
    #[serde(default)]
    partitions: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Queue {
    name: String,
    /// Of quorum queues only; empty while there is none.
    #[serde(default)]
    leader: String,
    #[serde(default)]
    members: Vec<String>,
    #[serde(default)]
    online: Vec<String>,
    #[serde(default)]
    messages_ready: u64,
}

fn read(own: &str, brokers: usize, nodes: &[Node], queues: &[Queue]) -> Look {
    let running = nodes.iter().filter(|node| node.running).count();
    let mut look = Look::new("running");
    look.require(running == brokers, || {
        format!("{running} of {brokers} brokers running")
    });
    match nodes.iter().find(|node| node.name == own) {
        Some(node) => {
            look.require(node.running, || "not running".into());
            look.require(!node.mem_alarm, || "memory alarm".into());
            look.require(!node.disk_free_alarm, || "disk alarm".into());
            look.require(node.partitions.is_empty(), || {
                format!("partitioned from {}", node.partitions.join(" and "))
            });
        }
        None => look.troubles.push(format!("knows no node {own}")),
    }
    for queue in queues {
        read_queue(own, queue, &mut look);
    }
    look
}

/// What a broker that leads the ingest queue says, while management does not answer.
fn read_led(text: &str, error: &LookError) -> Look {
    let leads = text
        .lines()
        .any(|line| !line.starts_with('#') && line.contains(&format!("queue=\"{INGEST}\"")));
    let mut look = Look::default();
    if leads {
        look.roles.push(Role::QueueLeader);
    }
    look.troubles.push(format!("management: {error}"));
    look
}

/// A queue's troubles are its leader's; those of a queue without leader are everybody's.
fn read_queue(own: &str, queue: &Queue, look: &mut Look) {
    let Queue { name, leader, .. } = queue;
    if leader == own && name == INGEST {
        look.roles.push(Role::QueueLeader);
        look.state += &format!(", leads {name}");
    }
    if leader == own && name == DEAD && queue.messages_ready > 0 {
        look.state += ", holds dead letters";
    }
    if leader != own && !leader.is_empty() {
        return;
    }
    look.require(queue.online.len() == queue.members.len(), || {
        let (online, members) = (queue.online.len(), queue.members.len());
        format!("queue {name} has {online} of {members} members online")
    });
    look.require(name == DEAD || queue.messages_ready <= BACKLOG, || {
        format!("queue {name} is not drained")
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLE_NODES: &str = include_str!("../../samples/rabbitmq-nodes.json");
    const SAMPLE_QUEUES: &str = include_str!("../../samples/rabbitmq-queues.json");

    fn look(own: &str, nodes: &str, queues: &str) -> Look {
        let nodes: Vec<Node> = serde_json::from_str(nodes).unwrap();
        let queues: Vec<Queue> = serde_json::from_str(queues).unwrap();
        read(own, 3, &nodes, &queues)
    }

    #[test]
    fn the_leader_of_the_ingest_queue_has_the_role() {
        let mut leaders = 0;
        for own in [
            "rabbit@rabbitmq-1",
            "rabbit@rabbitmq-2",
            "rabbit@rabbitmq-3",
        ] {
            let look = look(own, SAMPLE_NODES, SAMPLE_QUEUES);
            assert_eq!(look.troubles, [""; 0]);
            leaders += look.roles.len();
        }
        assert_eq!(leaders, 1);
    }

    #[test]
    fn a_missing_broker_is_everybodys_trouble_and_its_queue_the_leaders() {
        let own = "rabbit@rabbitmq-2";
        let nodes = SAMPLE_NODES.replacen("true", "false", 1);
        let queues = r#"[{"name":"vitals-0","leader":"rabbit@rabbitmq-2","members":["a","b","c"],
            "online":["b","c"],"messages_ready":501}]"#;
        assert_eq!(
            look(own, &nodes, queues).troubles,
            [
                "2 of 3 brokers running",
                "queue vitals-0 has 2 of 3 members online",
                "queue vitals-0 is not drained"
            ]
        );
        let follower = look("rabbit@rabbitmq-3", &nodes, queues);
        assert_eq!(follower.troubles, ["2 of 3 brokers running"]);
    }

    #[test]
    fn alarms_partitions_and_strangers_are_troubles() {
        let nodes = r#"[{"name":"a","running":true,"mem_alarm":true,"disk_free_alarm":true,
            "partitions":["b"]},{"name":"b","running":true},{"name":"c","running":true}]"#;
        assert_eq!(
            look("a", nodes, "[]").troubles,
            ["memory alarm", "disk alarm", "partitioned from b"]
        );
        assert_eq!(look("d", nodes, "[]").troubles, ["knows no node d"]);
    }

    #[test]
    fn without_management_the_leader_is_known_and_nobody_is_healthy() {
        let error = LookError::Silent { port: 15672 };
        let leader = "# TYPE x gauge\nx_ready{vhost=\"/\",queue=\"vitals-0\"} 0\n";
        assert_eq!(read_led(leader, &error).roles, [Role::QueueLeader]);
        let other = read_led("x_ready{vhost=\"/\",queue=\"vitals-01\"} 0\n", &error);
        assert!(other.roles.is_empty());
        assert_eq!(
            other.troubles,
            ["management: no answer on :15672 within 1 s"]
        );
    }

    #[test]
    fn a_field_may_stand_twice() {
        let queue = r#"{"name":"vitals-0","online":["a"],"online":["a","b"]}"#;
        let queue: Value = serde_json::from_str(queue).unwrap();
        let queue: Queue = serde_json::from_value(queue).unwrap();
        assert_eq!(queue.online, ["a", "b"]);
    }

    #[test]
    fn dead_letters_are_told_of_and_are_no_backlog() {
        let queues = r#"[{"name":"dead-letters","leader":"rabbit@rabbitmq-1","messages_ready":501},
            {"name":"vitals-0","leader":"rabbit@rabbitmq-1"}]"#;
        let leader = look("rabbit@rabbitmq-1", SAMPLE_NODES, queues);
        assert_eq!(leader.troubles, [""; 0]);
        assert_eq!(leader.state, "running, holds dead letters, leads vitals-0");
        let other = look("rabbit@rabbitmq-2", SAMPLE_NODES, queues);
        assert_eq!(other.state, "running");
    }

    #[test]
    fn a_queue_without_leader_is_everybodys_trouble() {
        let queues = r#"[{"name":"vitals-1","members":["a","b"],"online":["a"]}]"#;
        for own in ["rabbit@rabbitmq-1", "rabbit@rabbitmq-3"] {
            let look = look(own, SAMPLE_NODES, queues);
            assert_eq!(look.troubles, ["queue vitals-1 has 1 of 2 members online"]);
        }
    }
}
