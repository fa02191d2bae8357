//! From environment variables to a running process, so that a service's `main` is one line.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

use crate::admin::Admin;
use crate::env::{Env, Mistakes};
use crate::metrics::Metrics;
use crate::readiness::Readiness;
use crate::shutdown::Shutdown;
use crate::wall;

/// Exit code for a wrong configuration, as in sysexits(3).
const EXIT_USAGE: u8 = 64;
/// A load balancer asks every 500 ms and needs two answers: two seconds leave room for a slow one.
const DEFAULT_DRAIN: Duration = Duration::from_secs(2);

/// What ends a service early.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Settings that every service has.
#[derive(Debug, Clone)]
pub struct Common {
    /// Where clients connect (`LISTEN`).
    pub listen: SocketAddr,
    /// Where load balancers and operators connect (`ADMIN_LISTEN`).
    pub admin_listen: SocketAddr,
    /// This instance's name (`INSTANCE`).
    pub instance: String,
    /// Time between saying that we leave and closing (`DRAIN`).
    pub drain: Duration,
    /// Log filter (`LOG`).
    pub log: String,
}

impl Common {
    /// Reads them. `None` means that `env` noted a mistake.
    pub fn read(env: &mut Env<'_>, service: &str) -> Option<Self> {
        let listen = env.or("LISTEN", SocketAddr::from(([0, 0, 0, 0], 8080)));
        let admin_listen = env.or("ADMIN_LISTEN", SocketAddr::from(([0, 0, 0, 0], 9100)));
        let instance = env.or("INSTANCE", service.to_owned());
        let drain = env.or("DRAIN", DEFAULT_DRAIN);
        let log = env.or("LOG", "info".to_owned());
        if let Some(filter) = &log
            && EnvFilter::try_new(filter).is_err()
        {
            env.mistake(format!("LOG: '{filter}' is not a log filter"));
        }
        Some(Self {
            listen: listen?,
            admin_listen: admin_listen?,
            instance: instance?,
            drain: drain?,
            log: log?,
        })
    }
}

/// A configuration that contains the common settings.
pub trait Configured: Sized {
    /// Reads it, or tells every mistake.
    fn read(source: &dyn Fn(&str) -> Option<String>) -> Result<Self, Mistakes>;
    /// The common settings.
    fn common(&self) -> &Common;
}

/// What a service is given to live with.
#[derive(Debug, Clone)]
pub struct Process {
    /// When to stop.
    pub shutdown: Shutdown,
    /// Where to count.
    pub metrics: Metrics,
}

impl Process {
    /// A process that nobody stops yet, with an empty registry.
    pub fn new() -> Result<Self, prometheus::Error> {
        Ok(Self {
            shutdown: Shutdown::default(),
            metrics: Metrics::new()?,
        })
    }

    /// The admin port's answers for a service that needs `readiness`.
    pub fn admin(&self, readiness: Readiness) -> Admin {
        Admin {
            readiness,
            metrics: self.metrics.clone(),
            shutdown: self.shutdown.clone(),
        }
    }
}

/// Reads the configuration, starts logs, runtime and signal handling, and runs the service to its end.
///
/// Exits with 64 after printing every mistake of the configuration, with 1 when the service fails.
pub fn main<C, F, Fut>(run: F) -> ExitCode
where
    C: Configured,
    F: FnOnce(C, Process) -> Fut,
    Fut: Future<Output = Result<(), Failure>>,
{
    let config = match C::read(&|name| std::env::var(name).ok()) {
        Ok(config) => config,
        Err(mistakes) => {
            eprintln!("wrong configuration:\n{mistakes}");
            return ExitCode::from(EXIT_USAGE);
        }
    };
    let common = config.common().clone();
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(EnvFilter::new(&common.log))
        .with_current_span(false)
        .init();
    match live(config, &common, run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(instance = common.instance, %error, "failed");
            ExitCode::FAILURE
        }
    }
}

fn live<C, F, Fut>(config: C, common: &Common, run: F) -> Result<(), Failure>
where
    F: FnOnce(C, Process) -> Fut,
    Fut: Future<Output = Result<(), Failure>>,
{
    // One thread: the platform shares few cores, and a service's own work per request is small.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let process = Process::new()?;
        tokio::spawn(process.shutdown.clone().on_signal(common.drain));
        tokio::spawn(wall::go_wrong_when_told());
        tracing::info!(
            instance = common.instance,
            listen = %common.listen,
            admin = %common.admin_listen,
            "started"
        );
        run(config, process).await?;
        tracing::info!(instance = common.instance, "ended");
        Ok(())
    })
}
