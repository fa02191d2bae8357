//! The pages that the third party took, read once everything has healed: what the judge holds the alarming
//! readings against.

use std::{net::SocketAddr, time::Duration};

use drill::Component;
use timeline::{Event, PagesRequest};
use tokio::time::{Instant, sleep};
use wire::Paged;

use crate::{Platform, recorder::Recorder};

/// A page takes longest on its way when its worker died: the alert is found again after 3 s, and a page is
/// tried again after at most 2 s. When no page has come for so long, none is on its way.
const SILENCE: Duration = Duration::from_secs(6);
/// Longest wait for that silence.
const AT_MOST: Duration = Duration::from_secs(30);
/// Time between two looks.
const EVERY: Duration = Duration::from_secs(1);

/// Reads the book when no page has come for a while. What could not be read is recorded, not an error. A platform without
/// a third party has no book.
pub(crate) async fn take(platform: &Platform, recorder: &Recorder) {
    let members = &platform.watch_list.members;
    let Some(pager) = members.iter().find(|m| m.component == Component::Pager) else {
        return;
    };
    let request = PagesRequest {
        pager: pager.address.clone(),
    };
    let event = match settled(platform.observer, &request).await {
        Ok(pages) => Event::PagesTaken { pages },
        Err(error) => Event::PagesFailed {
            reason: error.to_string(),
        },
    };
    recorder.record(event).await;
}

/// The book, once it has not grown for [`SILENCE`].
async fn settled(
    observer: SocketAddr,
    request: &PagesRequest,
) -> Result<Vec<Paged>, probe::ProbeError> {
    let begin = Instant::now();
    let (mut pages, mut grown) = (probe::pages(observer, request).await?, begin);
    while grown.elapsed() < SILENCE && begin.elapsed() < AT_MOST {
        sleep(EVERY).await;
        let now = probe::pages(observer, request).await?;
        if now.len() > pages.len() {
            grown = Instant::now();
        }
        pages = now;
    }
    Ok(pages)
}
