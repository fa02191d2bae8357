//! Postgres: what Patroni says of its member, and whether replication is as redundant as it must be.

use std::sync::Arc;

use drill::{Component, Role};
use serde::Deserialize;
use timeline::Watched;

use super::{postgres_counters::Counters, postgres_standbys::Standbys};
use crate::{
    http::Http,
    look::{Check, Look, LookError, Reading},
    site::{Site, at},
};

/// The same question that HAProxy asks before it sends reads: 200 when this is a replica with at most that
/// lag. Every member answers it with its full status.
const STATUS: &str = "/replica?lag=16MB";

/// What a primary has written to its log: two members whose logs grow at the same time are two primaries.
const WAL_WRITTEN: &str = "wal_written";

/// Looks at one Postgres through its Patroni.
pub(crate) struct Postgres {
    patroni: Http,
    counters: Counters,
    standbys: Standbys,
    /// Members of the cluster apart from this one.
    others: usize,
}

impl Postgres {
    pub(crate) fn new(site: Arc<Site>, member: &Watched) -> Self {
        Self {
            patroni: Http::new(at(member, site.ports.patroni)),
            counters: Counters::new(at(member, site.ports.postgres), &site.password),
            others: site.count(Component::Postgres) - 1,
            standbys: Standbys::new(site, member),
        }
    }
}

impl Check for Postgres {
    async fn look(&mut self) -> Result<Look, LookError> {
        let (answer, furthest) =
            tokio::join!(self.patroni.get(STATUS), self.standbys.is_furthest());
        let answer = answer?;
        let within_lag = answer.status.is_success();
        let mut look = read_status(&answer.json()?, within_lag, self.others);
        if furthest && look.roles.contains(&Role::PostgresReplica) {
            look.roles.push(Role::PostgresFurthestReplica);
        }
        Ok(look)
    }

    async fn counters(&mut self) -> Result<Vec<Reading>, LookError> {
        self.counters.read().await
    }
}

/// The part of Patroni's status that is needed.
#[derive(Debug, Deserialize)]
struct Status {
    state: String,
    #[serde(default)]
    role: String,
    xlog: Option<Xlog>,
    /// Of a replica: how it gets the primary's changes.
    replication_state: Option<String>,
    /// Of a replica: whether each commit waits for it, under `synchronous_mode: on`.
    #[serde(default)]
    sync_standby: bool,
    /// Of a replica: whether it is one of those whom a commit may wait for, under `synchronous_mode: quorum`.
    #[serde(default)]
    quorum_standby: bool,
    /// Of a primary: who streams from it.
    #[serde(default)]
    replication: Vec<Standby>,
}

#[derive(Debug, Deserialize)]
struct Xlog {
    /// Of a primary: the end of what it has written, in bytes.
    location: Option<u64>,
}

#[derive(Debug, Deserialize)]
struct Standby {
    state: String,
    sync_state: String,
}

fn read_status(status: &Status, within_lag: bool, others: usize) -> Look {
    if status.state != "running" {
        let mut look = Look::default();
        look.troubles
            .push(format!("{} is {}", status.role, status.state));
        return look;
    }
    match status.role.as_str() {
        "primary" | "master" => read_primary(status, others),
        "replica" => read_replica(status, within_lag),
        role => {
            let mut look = Look::default();
            look.troubles.push(format!("has the role {role:?}"));
            look
        }
    }
}

fn read_primary(status: &Status, others: usize) -> Look {
    let streaming = |standby: &&Standby| standby.state == "streaming";
    let replicas = status.replication.iter().filter(streaming).count();
    let synchronous = status
        .replication
        .iter()
        .any(|standby| matches!(standby.sync_state.as_str(), "sync" | "quorum"));
    let mut look = Look::new(format!("primary of {replicas} streaming replicas"));
    look.roles.push(Role::PostgresPrimary);
    let written = status.xlog.as_ref().and_then(|xlog| xlog.location);
    look.readings
        .extend(written.map(|bytes| (WAL_WRITTEN.into(), bytes as f64)));
    look.require(replicas == others, || {
        format!("primary with {replicas} of {others} replicas streaming")
    });
    look.require(synchronous || others < 2, || {
        "no replica is synchronous".into()
    });
    look
}

fn read_replica(status: &Status, within_lag: bool) -> Look {
    let streams = status.replication_state.as_deref() == Some("streaming");
    let mut look = Look::new("replica, streaming");
    if streams {
        look.roles.push(Role::PostgresReplica);
        if status.sync_standby || status.quorum_standby {
            look.roles.push(Role::PostgresSyncReplica);
        }
    }
    look.require(streams, || {
        let state = status.replication_state.as_deref();
        let state = state.map(|state| format!(": {state}")).unwrap_or_default();
        format!("replica that does not stream{state}")
    });
    look.require(within_lag || !streams, || {
        "replica that lags or takes no reads".into()
    });
    look
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRIMARY: &str = include_str!("../../samples/patroni-primary.json");
    const REPLICA: &str = include_str!("../../samples/patroni-replica.json");

    fn read(text: &str, within_lag: bool, others: usize) -> Look {
        read_status(&serde_json::from_str(text).unwrap(), within_lag, others)
    }

    #[test]
    fn a_primary_needs_every_replica_and_a_synchronous_one() {
        let look = read(PRIMARY, false, 2);
        assert_eq!(look.roles, [Role::PostgresPrimary]);
        assert_eq!(look.troubles, [""; 0]);
        let look = read(PRIMARY, false, 3);
        assert_eq!(look.roles, [Role::PostgresPrimary]);
        assert_eq!(look.troubles, ["primary with 2 of 3 replicas streaming"]);
        let look = read(&PRIMARY.replace("quorum", "async"), false, 2);
        assert_eq!(look.troubles, ["no replica is synchronous"]);
    }

    #[test]
    fn a_replica_must_stream_within_the_lag() {
        let look = read(REPLICA, true, 2);
        assert!(look.roles.contains(&Role::PostgresReplica));
        assert_eq!(look.troubles, [""; 0]);
        let look = read(REPLICA, false, 2);
        assert_eq!(look.troubles, ["replica that lags or takes no reads"]);
        let look = read(
            &REPLICA.replace("streaming", "in archive recovery"),
            true,
            2,
        );
        assert!(look.roles.is_empty());
        assert_eq!(
            look.troubles,
            ["replica that does not stream: in archive recovery"]
        );
    }

    #[test]
    fn a_commit_waits_for_a_synchronous_replica_of_either_mode() {
        let both = [Role::PostgresReplica, Role::PostgresSyncReplica];
        assert_eq!(read(REPLICA, true, 2).roles, both);
        let one = REPLICA.replace("quorum_standby", "sync_standby");
        assert_eq!(read(&one, true, 2).roles, both);
        let none = REPLICA.replace("\"quorum_standby\": true, ", "");
        assert_eq!(read(&none, true, 2).roles, [Role::PostgresReplica]);
        let cut = REPLICA.replace("streaming", "in archive recovery");
        assert!(read(&cut, true, 2).roles.is_empty());
    }

    #[test]
    fn what_does_not_run_plays_no_role() {
        let look = read(&PRIMARY.replace("running", "stopped"), false, 2);
        assert!(look.roles.is_empty());
        assert_eq!(look.troubles, ["primary is stopped"]);
        let look = read(r#"{"state":"running","role":"standby_leader"}"#, true, 2);
        assert_eq!(look.troubles, ["has the role \"standby_leader\""]);
        assert!(serde_json::from_str::<Status>("{}").is_err());
    }
}
