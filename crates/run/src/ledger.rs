//! The stored readings, read once everything has healed: what the judge holds the acknowledgements against.

use std::{net::SocketAddr, path::PathBuf, pin::pin};

use drill::{Pace, Role};
use futures_util::StreamExt;
use timeline::{Event, LedgerRequest, STORED_BYTES, STORED_HEADER};
use tokio::{
    fs::File,
    io::{AsyncWriteExt, BufWriter},
};

use crate::{
    Platform, RunError,
    lookout::{Lookout, full_health},
    recorder::Recorder,
};

/// Reads every stored reading into a file, from the primary, after full health has come back: the queues are
/// drained then, so what is missing is lost. A ledger that could not be taken is recorded, not an error. Returns whom it
/// was read from, where it was.
///
/// # Errors
/// When the file can't be written.
pub(crate) async fn take(
    platform: &Platform,
    mut lookout: Lookout,
    pace: &Pace,
    path: PathBuf,
    recorder: &Recorder,
) -> Result<Option<LedgerRequest>, RunError> {
    let asked = match full_health(&mut lookout, pace.settle, pace.recover_within).await {
        Ok(()) => request(platform, &lookout),
        Err(unhealthy) => Err(format!("no full health after the load: {unhealthy}")),
    };
    let taken = match asked {
        Ok(request) => {
            let read = fetch(platform.observer, &request, &path).await?;
            read.map(|readings| (readings, request))
        }
        Err(reason) => Err(reason),
    };
    let (event, asked) = match taken {
        Ok((readings, request)) => (Event::LedgerTaken { readings }, Some(request)),
        Err(reason) => (Event::LedgerFailed { reason }, None),
    };
    recorder.record(event).await;
    Ok(asked)
}

/// Reads what is stored now, while the load goes on, into a file; or says why it could not be read.
///
/// # Errors
/// When the file can't be written.
pub(crate) async fn snapshot(
    platform: &Platform,
    lookout: &Lookout,
    path: &PathBuf,
) -> Result<Result<u64, String>, RunError> {
    match request(platform, lookout) {
        Ok(request) => fetch(platform.observer, &request, path).await,
        Err(reason) => Ok(Err(reason)),
    }
}

/// Whom to ask: the only member that says it is the primary.
fn request(platform: &Platform, lookout: &Lookout) -> Result<LedgerRequest, String> {
    let roles = lookout.borrow().board.roles();
    let primaries = roles.get(&Role::PostgresPrimary).cloned();
    let [primary] = primaries
        .unwrap_or_default()
        .try_into()
        .map_err(|seen: Vec<String>| {
            format!("{} members say that they are the primary", seen.len())
        })?;
    let list = &platform.watch_list;
    let member = list.members.iter().find(|member| member.name == primary);
    let member = member.ok_or_else(|| format!("{primary} has no known address"))?;
    Ok(LedgerRequest {
        postgres: member.address.clone(),
        password: list.password.clone(),
    })
}

/// The number of readings, or why there are none.
async fn fetch(
    observer: SocketAddr,
    request: &LedgerRequest,
    path: &PathBuf,
) -> Result<Result<u64, String>, RunError> {
    let mut bytes = match probe::ledger(observer, request).await {
        Ok(bytes) => pin!(bytes),
        Err(error) => return Ok(Err(error.to_string())),
    };
    let file = File::create(path).await.map_err(RunError::file(path))?;
    let mut file = BufWriter::new(file);
    let mut length = 0;
    while let Some(piece) = bytes.next().await {
        let piece = match piece {
            Ok(piece) => piece,
            Err(error) => return Ok(Err(error.to_string())),
        };
        length += piece.len();
        file.write_all(&piece).await.map_err(RunError::file(path))?;
    }
    file.flush().await.map_err(RunError::file(path))?;
    // The judge looks whether the footer is there; here it only is not a reading.
    let records = length.saturating_sub(STORED_HEADER.len()) / STORED_BYTES;
    Ok(Ok(records.saturating_sub(1) as u64))
}
