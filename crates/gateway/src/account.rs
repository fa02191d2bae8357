//! How one client stands with a limit that several gateways keep together.

use std::time::Duration;

use crate::gcra::{Decision, Gcra};

/// Two arrival times of what passed here. Every gateway keeps the whole limit by itself, whatever it hears of the others; and
/// what is within its part of the limit passes, whatever it hears. What it hears decides in between.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Account {
    /// With the whole limit.
    pub(crate) own: Duration,
    /// With this gateway's part of it.
    part: Duration,
}

/// The account after a request that passes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Passed {
    pub(crate) account: Account,
    /// Beyond this gateway's part: the others have to know.
    pub(crate) beyond: bool,
}

impl Account {
    /// Decides about one more request at one of `gateways`; `all` is the arrival time of what passed at any of them,
    /// if that is known. A refusal carries the wait.
    pub(crate) fn pass(
        self,
        limit: Gcra,
        gateways: u32,
        all: Option<Duration>,
        now: Duration,
    ) -> Result<Passed, Duration> {
        let own = match limit.decide(self.own, now) {
            Decision::Pass(own) => own,
            Decision::Refuse(wait) => return Err(wait),
        };
        let beyond = match limit.part(gateways).decide(self.part, now) {
            Decision::Pass(part) => {
                let account = Self { own, part };
                let beyond = false;
                return Ok(Passed { account, beyond });
            }
            Decision::Refuse(_) if gateways == 1 => false,
            Decision::Refuse(wait) => match all.map(|all| limit.decide(all, now)) {
                None | Some(Decision::Pass(_)) => true,
                Some(Decision::Refuse(longer)) => return Err(wait.min(longer)),
            },
        };
        let account = Self { own, ..self };
        Ok(Passed { account, beyond })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(100);

    /// How many of 100 requests pass at once, and the first of them that is beyond.
    fn burst(gateways: u32, all: Option<Duration>) -> (usize, Option<usize>) {
        let limit = Gcra::new(10, 20);
        let (mut account, mut passes, mut beyond) = (Account::default(), 0, None);
        for _ in 0..100 {
            if let Ok(passed) = account.pass(limit, gateways, all, NOW) {
                account = passed.account;
                passes += 1;
                beyond = beyond.or(passed.beyond.then_some(passes));
            }
        }
        (passes, beyond)
    }

    #[test]
    fn alone_the_whole_limit_is_ours() {
        assert_eq!(burst(1, None), (20, None));
        assert_eq!(burst(1, Some(NOW * 2)), (20, None));
    }

    #[test]
    fn beyond_our_part_it_depends_on_the_others() {
        assert_eq!(burst(2, None), (20, Some(11)));
        assert_eq!(burst(2, Some(NOW)), (20, Some(11)));
        assert_eq!(burst(2, Some(NOW * 2)), (10, None));
    }
}
