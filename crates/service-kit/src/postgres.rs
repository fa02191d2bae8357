//! Postgres pools that neither hang on a frozen server nor keep using one that lost its role.
//!
//! A server is reached in several ways, one through each load balancer, with a pool of connections for each: what is lost
//! with one of them is not needed, and nothing has to be made in a hurry while the processors are busy anyway.
//!
//! The client library bounds only the TCP handshake, so every use runs under the caller's deadline, and a
//! connection that is not explicitly given back is closed: an abandoned query may still be running on it,
//! and a cancelled wait for a replica would turn into a commit that only one server knows.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use deadpool_postgres::{Client, Object, RecyclingMethod};
use tokio::time::Instant;

use crate::budget::RetryBudget;
use crate::hedge::{self, Unanswered};
use crate::metrics::Metrics;
use crate::readiness::Dependency;
use crate::settings::PostgresSettings;

mod way;

use way::{Turns, Way};

/// A connection that is ready is checked within a millisecond or two; after this it is asked for in the next way as well.
const NEXT_WAY_AFTER: Duration = Duration::from_millis(20);
/// Nobody waits longer for a connection.
const LEASE_WITHIN: Duration = Duration::from_secs(1);
/// How often one of the ways is asked, in turn, whether its server answers.
const WATCH_EVERY: Duration = Duration::from_millis(500);
/// Patience of that question.
const WATCH_DEADLINE: Duration = Duration::from_millis(400);

/// Fails on a server in recovery, and so throws pooled connections to a demoted primary away.
const ONLY_PRIMARY: &str = "SELECT 1 / (CASE WHEN pg_is_in_recovery() THEN 0 ELSE 1 END)";

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// No connection, in whatever way.
    #[error("no connection to postgres: {0}")]
    Connection(#[from] Unanswered),
    /// The server or the connection to it failed.
    #[error("postgres query failed: {}", Self::detail(.0))]
    Query(#[from] tokio_postgres::Error),
    /// The deadline passed.
    #[error("postgres gave no answer in time")]
    Deadline,
    /// A pool could not be made.
    #[error("postgres pool: {0}")]
    Build(#[from] deadpool_postgres::BuildError),
}

impl PostgresError {
    fn detail(error: &tokio_postgres::Error) -> String {
        match error.as_db_error() {
            Some(db) => format!("{} ({})", db.message(), db.code().code()),
            None => error.to_string(),
        }
    }
}

/// The primary and a replica, for one process.
#[derive(Clone)]
pub struct Databases {
    /// Throws connections to a server away that is primary no more.
    pub primary: Database,
    /// Any replica; the primary while there is none.
    pub replica: Database,
}

/// The largest numbers of connections in each way, each at least 1.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// To the primary.
    pub primary: usize,
    /// To replicas.
    pub replica: usize,
}

impl Databases {
    /// Connects when it is asked for a connection; `application` is the name that the server shows.
    pub fn new(
        settings: &PostgresSettings,
        application: &str,
        sizes: Sizes,
    ) -> Result<Self, PostgresError> {
        let only_primary = RecyclingMethod::Custom(ONLY_PRIMARY.to_owned());
        let (mut primary, mut replica) = (vec![], vec![]);
        for (to_primary, to_replica) in settings.primary.iter().zip(&settings.replica) {
            let turns = Turns::default();
            let way = |address, size, recycling: &RecyclingMethod| {
                let turns = turns.clone();
                Way::new(settings, address, application, size, recycling, turns)
            };
            primary.push(way(to_primary, sizes.primary, &only_primary)?);
            replica.push(way(to_replica, sizes.replica, &RecyclingMethod::Verified)?);
        }
        Ok(Self {
            primary: Database::new(primary),
            replica: Database::new(replica),
        })
    }
}

/// Connections to a server in each of the ways that lead to it.
#[derive(Clone)]
pub struct Database {
    ways: Arc<[Way]>,
    turn: Arc<AtomicUsize>,
    hedges: Arc<RetryBudget>,
}

impl Database {
    fn new(ways: Vec<Way>) -> Self {
        Self {
            ways: ways.into(),
            turn: Arc::default(),
            hedges: Arc::default(),
        }
    }

    /// A connection, checked just now.
    pub async fn lease(&self) -> Result<Lease, PostgresError> {
        let ways = self.in_turn();
        let tries = ways.iter().map(|way| way.checkout());
        let deadline = Instant::now() + LEASE_WITHIN;
        let (number, client) =
            hedge::first_of(tries, NEXT_WAY_AFTER, deadline, &self.hedges).await?;
        ways[..number].iter().for_each(|way| way.set_up(false));
        Ok(Lease {
            client: Some(client),
        })
    }

    /// All ways, those first that are not known to be down, and among them each as often as the others.
    fn in_turn(&self) -> Vec<&Way> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.ways.len();
        let (before, after) = self.ways.split_at(turn);
        let mut ways: Vec<_> = after.iter().chain(before).collect();
        ways.sort_by_key(|way| !way.is_up());
        ways
    }

    /// Asks the server for a sign of life in one way after another, again and again, and keeps `up` and the pools' gauges current.
    pub async fn watch(self, name: &'static str, up: Dependency, gauges: PoolGauges) {
        for way in self.ways.iter().cycle() {
            // The role check on checkout is the question; a fresh connection proves itself by being made.
            let asked = tokio::time::timeout(WATCH_DEADLINE, way.checkout()).await;
            way.set_up(matches!(asked, Ok(Some(_))));
            up.set(self.ways.iter().any(Way::is_up));
            gauges.show(name, &self.ways);
            tokio::time::sleep(WATCH_EVERY).await;
        }
    }
}

