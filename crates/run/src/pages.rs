//! The pages that third parties took, read once everything has healed: what the judge holds the alarming readings
//! against.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    net::SocketAddr,
    time::Duration,
};

use drill::Component;
use futures_util::future::try_join_all;
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

/// Reads the books when no page has come for a while. What could not be read is recorded, not an error. A platform without
/// a third party has no book.
pub(crate) async fn take(platform: &Platform, recorder: &Recorder) {
    let members = platform.watch_list.members.iter();
    let pagers = members.filter(|m| m.component == Component::Pager);
    let requests: Vec<_> = pagers
        .map(|m| PagesRequest {
            pager: m.address.clone(),
        })
        .collect();
    if requests.is_empty() {
        return;
    }
    let event = match settled(platform.observer, &requests).await {
        Ok(pages) => Event::PagesTaken { pages },
        Err(error) => Event::PagesFailed {
            reason: error.to_string(),
        },
    };
    recorder.record(event).await;
}

/// All books as one, once it has not grown for [`SILENCE`].
async fn settled(
    observer: SocketAddr,
    requests: &[PagesRequest],
) -> Result<Vec<Paged>, probe::ProbeError> {
    let begin = Instant::now();
    let (mut pages, mut grown) = (read(observer, requests).await?, begin);
    while grown.elapsed() < SILENCE && begin.elapsed() < AT_MOST {
        sleep(EVERY).await;
        let now = read(observer, requests).await?;
        if now.len() > pages.len() {
            grown = Instant::now();
        }
        pages = now;
    }
    Ok(pages)
}

async fn read(
    observer: SocketAddr,
    requests: &[PagesRequest],
) -> Result<Vec<Paged>, probe::ProbeError> {
    let books = requests
        .iter()
        .map(|request| probe::pages(observer, request));
    Ok(join(try_join_all(books).await?))
}

/// One book of several, in the order in which pages were taken. A page that several third parties took stands once, with
/// the earliest time: the second was asked because the first did not answer in time, as it should be. One that the same
/// third party took again stands again.
fn join(books: Vec<Vec<Paged>>) -> Vec<Paged> {
    let mut first: HashMap<_, Paged> = HashMap::new();
    let mut joined = Vec::new();
    for book in books {
        let mut own = HashSet::new();
        for page in book {
            if !own.insert(page.alert_id) {
                joined.push(page);
                continue;
            }
            match first.entry(page.alert_id) {
                Entry::Occupied(mut known) if page.taken_at_ms < known.get().taken_at_ms => {
                    known.insert(page);
                }
                Entry::Occupied(_) => {}
                Entry::Vacant(place) => {
                    place.insert(page);
                }
            }
        }
    }
    joined.extend(first.into_values());
    joined.sort_by_key(|page| (page.taken_at_ms, page.alert_id));
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page of this alert, taken at this time; its reading has the alert's number, too.
    fn page(alert: u8, taken_at_ms: i64) -> Paged {
        let id = format!("00000000-0000-0000-0000-0000000000{alert:02}");
        let page =
            serde_json::json!({"alert_id": id, "reading_id": id, "taken_at_ms": taken_at_ms});
        serde_json::from_value(page).unwrap()
    }

    #[test]
    fn one_book_stays_as_it_is() {
        let book = vec![page(2, 10), page(1, 11), page(2, 12)];
        assert_eq!(join(vec![book.clone()]), book);
        assert_eq!(join(vec![book.clone(), vec![]]), book);
        assert_eq!(join(vec![]), []);
    }

    #[test]
    fn what_both_took_stands_once_with_the_earliest_time() {
        let (first, second) = (
            vec![page(1, 40), page(2, 10)],
            vec![page(1, 30), page(3, 20)],
        );
        let joined = [page(2, 10), page(3, 20), page(1, 30)];
        assert_eq!(join(vec![first.clone(), second.clone()]), joined);
        assert_eq!(join(vec![second, first]), joined);
    }

    #[test]
    fn what_one_took_twice_stands_twice_whoever_else_took_it() {
        let (first, second) = (vec![page(1, 10)], vec![page(1, 20), page(1, 30)]);
        assert_eq!(join(vec![first, second]), [page(1, 10), page(1, 30)]);
    }
}
