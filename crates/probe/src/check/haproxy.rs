//! HAProxy: sees every server up, and whether it holds the virtual address.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    sync::Arc,
};

use drill::{Component, Role};
use timeline::Watched;

use crate::{
    http::{Answer, Http},
    look::{Check, Look, LookError, Reading},
    site::{Site, at},
};

const STATISTICS: &str = "/stats;csv";
const WHO: &str = "/whoami";

/// The frontend that clients reach.
const EDGE: &str = "edge";
/// Of its servers exactly one is up: the one that is the primary.
const PRIMARY: &str = "postgres-primary";
/// Of its servers all but one are up: the replicas.
const REPLICAS: &str = "postgres-replicas";

/// Looks at one load balancer.
pub(crate) struct Haproxy {
    statistics: Http,
    vip: Http,
    name: String,
    site: Arc<Site>,
}

impl Haproxy {
    pub(crate) fn new(site: Arc<Site>, member: &Watched) -> Self {
        let port = site.ports.haproxy;
        Self {
            statistics: Http::new(at(member, port)),
            vip: Http::new(SocketAddr::from((site.vip, port))),
            name: member.name.clone(),
            site,
        }
    }
}

impl Check for Haproxy {
    async fn look(&mut self) -> Result<Look, LookError> {
        // A kept connection to the virtual address would keep asking the holder that it was made to.
        let (statistics, holder) =
            tokio::join!(self.statistics.get(STATISTICS), self.vip.get_afresh(WHO));
        let statistics = statistics?.ok(STATISTICS)?;
        let table = Table::new(statistics.text()?);
        let mut look = read_servers(&table, &self.site);
        // At each look: how much comes in is known to the second.
        look.readings.extend(read_entrance(&table));
        read_holder(holder, &self.name, &self.site, &mut look);
        Ok(look)
    }

    async fn counters(&mut self) -> Result<Vec<Reading>, LookError> {
        let statistics = self.statistics.get(STATISTICS).await?.ok(STATISTICS)?;
        Ok(read_counters(&Table::new(statistics.text()?)))
    }
}

/// Notes the role, or that nobody answers who should.
fn read_holder(answer: Result<Answer, LookError>, name: &str, site: &Site, look: &mut Look) {
    let holder = answer
        .and_then(|answer| answer.ok(WHO))
        .and_then(|answer| Ok(answer.text()?.trim().to_owned()));
    match holder {
        Ok(holder) if holder == name => {
            look.roles.push(Role::VipHolder);
            look.state.push_str(", holds the virtual address");
        }
        Ok(holder) => {
            let known = site.of(Component::Haproxy).any(|peer| peer.name == holder);
            look.require(known, || format!("{holder:?} holds the virtual address"));
        }
        Err(error) => look.troubles.push(format!("virtual address: {error}")),
    }
}

fn read_servers(table: &Table<'_>, site: &Site) -> Look {
    let postgres = site.count(Component::Postgres);
    let mut look = Look::new("all servers up");
    let mut up_of_postgres = BTreeMap::from([(PRIMARY, 0), (REPLICAS, 0)]);
    // A server stands in several backends that share one check.
    let mut down = BTreeSet::new();
    for row in table.rows().filter(Row::is_server) {
        let status = row.get("status");
        // The same server in a backend for when all are down: nobody looks at it there.
        if status == "no check" {
            continue;
        }
        let up = status.starts_with("UP");
        match up_of_postgres.get_mut(row.get("pxname")) {
            Some(count) => *count += usize::from(up),
            None if up => {}
            None => {
                // "DOWN 1/2" counts checks: the word alone is stable.
                let status = status.split(' ').next().unwrap_or_default();
                down.insert(format!("{} is {status}", row.get("svname")));
            }
        }
    }
    look.troubles.extend(down);
    let (primaries, replicas) = (up_of_postgres[PRIMARY], up_of_postgres[REPLICAS]);
    look.require(primaries == postgres.min(1), || {
        format!("{primaries} servers up as Postgres primary")
    });
    let expected = postgres.saturating_sub(1);
    look.require(replicas == expected, || {
        format!("{replicas} of {expected} Postgres replicas up")
    });
    look
}

/// Requests of clients.
fn read_entrance(table: &Table<'_>) -> Option<Reading> {
    let mut rows = table.rows();
    let edge = rows.find(|row| row.get("pxname") == EDGE && row.get("svname") == "FRONTEND")?;
    let requests = edge.get("req_tot").parse().ok()?;
    Some(("requests".into(), requests))
}

