//! Notifying staff through third parties: nothing else waits for them. A page goes to the first that is not being left
//! alone and takes it. Both may have it, because an answer that came too late is no answer.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use service_kit::backoff::Backoff;
use service_kit::consumer::{Message, Reason, Rejects, acknowledge};
use tokio::sync::mpsc;
use uuid::Uuid;
use wire::Page;

use crate::config::PagerUrl;
use crate::metrics::Counters;
use crate::pager::{Outcome, Pager};

/// Waits of one page between its rounds.
const RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(2));

/// Delivers pages.
pub(crate) struct Pages {
    /// The first is asked first, also right after it was away: its half-open try is somebody's page.
    pagers: Vec<Pager>,
    rejects: Rejects,
}

impl Pages {
    /// Through the pagers behind `urls`.
    pub(crate) fn new(urls: Vec<PagerUrl>, counters: &Counters, rejects: Rejects) -> Self {
        let numbered = (1..).zip(urls);
        let pagers = numbered.map(|(number, url)| Pager::new(number, url, counters.clone()));
        Self {
            pagers: pagers.collect(),
            rejects,
        }
    }

    /// Hands pages over until the channel ends. How many are under way is bounded by the prefetch.
    pub(crate) async fn run(self, mut deliveries: mpsc::Receiver<Message>) {
        let pages = Arc::new(self);
        while let Some(delivery) = deliveries.recv().await {
            let pages = pages.clone();
            tokio::spawn(async move { pages.deliver(delivery).await });
        }
    }

    /// Tries until it works. If this worker ends first, the broker delivers the page to another.
    async fn deliver(&self, delivery: Message) {
        let readable: Result<Page, _> = serde_json::from_slice(&delivery.data);
        let alert = match readable {
            Ok(page) => page.alert.id,
            Err(error) => {
                let unreadable = Reason::Unreadable;
                self.rejects.reject(&delivery, unreadable, error).await;
                return;
            }
        };
        let payload = Bytes::from(delivery.data.clone());
        let mut backoff = Backoff::new(RETRY.0, RETRY.1);
        loop {
            match self.round(alert, &payload).await {
                Outcome::Delivered => return acknowledge(&delivery).await,
                Outcome::Refused(status) => {
                    let refused = Reason::Refused;
                    return self.rejects.reject(&delivery, refused, status).await;
                }
                Outcome::Failed => {}
            }
            backoff.wait().await;
        }
    }

    /// Asks one after the other until one answers.
    async fn round(&self, alert: Uuid, payload: &Bytes) -> Outcome {
        for pager in &self.pagers {
            match pager.offer(alert, payload.clone()).await {
                Some(Outcome::Failed) | None => {}
                Some(answered) => return answered,
            }
        }
        Outcome::Failed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pager::tests::{ThirdParty, wait_for_the_half_open_try};
    use service_kit::metrics::Metrics;

    const ALERT: Uuid = Uuid::from_u128(7);

    async fn pages(first: u16, second: u16) -> (Pages, ThirdParty, ThirdParty) {
        let first = ThirdParty::that_answers(first).await;
        let second = ThirdParty::that_answers(second).await;
        let metrics = Metrics::new().unwrap();
        let counters = Counters::new(&metrics).unwrap();
        let rejects = Rejects::new(&metrics).unwrap();
        let urls = vec![first.url.clone(), second.url.clone()];
        (Pages::new(urls, &counters, rejects), first, second)
    }

    impl Pages {
        async fn page(&self) -> Outcome {
            self.round(ALERT, &Bytes::new()).await
        }
    }

    #[tokio::test]
    async fn the_second_hears_nothing_while_the_first_takes_pages() {
        let (pages, first, second) = pages(200, 200).await;
        assert_eq!(pages.page().await, Outcome::Delivered);
        assert_eq!((first.keys().len(), second.keys().len()), (1, 0));
    }

    #[tokio::test]
    async fn what_the_first_fails_at_the_second_takes_under_the_same_key() {
        let (pages, first, second) = pages(503, 200).await;
        // The first three failures open its breaker; from the fourth page on it is left alone.
        for asked in [1, 1, 1, 0, 0] {
            assert_eq!(pages.page().await, Outcome::Delivered);
            assert_eq!(first.keys().len(), asked);
            assert_eq!(second.keys(), [ALERT.to_string()]);
        }
    }

    #[tokio::test]
    async fn the_first_has_the_pages_again_once_it_takes_one() {
        let (pages, first, second) = pages(503, 200).await;
        for _ in 0..4 {
            pages.page().await;
        }
        wait_for_the_half_open_try().await;
        pages.page().await;
        first.answers_now(200);
        let (_, _) = (first.keys(), second.keys());
        assert_eq!(pages.page().await, Outcome::Delivered);
        assert_eq!((first.keys().len(), second.keys().len()), (0, 1));
        wait_for_the_half_open_try().await;
        for _ in 0..2 {
            assert_eq!(pages.page().await, Outcome::Delivered);
        }
        assert_eq!((first.keys().len(), second.keys().len()), (2, 0));
    }

    #[tokio::test]
    async fn what_nobody_takes_is_failed_and_what_is_refused_goes_to_nobody_else() {
        let (dead, ..) = pages(503, 500).await;
        assert_eq!(dead.page().await, Outcome::Failed);
        let (pages, _, second) = pages(422, 200).await;
        assert!(matches!(pages.page().await, Outcome::Refused(_)));
        assert_eq!(second.keys().len(), 0);
    }
}
