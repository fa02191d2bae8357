//! Postgres pools that neither hang on a frozen server nor keep using one that lost its role.
//!
//! The client library bounds only the TCP handshake, so every use runs under the caller's deadline, and a
//! connection that is not explicitly given back is closed: an abandoned query may still be running on it,
//! and a cancelled wait for a replica would turn into a commit that only one server knows.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{
    Client, ConfigConnectImpl, Connect, Manager, ManagerConfig, Object, Pool, PoolError,
    RecyclingMethod, Runtime,
};
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_postgres::NoTls;

use crate::env::HostPort;
use crate::metrics::Metrics;
use crate::readiness::Dependency;
use crate::settings::PostgresSettings;

/// On a bridge a dead address is silent; the real handshake takes well under a millisecond.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(100);
/// Connections that a process makes at the same time, to both servers together. Each costs the server a process. When every
/// pool made two, 28 were under way after the address had moved, most of them for longer than [`CREATE_TIMEOUT`], and were begun
/// again: up to 300 in 5 s, which kept two processors busy and reads from having any.
const AT_A_TIME: usize = 1;
/// Unacknowledged bytes for this long mean a cut network.
const TCP_USER_TIMEOUT: Duration = Duration::from_millis(1500);
/// Keepalive: first after two seconds, then each second, three times.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(2);
/// Handshake, authentication and the first query, and the wait for a turn: the library has no bound of its own for the latter.
const CREATE_TIMEOUT: Duration = Duration::from_millis(500);
/// One round trip; a frozen server is found out here before it costs a whole request.
const RECYCLE_TIMEOUT: Duration = Duration::from_millis(100);
/// A request that finds all connections busy for longer had better try elsewhere.
const WAIT_TIMEOUT: Duration = Duration::from_millis(50);
/// How often a pool is asked whether its server answers.
const WATCH_EVERY: Duration = Duration::from_millis(500);
/// Patience of that question.
const WATCH_DEADLINE: Duration = Duration::from_millis(400);

