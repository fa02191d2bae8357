//! Who may send how much: each client, all newcomers together, and everybody together.
//!
//! A client is whoever it says it is, and a name costs nothing: who takes another for each request would have no limit.
//! So names that were not seen lately share one limit, and only who passes it becomes known. It is as wide as a whole
//! population that comes back to a gateway that has forgotten everybody, and then as narrow as users come. Flooded under
//! new names, the platform is closed to real newcomers, and open to everybody it knows.
//!
//! Each gateway decides from its own memory, so that no request waits for a store that could be slow, or gone. What passes
//! at the others is heard of a little later ([`crate::exchange`]), and together they keep about one limit for each client
//! and one for everybody; whoever hears nothing keeps the limits by itself. The limit on newcomers stays each gateway's own:
//! it is about what that gateway has forgotten.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::account::Account;
use crate::client::Client;
use crate::gcra::{Decision, Gcra};
use crate::peers::Standing;
use crate::shared::Shared;

/// A client is known for so long after its last request. A clinician's reach one of two gateways every minute or so.
const KNOWN_FOR: Duration = Duration::from_secs(600);
/// Clients remembered before those that are no longer known are looked for. The limit on newcomers bounds how many are
/// known, and so memory: a few megabytes.
const TIDY_ABOVE: usize = 20_000;
/// Looking through all of them takes a while.
const TIDY_EVERY: Duration = Duration::from_secs(5);

/// Who may send how much.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowed {
    /// Each client.
    pub(crate) client: Gcra,
    /// All that were not seen lately, together.
    pub(crate) newcomers: Gcra,
    /// Everybody together.
    pub(crate) total: Gcra,
}

/// The limit that a request is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    Client,
    Newcomer,
    Total,
}

impl By {
    /// The word for metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Newcomer => "newcomer",
            Self::Total => "total",
        }
    }
}

/// A request that does not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) by: By,
    /// Time after which it would.
    pub(crate) wait: Duration,
}

/// Decides for all clients.
pub(crate) struct Limiter {
    limits: Allowed,
    began: Instant,
    book: Mutex<Book>,
}

/// How everybody stands with each limit.
#[derive(Debug)]
struct Book {
    clients: HashMap<Client, Account>,
    newcomers: Duration,
    total: Account,
    shared: Shared,
    tidied: Duration,
}

impl Limiter {
    /// Limits each client alike.
    pub(crate) fn new(limits: Allowed) -> Self {
        Self {
            limits,
            began: Instant::now(),
            book: Mutex::new(Book {
                clients: HashMap::new(),
                newcomers: Duration::ZERO,
                total: Account::default(),
                shared: Shared::new(),
                tidied: Duration::ZERO,
            }),
        }
    }

    /// Counts a request that passes; one that is refused costs nobody anything.
    pub(crate) fn admit(&self, client: Client) -> Result<(), Refused> {
        let (now, limits) = (self.began.elapsed(), self.limits);
        let mut book = self.book();
        book.tidy(now);
        let gateways = book.shared.gateways(now);
        let known = book.clients.get(&client).copied();
        let known = known.filter(|account| account.own + KNOWN_FOR > now);
        // Where somebody is can't be made up, so nobody is new there.
        let new = known.is_none() && matches!(client, Client::Named(_));
        let (account, all) = (known.unwrap_or_default(), book.shared.client(&client));
        let of_client = account
            .pass(limits.client, gateways, all, now)
            .map_err(|wait| Refused::new(By::Client, wait))?;
        let newcomers = match (new, limits.newcomers.decide(book.newcomers, now)) {
            (true, Decision::Refuse(wait)) => return Err(Refused::new(By::Newcomer, wait)),
            (true, Decision::Pass(newcomers)) => newcomers,
            (false, _) => book.newcomers,
        };
        let of_total = book
            .total
            .pass(limits.total, gateways, Some(book.shared.total()), now)
            .map_err(|wait| Refused::new(By::Total, wait))?;
        book.newcomers = newcomers;
        book.total = of_total.account;
        book.shared.passed_total(limits.total, now);
        book.shared.passed(&client, of_client, limits.client, now);
        book.clients.insert(client, of_client.account);
        Ok(())
    }

