//! Redis: master with all its replicas, or replica in step with its master.

use std::{collections::BTreeMap, sync::Arc};

use drill::{Component, Role};
use timeline::Watched;

use crate::{
    look::{Check, Look, LookError, Reading},
    resp::Resp,
    site::{Site, at},
};

/// Looks at one Redis.
pub(crate) struct Redis {
    server: Resp,
    /// Redis members apart from this one.
    others: usize,
}

impl Redis {
    pub(crate) fn new(site: Arc<Site>, member: &Watched) -> Self {
        Self {
            server: Resp::new(at(member, site.ports.redis)),
            others: site.count(Component::Redis) - 1,
        }
    }
}

impl Check for Redis {
    async fn look(&mut self) -> Result<Look, LookError> {
        let mut command = redis::cmd("INFO");
        let info: String = self.server.ask(command.arg("replication")).await?;
        Ok(read_replication(&fields(&info), self.others))
    }

    async fn counters(&mut self) -> Result<Vec<Reading>, LookError> {
        let mut command = redis::cmd("INFO");
        let info: String = self.server.ask(command.arg("stats")).await?;
        Ok(read_counters(&fields(&info)))
    }
}

fn fields(info: &str) -> BTreeMap<&str, &str> {
    info.lines()
        .filter_map(|line| line.split_once(':'))
        .collect()
}

fn read_replication(info: &BTreeMap<&str, &str>, others: usize) -> Look {
    let field = |name: &str| info.get(name).copied().unwrap_or_default();
    match field("role") {
        "master" => {
            let replicas = info.iter().filter(|(name, about)| {
                name.strip_prefix("slave")
                    .is_some_and(|number| number.parse::<usize>().is_ok())
                    && about.contains("state=online")
            });
            let replicas = replicas.count();
            let mut look = Look::new(format!("master of {replicas} replicas"));
            look.roles.push(Role::RedisMaster);
            look.require(replicas == others, || {
                format!("master with {replicas} of {others} replicas online")
            });
            look
        }
        "slave" => {
            let link = field("master_link_status");
            let syncs = field("master_sync_in_progress") == "1";
            let mut look = Look::new(format!("replica of {}", field("master_host")));
            look.require(link == "up", || format!("replica whose link is {link}"));
            look.require(!syncs, || "replica that still loads a full copy".into());
            look
        }
        role => {
            let mut look = Look::default();
            look.troubles.push(format!("has the role {role:?}"));
            look
        }
    }
}

fn read_counters(info: &BTreeMap<&str, &str>) -> Vec<Reading> {
    [
        ("cache_hits", "keyspace_hits"),
        ("cache_misses", "keyspace_misses"),
        ("commands", "total_commands_processed"),
    ]
    .into_iter()
    .filter_map(|(counter, field)| Some((counter.into(), info.get(field)?.parse().ok()?)))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASTER: &str = include_str!("../../samples/redis-master.txt");
    const REPLICA: &str = include_str!("../../samples/redis-replica.txt");
    const STATS: &str = include_str!("../../samples/redis-stats.txt");

    #[test]
    fn a_master_needs_every_replica_online() {
        let look = read_replication(&fields(MASTER), 2);
        assert_eq!(look.roles, [Role::RedisMaster]);
        assert_eq!(look.troubles, [""; 0]);
        let one_syncs = MASTER.replacen("state=online", "state=wait_bgsave", 1);
        let look = read_replication(&fields(&one_syncs), 2);
        assert_eq!(look.troubles, ["master with 1 of 2 replicas online"]);
    }

    #[test]
    fn a_replica_needs_its_link() {
        let look = read_replication(&fields(REPLICA), 2);
        assert!(look.roles.is_empty());
        assert_eq!(look.troubles, [""; 0]);
        let cut = REPLICA.replace("master_link_status:up", "master_link_status:down");
        let look = read_replication(&fields(&cut), 2);
        assert_eq!(look.troubles, ["replica whose link is down"]);
        assert_eq!(
            read_replication(&fields("nothing"), 2).troubles,
            ["has the role \"\""]
        );
    }

    #[test]
    fn counters_are_read_by_name() {
        let readings = read_counters(&fields(STATS));
        let names: Vec<_> = readings.iter().map(|(name, _)| name.as_ref()).collect();
        assert_eq!(names, ["cache_hits", "cache_misses", "commands"]);
        assert!(read_counters(&fields("keyspace_hits:many")).is_empty());
    }
}
