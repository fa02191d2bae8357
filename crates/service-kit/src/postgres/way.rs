//! One way to a server: a pool of connections through one load balancer.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::{
    BuildError, Client, ConfigConnectImpl, Connect, Manager, ManagerConfig, Pool, RecyclingMethod,
    Runtime, Status,
};
use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_postgres::NoTls;

use crate::env::HostPort;
use crate::settings::PostgresSettings;

/// On a bridge a dead address is silent; the real handshake takes well under a millisecond.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(100);
/// Connections that a process makes at the same time in one way. Each costs the server a process: when each of 14 pools made two,
/// with a limit of 78 in all, up to 245 were made within 6 s after an address had moved. Two processors were busy with it meanwhile,
/// and reads had none.
pub(super) const AT_A_TIME: usize = 1;
/// Unacknowledged bytes for this long mean a cut network.
const TCP_USER_TIMEOUT: Duration = Duration::from_millis(1500);
/// Keepalive: first after two seconds, then each second, three times.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(2);
/// Handshake and authentication, and the wait for a turn: the library has no bound of its own for them.
pub(super) const CREATE_TIMEOUT: Duration = Duration::from_millis(500);
/// One round trip, for which nobody waits who can go another way meanwhile. To make a connection instead
/// takes busy processors longer.
const RECYCLE_TIMEOUT: Duration = Duration::from_millis(300);
/// A request that finds all connections busy for longer had better try elsewhere.
const WAIT_TIMEOUT: Duration = Duration::from_millis(50);

/// Who may make a connection now; the pools of one way share them.
#[derive(Clone)]
pub(super) struct Turns(Arc<Semaphore>);

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_A_TIME)))
    }
}

/// A pool, and whether it gave a connection when it was last asked.
pub(super) struct Way {
    pool: Pool,
    up: Arc<AtomicBool>,
}

impl Way {
    pub(super) fn new(
        settings: &PostgresSettings,
        address: &HostPort,
        application: &str,
        size: usize,
        recycling: &RecyclingMethod,
        turns: Turns,
    ) -> Result<Self, BuildError> {
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
        let recycling_method = recycling.clone();
        let manager = Manager::from_connect(config, few, ManagerConfig { recycling_method });
        let pool = Pool::builder(manager)
            .max_size(size)
            .runtime(Runtime::Tokio1)
            .create_timeout(Some(CREATE_TIMEOUT))
            .recycle_timeout(Some(RECYCLE_TIMEOUT))
            .wait_timeout(Some(WAIT_TIMEOUT))
            .build()?;
        Ok(Self {
            pool,
            up: Arc::default(),
        })
    }

    /// A connection, checked just now.
    ///
    /// Who asks may run out of patience before it is made or checked. It is finished all the same, and the next one finds it: thrown
    /// away half made, again and again, there would be none for as long as the server needs longer than anybody's patience.
    pub(super) async fn checkout(&self) -> Option<Client> {
        let (pool, up) = (self.pool.clone(), self.up.clone());
        let checkout = tokio::spawn(async move {
            let got = pool.get().await;
            up.store(got.is_ok(), Ordering::Relaxed);
            got.inspect_err(|error| tracing::debug!(%error, "connection to postgres"))
                .ok()
        });
        checkout.await.ok()?
    }

    pub(super) fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }

    pub(super) fn set_up(&self, up: bool) {
        self.up.store(up, Ordering::Relaxed);
    }

    pub(super) fn status(&self) -> Status {
        self.pool.status()
    }
}

/// Makes connections when it is their turn; the pool's patience counts from when it asks.
struct FewAtATime {
    turns: Turns,
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
            let _turn = self.turns.0.acquire().await;
            self.connect.connect(&config).await
        })
    }
}