/// Runs `work` until `deadline`; what it holds is dropped when time is up.
pub async fn within<T>(
    deadline: Instant,
    work: impl Future<Output = Result<T, PostgresError>>,
) -> Result<T, PostgresError> {
    tokio::time::timeout_at(deadline, work)
        .await
        .unwrap_or(Err(PostgresError::Deadline))
}

/// A connection on loan. Dropped without [`Lease::give_back`] it is closed.
pub struct Lease {
    client: Option<Client>,
}

impl Lease {
    /// Returns the connection to the pool; only after its last query was answered.
    pub fn give_back(mut self) {
        self.client = None;
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(client) = self.client.take() {
            drop(Object::take(client));
        }
    }
}

impl Deref for Lease {
    type Target = Client;

    fn deref(&self) -> &Client {
        match &self.client {
            Some(client) => client,
            None => unreachable!("a lease holds its client until it is consumed"),
        }
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut Client {
        match &mut self.client {
            Some(client) => client,
            None => unreachable!("a lease holds its client until it is consumed"),
        }
    }
}

/// `postgres_pool{pool,state}`: connections by state `size`, `available` and `in_use`, and requests `waiting`.
#[derive(Debug, Clone)]
pub struct PoolGauges(prometheus::IntGaugeVec);

impl PoolGauges {
    /// Registers them.
    pub fn new(metrics: &Metrics) -> Result<Self, prometheus::Error> {
        let help = "Connections of a pool (size, available, in_use) and requests waiting for one.";
        Ok(Self(metrics.gauges(
            "postgres_pool",
            help,
            &["pool", "state"],
        )?))
    }