/// What each server got; a server of several backends got the sum.
fn read_counters(table: &Table<'_>) -> Vec<Reading> {
    let mut readings = BTreeMap::<String, f64>::new();
    for row in table.rows() {
        if let (true, Ok(requests)) = (row.is_server(), row.get("stot").parse::<f64>()) {
            let counter = format!("requests_to_{}", row.get("svname"));
            *readings.entry(counter).or_default() += requests;
        }
    }
    let readings = readings.into_iter();
    readings.map(|(name, value)| (name.into(), value)).collect()
}

/// HAProxy's statistics: a head line that names the columns, then one row per proxy and server.
struct Table<'a> {
    columns: BTreeMap<&'a str, usize>,
    text: &'a str,
}

struct Row<'a> {
    columns: &'a BTreeMap<&'a str, usize>,
    fields: Vec<&'a str>,
}

impl<'a> Table<'a> {
    fn new(text: &'a str) -> Self {
        // A quoted text with commas may stand in a row, but only behind the columns that are read here.
        let head = text.lines().next().unwrap_or_default();
        let names = head.trim_start_matches("# ").split(',');
        Self {
            columns: names.zip(0..).collect(),
            text,
        }
    }

    fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        let lines = self.text.lines().skip(1).filter(|line| !line.is_empty());
        lines.map(|line| Row {
            columns: &self.columns,
            fields: line.split(',').collect(),
        })
    }
}

impl Row<'_> {
    /// The field of that column, empty where there is none.
    fn get(&self, column: &str) -> &str {
        let field = self.columns.get(column).and_then(|&at| self.fields.get(at));
        field.copied().unwrap_or_default()
    }

    fn is_server(&self) -> bool {
        self.get("type") == "2"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::tests::site;

    const STATS: &str = include_str!("../../samples/haproxy-stats.csv");

    fn ha() -> Site {
        site(&[
            "haproxy-1",
            "haproxy-2",
            "postgres-1",
            "postgres-2",
            "postgres-3",
        ])
    }

    fn look(text: &str) -> Look {
        read_servers(&Table::new(text), &ha())
    }

    #[test]
    fn every_server_must_be_up_and_postgres_by_role() {
        assert_eq!(look(STATS).troubles, [""; 0]);
        assert_eq!(
            look("").troubles,
            [
                "0 servers up as Postgres primary",
                "0 of 2 Postgres replicas up"
            ]
        );
    }

    #[test]
    fn a_server_of_several_backends_is_named_once_and_only_where_it_is_looked_at() {
        let columns = "# pxname,svname,status,type\n";
        let rows = "api,api-1,DOWN 1/2,2\napi-last-try,api-1,DOWN,2\napi,api-2,UP 1/2,2\napi,BACKEND,DOWN,1\n\
                    api-any,api-1,no check,2\napi-any,api-2,no check,2\n";
        let postgres = "postgres-primary,postgres-1,UP,2\npostgres-primary,postgres-2,UP,2\n\
                        postgres-replicas,postgres-3,UP,2\n";
        assert_eq!(
            look(&[columns, rows, postgres].concat()).troubles,
            [
                "api-1 is DOWN",
                "2 servers up as Postgres primary",
                "1 of 2 Postgres replicas up"
            ]
        );
    }

    #[test]
    fn only_the_holder_has_the_role_and_a_stranger_is_trouble() {
        let read = |holder: Result<Answer, LookError>| {
            let mut look = Look::new("all servers up");
            read_holder(holder, "haproxy-1", &ha(), &mut look);
            look
        };
        assert_eq!(read(Ok(Answer::of("haproxy-1\n"))).roles, [Role::VipHolder]);
        let other = read(Ok(Answer::of("haproxy-2")));
        assert_eq!(other, Look::new("all servers up"));
        let stranger = read(Ok(Answer::of("nginx")));
        assert_eq!(stranger.troubles, ["\"nginx\" holds the virtual address"]);
        let nobody = read(Err(LookError::Silent { port: 8404 }));
        assert_eq!(
            nobody.troubles,
            ["virtual address: no answer on :8404 within 1 s"]
        );
    }

    #[test]
    fn counters_are_summed_by_server() {
        let readings: BTreeMap<_, _> = read_counters(&Table::new(STATS)).into_iter().collect();
        assert!(!readings.contains_key("requests"));
        assert!(read_entrance(&Table::new(STATS)).is_some_and(|(name, _)| name == "requests"));
        assert_eq!(read_entrance(&Table::new("")), None);
        assert!(readings.contains_key("requests_to_api-1"));
        assert!(read_counters(&Table::new("")).is_empty());
    }
}