    /// What other gateways should know.
    pub(crate) fn tell(&self) -> Standing {
        self.book().shared.tell(self.began.elapsed())
    }

    /// Takes what other gateways told into account.
    pub(crate) fn hear(&self, others: Vec<(String, Standing)>) {
        let (now, limits) = (self.began.elapsed(), self.limits);
        let Book {
            clients, shared, ..
        } = &mut *self.book();
        let own = |client: &Client| clients.get(client).map_or(Duration::ZERO, |one| one.own);
        shared.hear(others, (limits.client, limits.total), own, now);
    }

    /// How many other gateways are heard.
    pub(crate) fn peers(&self) -> u32 {
        self.book().shared.gateways(self.began.elapsed()) - 1
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Refused {
    fn new(by: By, wait: Duration) -> Self {
        Self { by, wait }
    }
}

impl Book {
    fn tidy(&mut self, now: Duration) {
        if self.clients.len() > TIDY_ABOVE && now >= self.tidied + TIDY_EVERY {
            self.clients
                .retain(|_, account| account.own + KNOWN_FOR > now);
            self.tidied = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limiter() -> Limiter {
        Limiter::new(Allowed {
            client: Gcra::new(1, 1),
            newcomers: Gcra::new(2, 3),
            total: Gcra::new(100, 5),
        })
    }

    fn named(name: &str) -> Client {
        Client::Named(name.into())
    }

    fn by(limiter: &Limiter, client: Client) -> Option<By> {
        limiter.admit(client).err().map(|refused| refused.by)
    }

    #[tokio::test(start_paused = true)]
    async fn clients_do_not_pay_for_each_other() {
        let limiter = limiter();
        assert!(limiter.admit(named("one")).is_ok());
        let wait = Duration::from_secs(1);
        let refused = Refused {
            by: By::Client,
            wait,
        };
        assert_eq!(limiter.admit(named("one")), Err(refused));
        assert!(limiter.admit(Client::At([10, 0, 0, 1].into())).is_ok());
        tokio::time::advance(wait).await;
        assert!(limiter.admit(named("one")).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn another_name_for_each_request_is_no_way_around() {
        let limiter = limiter();
        let mut passed = 0;
        for number in 0..1000 {
            passed += u32::from(limiter.admit(named(&format!("mask-{number}"))).is_ok());
            tokio::time::advance(Duration::from_millis(10)).await;
        }
        // The burst, then 2 a second for ten seconds.
        assert!((22..=23).contains(&passed), "{passed}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_known_passes_while_new_names_are_refused() {
        let limiter = limiter();
        assert!(limiter.admit(named("nurse")).is_ok());
        tokio::time::advance(KNOWN_FOR).await;
        while limiter
            .admit(named(&limiter.began.elapsed().as_nanos().to_string()))
            .is_ok()
        {
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        assert_eq!(by(&limiter, named("stranger")), Some(By::Newcomer));
        assert_eq!(by(&limiter, named("nurse")), None);
        // Where somebody is can't be made up.
        tokio::time::advance(Duration::from_millis(20)).await;
        assert_eq!(by(&limiter, Client::At([10, 0, 0, 1].into())), None);
    }

    #[tokio::test(start_paused = true)]
    async fn all_together_have_a_limit_too() {
        let limiter = limiter();
        let at = |last: u8| Client::At([10, 0, 0, last].into());
        let refused: Vec<_> = (0..7).filter_map(|last| by(&limiter, at(last))).collect();
        assert_eq!(refused, [By::Total; 2]);
        tokio::time::advance(Duration::from_millis(10)).await;
        assert_eq!(by(&limiter, at(8)), None);
    }

    #[tokio::test(start_paused = true)]
    async fn memory_holds_no_more_than_are_known() {
        let limiter = Limiter::new(Allowed {
            client: Gcra::new(1, 1),
            newcomers: Gcra::new(1_000_000, 1_000_000),
            total: Gcra::new(1_000_000, 1_000_000),
        });
        for number in 0..=TIDY_ABOVE {
            assert!(limiter.admit(named(&number.to_string())).is_ok());
        }
        tokio::time::advance(KNOWN_FOR + Duration::from_secs(2)).await;
        assert!(limiter.admit(named("last")).is_ok());
        assert_eq!(limiter.book().clients.len(), 1);
    }
}
