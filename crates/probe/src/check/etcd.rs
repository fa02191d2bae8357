//! etcd: healthy by its own word, with a leader, and whether it is that leader.

use std::sync::Arc;

use bytes::Bytes;
use drill::Role;
use hyper::Method;
use serde::Deserialize;
use timeline::Watched;

use crate::{
    http::{Answer, Http},
    look::{Check, Look, LookError, Reading},
    site::{Site, at},
};

const STATUS: &str = "/v3/maintenance/status";

/// Looks at one member of the consensus store.
pub(crate) struct Etcd {
    health: Http,
    status: Http,
    applied: Option<f64>,
}

impl Etcd {
    pub(crate) fn new(site: Arc<Site>, member: &Watched) -> Self {
        let address = at(member, site.ports.etcd);
        Self {
            health: Http::new(address),
            status: Http::new(address),
            applied: None,
        }
    }
}

impl Check for Etcd {
    async fn look(&mut self) -> Result<Look, LookError> {
        // `/health` commits a read through the cluster: without a quorum it fails or hangs.
        let (health, status) = tokio::join!(
            self.health.get("/health"),
            self.status
                .ask(Method::POST, STATUS, Bytes::from_static(b"{}"))
        );
        let status: Status = status?.ok(STATUS)?.json()?;
        self.applied = status.applied.parse().ok();
        Ok(read(&status, &health?))
    }

    async fn counters(&mut self) -> Result<Vec<Reading>, LookError> {
        let applied = self.applied.take();
        Ok(applied
            .map(|n| ("proposals".into(), n))
            .into_iter()
            .collect())
    }
}

/// The part of the status that is needed. 64-bit numbers come as text.
#[derive(Debug, Deserialize)]
struct Status {
    header: Header,
    /// Absent while there is none.
    #[serde(default)]
    leader: String,
    #[serde(default, rename = "raftAppliedIndex")]
    applied: String,
    #[serde(default)]
    errors: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Header {
    member_id: String,
}

#[derive(Debug, Deserialize)]
struct Health {
    health: String,
    #[serde(default)]
    reason: String,
}

fn read(status: &Status, health: &Answer) -> Look {
    let health = health.json().unwrap_or_else(|error| Health {
        health: String::new(),
        reason: error.to_string(),
    });
    judge(status, &health)
}

fn judge(status: &Status, health: &Health) -> Look {
    let leads = status.leader == status.header.member_id;
    let mut look = Look::new(if leads { "leader" } else { "follower" });
    if leads {
        look.roles.push(Role::EtcdLeader);
    }
    look.require(health.health == "true", || {
        format!("not healthy: {}", health.reason)
    });
    look.require(!matches!(status.leader.as_str(), "" | "0"), || {
        "knows no leader".into()
    });
    look.require(status.errors.is_empty(), || status.errors.join(", "));
    look
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEADER: &str = include_str!("../../samples/etcd-leader.json");
    const FOLLOWER: &str = include_str!("../../samples/etcd-follower.json");
    const WELL: &str = r#"{"health":"true","reason":""}"#;

    fn look(status: &str, health: &str) -> Look {
        judge(
            &serde_json::from_str(status).unwrap(),
            &serde_json::from_str(health).unwrap(),
        )
    }

    #[test]
    fn the_member_whose_id_is_the_leaders_leads() {
        assert_eq!(look(LEADER, WELL).roles, [Role::EtcdLeader]);
        let follower = look(FOLLOWER, WELL);
        assert!(follower.roles.is_empty());
        assert_eq!(follower.troubles, [""; 0]);
    }

    #[test]
    fn without_leader_or_health_it_is_not_well() {
        let alone = r#"{"header":{"member_id":"1"},"errors":["etcdserver: no leader"]}"#;
        let look = look(alone, r#"{"health":"false","reason":"RAFT NO LEADER"}"#);
        assert!(look.roles.is_empty());
        assert_eq!(
            look.troubles,
            [
                "not healthy: RAFT NO LEADER",
                "knows no leader",
                "etcdserver: no leader"
            ]
        );
    }
}
