//! How far each replica is behind, as the primary sees it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use drill::{Component, Role};
use timeline::Watched;
use tokio::time::timeout;
use tokio_postgres::Error;

use crate::{
    site::{Site, at},
    sql::{self, Connection},
};

/// The primary's own view: one moment for all of them, which looks at one replica after another are not.
const QUERY: &str = "
SELECT application_name, pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::float8
FROM pg_stat_replication WHERE state = 'streaming' AND replay_lsn IS NOT NULL";

/// A look at a replica must not wait for a primary that is frozen.
const WITHIN: Duration = Duration::from_millis(200);

/// Replicas that differ by less are level: more is on its way to each of them than that in a busy moment.
const LEVEL_BYTES: f64 = 1_048_576.0;

/// Asks whoever is the primary on behalf of one replica.
pub(crate) struct Standbys {
    site: Arc<Site>,
    own: String,
    /// To the primary that was asked last, while there is one.
    connection: Option<(SocketAddr, Connection)>,
}

/// A replica by name, and the bytes that the primary has written and it has not replayed.
type Lag = (String, f64);

impl Standbys {
    pub(crate) fn new(site: Arc<Site>, member: &Watched) -> Self {
        Self {
            site,
            own: member.name.clone(),
            connection: None,
        }
    }

    /// Whether this replica is further behind than any other, or level with the one that is; not while
    /// the primary is unknown or does not answer.
    pub(crate) async fn is_furthest(&mut self) -> bool {
        let Some(primary) = self.primary() else {
            return false;
        };
        match timeout(WITHIN, self.query(primary)).await {
            Ok(Ok(lags)) => furthest(&self.own, &lags),
            Ok(Err(error)) => {
                tracing::debug!(member = self.own, %error, "the primary's view was not read");
                false
            }
            Err(_) => false,
        }
    }

    /// Where the one other member is that says it is the primary.
    fn primary(&self) -> Option<SocketAddr> {
        let primaries = self.site.players(Role::PostgresPrimary);
        let [primary] = primaries.as_slice() else {
            return None;
        };
        let mut postgres = self.site.of(Component::Postgres);
        let member = postgres.find(|member| member.name == *primary && *primary != self.own)?;
        Some(at(member, self.site.ports.postgres))
    }

    async fn query(&mut self, primary: SocketAddr) -> Result<Vec<Lag>, Error> {
        // Taken out until the answer is there: a connection that failed is not used again.
        let kept = self.connection.take();
        let connection = match kept {
            Some((to, kept)) if to == primary && !kept.client.is_closed() => kept,
            _ => self.connect(primary).await?,
        };
        let rows = connection.client.query(QUERY, &[]).await?;
        self.connection = Some((primary, connection));
        rows.iter()
            .map(|row| Ok((row.try_get(0)?, row.try_get(1)?)))
            .collect()
    }

    async fn connect(&self, primary: SocketAddr) -> Result<Connection, Error> {
        let mut config = sql::reader(primary, &self.site.password);
        // The platform's commits are counted by database: these must not be among them.
        config.dbname("postgres");
        sql::connect(&config).await
    }
}

fn furthest(own: &str, lags: &[Lag]) -> bool {
    let most = lags.iter().map(|(_, lag)| *lag).fold(0.0, f64::max);
    lags.iter()
        .any(|(name, lag)| name == own && lag + LEVEL_BYTES > most)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::tests::site;
    use timeline::MemberHealth;

    fn furthest_of(lags: &[(&str, f64)]) -> Vec<String> {
        let lags: Vec<Lag> = lags.iter().map(|(n, lag)| ((*n).into(), *lag)).collect();
        let names = ["postgres-1", "postgres-2", "postgres-3"];
        let furthest = names.iter().filter(|name| furthest(name, &lags));
        furthest.map(ToString::to_string).collect()
    }

    #[test]
    fn whoever_has_replayed_least_is_furthest() {
        let lags = [("postgres-2", 0.0), ("postgres-3", 5e6)];
        assert_eq!(furthest_of(&lags), ["postgres-3"]);
        let lags = [("postgres-2", 9e9), ("postgres-3", 5e6)];
        assert_eq!(furthest_of(&lags), ["postgres-2"]);
    }

    #[test]
    fn level_replicas_are_all_furthest_and_nobody_is_alone() {
        let lags = [("postgres-2", 0.0), ("postgres-3", 300_000.0)];
        assert_eq!(furthest_of(&lags), ["postgres-2", "postgres-3"]);
        assert_eq!(furthest_of(&[("postgres-2", 1e9)]), ["postgres-2"]);
        assert!(furthest_of(&[]).is_empty());
        assert!(furthest_of(&[("walreceiver", 1e9)]).is_empty());
    }

    fn says_it_is_primary(site: &Site, member: &str) {
        site.note(MemberHealth {
            member: member.into(),
            component: Component::Postgres,
            healthy: true,
            answered: true,
            roles: vec![Role::PostgresPrimary],
            detail: String::new(),
        });
    }

    #[test]
    fn only_one_other_primary_is_asked() {
        let site = Arc::new(site(&["postgres-1", "postgres-2", "postgres-3"]));
        let standbys = |n: usize| Standbys::new(site.clone(), &site.members[n]);
        assert_eq!(standbys(1).primary(), None);
        says_it_is_primary(&site, "postgres-1");
        let first = at(&site.members[0], site.ports.postgres);
        assert_eq!(standbys(1).primary(), Some(first));
        assert_eq!(standbys(0).primary(), None);
        says_it_is_primary(&site, "postgres-3");
        assert_eq!(standbys(1).primary(), None);
    }
}
