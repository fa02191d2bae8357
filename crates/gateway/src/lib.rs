//! Skeleton: admin port and configuration.

pub mod config;

use service_kit::admin::nothing_more;
use service_kit::boot::{Failure, Process};
use service_kit::readiness::Readiness;
use tokio::net::TcpListener;

use config::Config;

/// Runs until shut down.
pub async fn run(config: Config, process: Process) -> Result<(), Failure> {
    let admin = TcpListener::bind(config.common.admin_listen).await?;
    tokio::spawn(
        process
            .admin(Readiness::default())
            .serve(admin, nothing_more),
    );
    process.shutdown.closing.cancelled().await;
    Ok(())
}