    fn show(&self, pool: &str, ways: &[Way]) {
        let (mut size, mut available, mut waiting) = (0, 0, 0);
        for status in ways.iter().map(Way::status) {
            size += status.size;
            available += status.available;
            waiting += status.waiting;
        }
        for (state, value) in [
            ("size", size),
            ("available", available),
            ("in_use", size.saturating_sub(available)),
            ("waiting", waiting),
        ] {
            self.0
                .with_label_values(&[pool, state])
                .set(i64::try_from(value).unwrap_or(i64::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::env::{HostPort, Secret, Setting};
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;
    use tokio::task::JoinHandle;
    use way::{AT_A_TIME, CREATE_TIMEOUT};

    /// What a server says that asks for no password.
    const WELCOME: &[u8] = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";

    async fn listener() -> TcpListener {
        TcpListener::bind("127.0.0.1:0").await.unwrap()
    }

    fn settings(ways: &[&TcpListener]) -> PostgresSettings {
        let address = |way: &&TcpListener| HostPort {
            host: "127.0.0.1".into(),
            port: way.local_addr().unwrap().port(),
        };
        let addresses: Vec<_> = ways.iter().map(address).collect();
        PostgresSettings {
            primary: addresses.clone(),
            replica: addresses,
            user: "u".into(),
            password: Secret::read("p").unwrap(),
            database: "d".into(),
        }
    }

    fn databases(ways: &[&TcpListener], size: usize) -> Databases {
        let sizes = Sizes {
            primary: size,
            replica: size,
        };
        Databases::new(&settings(ways), "test", sizes).unwrap()
    }

    #[tokio::test]
    async fn a_server_that_accepts_and_says_nothing_costs_no_more_than_the_create_timeout() {
        let frozen = listener().await;
        let database = databases(&[&frozen], 2).primary;
        let began = Instant::now();
        assert!(database.lease().await.is_err());
        assert!(
            began.elapsed() < CREATE_TIMEOUT * 3,
            "{:?}",
            began.elapsed()
        );
    }

    #[tokio::test]
    async fn a_process_makes_few_connections_at_a_time() {
        let silent = listener().await;
        let Databases { primary, replica } = databases(&[&silent], 8);
        let asking: Vec<_> = (0..6)
            .map(|number| {
                let database = [&primary, &replica][number % 2].clone();
                tokio::spawn(async move { database.lease().await.is_ok() })
            })
            .collect();
        let mut made = vec![];
        while let Ok(accepted) = tokio::time::timeout(CREATE_TIMEOUT / 2, silent.accept()).await {
            made.push(accepted.unwrap());
        }
        assert_eq!(made.len(), AT_A_TIME);
        for asked in asking {
            assert!(!asked.await.unwrap(), "nobody answers");
        }
    }

    #[tokio::test]
    async fn a_connection_that_nobody_waits_for_any_more_is_finished_and_kept() {
        let slow = listener().await;
        let database = databases(&[&slow], 2).replica;
        let impatient = within(Instant::now() + Duration::from_millis(20), database.lease());
        assert!(matches!(impatient.await, Err(PostgresError::Deadline)));
        let (mut connection, _) = slow.accept().await.unwrap();
        connection.write_all(WELCOME).await.unwrap();
        let kept = async {
            while database.ways[0].status().available == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(CREATE_TIMEOUT * 3, kept)
            .await
            .expect("it is ready for the next one");
    }

    #[tokio::test]
    async fn a_way_that_is_silent_is_gone_round_and_then_asked_last() {
        let (silent, good) = (listener().await, listener().await);
        let database = databases(&[&silent, &good], 2).primary;
        database.ways.iter().for_each(|way| way.set_up(true));
        let served: JoinHandle<()> = tokio::spawn(async move {
            let mut open = vec![];
            loop {
                let (mut connection, _) = good.accept().await.unwrap();
                connection.write_all(WELCOME).await.unwrap();
                open.push(connection);
            }
        });
        let began = Instant::now();
        let leased = database.lease().await.expect("one way is good");
        assert!(began.elapsed() < CREATE_TIMEOUT, "{:?}", began.elapsed());
        for _ in 0..3 {
            assert!(std::ptr::eq(database.in_turn()[0], &database.ways[1]));
        }
        drop(leased);
        served.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_ends_work_that_does_not() {
        let result = within::<()>(
            Instant::now() + Duration::from_millis(90),
            std::future::pending(),
        );
        assert!(matches!(result.await, Err(PostgresError::Deadline)));
    }
}