/// Fails on a server in recovery, and so throws pooled connections to a demoted primary away.
const ONLY_PRIMARY: &str = "SELECT 1 / (CASE WHEN pg_is_in_recovery() THEN 0 ELSE 1 END)";

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// No connection in time.
    #[error("no connection to postgres: {0}")]
    Connection(#[from] PoolError),
    /// The checkout was cut short: the process ends, or there is a defect in it.
    #[error("checkout of a postgres connection ended: {0}")]
    Checkout(#[from] tokio::task::JoinError),
    /// The server or the connection to it failed.
    #[error("postgres query failed: {}", Self::detail(.0))]
    Query(#[from] tokio_postgres::Error),
    /// The deadline passed.
    #[error("postgres gave no answer in time")]
    Deadline,
    /// The pool could not be made.
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

/// The largest numbers of connections, each at least 1.
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
        let turns = Arc::new(Semaphore::new(AT_A_TIME));
        let pool = |address, size, recycling| {
            Database::build(
                settings,
                address,
                application,
                size,
                recycling,
                turns.clone(),
            )
        };
        let only_primary = RecyclingMethod::Custom(ONLY_PRIMARY.to_owned());
        Ok(Self {
            primary: pool(&settings.primary, sizes.primary, only_primary)?,
            replica: pool(&settings.replica, sizes.replica, RecyclingMethod::Verified)?,
        })
    }
}

/// Connections to the server behind one address.
#[derive(Clone)]
pub struct Database {
    pool: Pool,
}

impl Database {
    fn build(
        settings: &PostgresSettings,
        address: &HostPort,
        application: &str,
        size: usize,
        recycling_method: RecyclingMethod,
        turns: Arc<Semaphore>,
    ) -> Result<Self, PostgresError> {
        let mut config = tokio_postgres::Config::new();
        config
            .host(&address.host)
            .port(address.port)
            .user(&settings.user)
            .password(settings.password.reveal())
            .dbname(&settings.database)
            .application_name(application)
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_user_timeout(TCP_USER_TIMEOUT)
            .keepalives(true)
            .keepalives_idle(KEEPALIVE_IDLE)
            .keepalives_interval(Duration::from_secs(1))
            .keepalives_retries(3);
        let few = FewAtATime {
            turns,
            connect: ConfigConnectImpl { tls: NoTls },
        };
        let manager = Manager::from_connect(config, few, ManagerConfig { recycling_method });
        let pool = Pool::builder(manager)
            .max_size(size)
            .runtime(Runtime::Tokio1)
            .create_timeout(Some(CREATE_TIMEOUT))
            .recycle_timeout(Some(RECYCLE_TIMEOUT))
            .wait_timeout(Some(WAIT_TIMEOUT))
            .build()?;
        Ok(Self { pool })
    }

    /// A connection, checked just now.
    ///
    /// Who asks may run out of patience before it is made or checked. It is finished all the same, and the next one finds it: thrown
    /// away half made, again and again, there would be none for as long as the server needs longer than anybody's patience.
    pub async fn lease(&self) -> Result<Lease, PostgresError> {
        let pool = self.pool.clone();
        let checkout = tokio::spawn(async move { pool.get().await });
        Ok(Lease {
            client: Some(checkout.await??),
        })
    }

    /// Asks the server for a sign of life, again and again, and keeps `up` and the pool's gauges current.
    pub async fn watch(self, name: &'static str, up: Dependency, gauges: PoolGauges) {
        loop {
            let asked = within(Instant::now() + WATCH_DEADLINE, async {
                // The role check on checkout is the question; a fresh connection proves itself by being made.
                self.lease().await?.give_back();
                Ok(())
            });
            up.set(asked.await.is_ok());
            let status = self.pool.status();
            gauges.show(name, status.size, status.available, status.waiting);
            tokio::time::sleep(WATCH_EVERY).await;
        }
    }
}

/// Makes connections, [`AT_A_TIME`]; the pool's patience counts from when it asks.
struct FewAtATime {
    turns: Arc<Semaphore>,
    connect: ConfigConnectImpl<NoTls>,
}

impl Connect for FewAtATime {
    fn connect(
        &self,
        config: &tokio_postgres::Config,
    ) -> BoxFuture<'_, Result<(tokio_postgres::Client, JoinHandle<()>), tokio_postgres::Error>>
    {
        let config = config.clone();
        Box::pin(async move {
            // Nobody closes it, so everybody gets a turn.
            let _turn = self.turns.acquire().await;
            self.connect.connect(&config).await
        })
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

    fn show(&self, pool: &str, size: usize, available: usize, waiting: usize) {
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
    use crate::env::{Secret, Setting};
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    fn settings(port: u16) -> PostgresSettings {
        let address = HostPort {
            host: "127.0.0.1".into(),
            port,
        };
        PostgresSettings {
            primary: address.clone(),
            replica: address,
            user: "u".into(),
            password: Secret::read("p").unwrap(),
            database: "d".into(),
        }
    }

    #[tokio::test]
    async fn a_server_that_accepts_and_says_nothing_costs_no_more_than_the_create_timeout() {
        let frozen = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let settings = settings(frozen.local_addr().unwrap().port());
        let database = databases(&settings, 2).primary;
        let began = Instant::now();
        assert!(database.lease().await.is_err());
        assert!(
            began.elapsed() < CREATE_TIMEOUT * 3,
            "{:?}",
            began.elapsed()
        );
    }

    fn databases(settings: &PostgresSettings, size: usize) -> Databases {
        let sizes = Sizes {
            primary: size,
            replica: size,
        };
        Databases::new(settings, "test", sizes).unwrap()
    }

    #[tokio::test]
    async fn a_process_makes_few_connections_at_a_time() {
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let settings = settings(silent.local_addr().unwrap().port());
        let Databases { primary, replica } = databases(&settings, 8);
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
        const WELCOME: &[u8] = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";
        let slow = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let settings = settings(slow.local_addr().unwrap().port());
        let database = databases(&settings, 2).replica;
        let impatient = within(Instant::now() + Duration::from_millis(20), database.lease());
        assert!(matches!(impatient.await, Err(PostgresError::Deadline)));
        let (mut connection, _) = slow.accept().await.unwrap();
        connection.write_all(WELCOME).await.unwrap();
        let kept = async {
            while database.pool.status().available == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(CREATE_TIMEOUT * 3, kept)
            .await
            .expect("it is ready for the next one");
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
