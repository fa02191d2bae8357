//! Sentinel: sees the master up, knows all its peers, names the master that says it is one, and whether it
//! was elected to lead the last failover.

use std::{collections::BTreeMap, sync::Arc};

use drill::{Component, Role};
use redis::FromRedisValue;
use timeline::Watched;

use super::sentinel_votes::Votes;
use crate::{
    look::{Check, Look, LookError},
    resp::Resp,
    site::{Site, at},
};

/// Looks at one Sentinel.
pub(crate) struct Sentinel {
    server: Resp,
    site: Arc<Site>,
    votes: Votes,
}

impl Sentinel {
    pub(crate) fn new(site: Arc<Site>, member: &Watched) -> Self {
        Self {
            server: Resp::new(at(member, site.ports.sentinel)),
            site,
            votes: Votes::default(),
        }
    }

    async fn ask<T: FromRedisValue>(&mut self, words: &[&str]) -> Result<T, LookError> {
        let mut command = redis::cmd("SENTINEL");
        self.server.ask(command.arg(words)).await
    }
}

impl Check for Sentinel {
    async fn look(&mut self) -> Result<Look, LookError> {
        // Peers first: an epoch that is in force had its votes before.
        let own: String = self.ask(&["MYID"]).await?;
        let peers: Vec<Fields> = self.ask(&["SENTINELS", "gameday"]).await?;
        let master: Fields = self.ask(&["MASTER", "gameday"]).await?;
        let mut look = read_master(&master, &self.site);
        self.votes.count(&own, &peers);
        let only = self.site.count(Component::Sentinel) == 1;
        if self.votes.leads(&master, only) {
            look.roles.push(Role::SentinelLeader);
        }
        Ok(look)
    }
}

/// One of Sentinel's answers: fields by name.
pub(super) type Fields = BTreeMap<String, String>;

/// That every Sentinel names the one Redis that says it is the master makes all of them agree.
fn read_master(master: &Fields, site: &Site) -> Look {
    let field = |name: &str| master.get(name).map_or("", String::as_str);
    let mut redis = site.of(Component::Redis);
    let named = redis
        .find(|member| member.address == field("ip"))
        .map_or_else(|| field("ip").to_owned(), |member| member.name.clone());
    let mut look = Look::new(format!("watches {named}"));
    look.require(field("flags") == "master", || {
        format!("sees {named} as {}", field("flags"))
    });
    let peers = site.count(Component::Sentinel) - 1;
    look.require(field("num-other-sentinels") == peers.to_string(), || {
        format!("knows {} of {peers} peers", field("num-other-sentinels"))
    });
    let replicas = site.count(Component::Redis).saturating_sub(1);
    look.require(field("num-slaves") == replicas.to_string(), || {
        format!("knows {} of {replicas} replicas", field("num-slaves"))
    });
    let masters = site.players(Role::RedisMaster);
    look.require(masters == [named.as_str()], || {
        let masters = match masters.is_empty() {
            true => "nobody".to_owned(),
            false => masters.join(" and "),
        };
        format!("watches {named} while {masters} is master")
    });
    look
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::tests::site;
    use timeline::MemberHealth;

    const MASTER: &str = include_str!("../../samples/sentinel-master.txt");

    fn reply(address: &str) -> Fields {
        let mut lines = MASTER.lines();
        let mut fields = BTreeMap::new();
        while let (Some(name), Some(value)) = (lines.next(), lines.next()) {
            fields.insert(name.to_owned(), value.to_owned());
        }
        fields.insert("ip".into(), address.into());
        fields
    }

    /// Three Redis at 10.0.0.1 to .3, of which the first says that it is the master.
    fn three() -> Site {
        let site = site(&[
            "redis-1",
            "redis-2",
            "redis-3",
            "sentinel-1",
            "sentinel-2",
            "sentinel-3",
        ]);
        site.note(MemberHealth {
            member: "redis-1".into(),
            component: Component::Redis,
            healthy: true,
            answered: true,
            roles: vec![Role::RedisMaster],
            detail: String::new(),
        });
        site
    }

    #[test]
    fn it_must_name_the_master_that_says_it_is_one() {
        let site = three();
        let look = read_master(&reply("10.0.0.1"), &site);
        assert_eq!(look.troubles, [""; 0]);
        assert_eq!(look.state, "watches redis-1");
        let look = read_master(&reply("10.0.0.2"), &site);
        assert_eq!(look.troubles, ["watches redis-2 while redis-1 is master"]);
    }

    #[test]
    fn it_must_see_the_master_up_and_know_everybody() {
        let mut master = reply("10.0.0.1");
        master.insert("flags".into(), "s_down,master".into());
        master.insert("num-other-sentinels".into(), "1".into());
        master.remove("num-slaves");
        let look = read_master(&master, &three());
        assert_eq!(
            look.troubles,
            [
                "sees redis-1 as s_down,master",
                "knows 1 of 2 peers",
                "knows  of 2 replicas"
            ]
        );
    }
}
