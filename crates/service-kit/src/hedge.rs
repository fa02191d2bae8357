//! Trying several ways to the same answer: the next one starts when the one before failed or is slow, and
//! the first success wins.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;

use crate::budget::RetryBudget;

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unanswered {
    /// There was nothing to try.
    #[error("nothing to try")]
    NothingToTry,
    /// Every try failed.
    #[error("every try failed")]
    AllFailed,
    /// The deadline passed.
    #[error("no answer in time")]
    Deadline,
}

/// The number and the value of the first try that gives one. A try starts when it is taken from `tries`:
/// at once when all before have failed, or `after` the one before while there is a budget for asking twice. What
/// is still running at the end is dropped.
pub async fn first_of<T, F>(
    tries: impl Iterator<Item = F>,
    after: Duration,
    deadline: Instant,
    budget: &RetryBudget,
) -> Result<(usize, T), Unanswered>
where
    F: Future<Output = Option<T>>,
{
    let mut tries = tries.enumerate();
    let mut running = FuturesUnordered::new();
    let number = |(number, attempt): (usize, F)| async move { (number, attempt.await) };
    running.push(number(tries.next().ok_or(Unanswered::NothingToTry)?));
    budget.earn();
    let mut next_at = Instant::now() + after;
    let mut exhausted = false;
    loop {
        tokio::select! {
            biased;
            Some((number, answer)) = running.next() => match answer {
                Some(value) => return Ok((number, value)),
                None if exhausted && running.is_empty() => return Err(Unanswered::AllFailed),
                None if running.is_empty() => next_at = Instant::now(),
                None => {}
            },
            () = tokio::time::sleep_until(deadline) => return Err(Unanswered::Deadline),
            () = tokio::time::sleep_until(next_at), if !exhausted => {
                // Slow, not failed: when many are slow, asking all of them twice makes them slower.
                if !running.is_empty() && !budget.spend() {
                    next_at = Instant::now() + after;
                    continue;
                }
                match tries.next() {
                    Some(attempt) => running.push(number(attempt)),
                    None => exhausted = true,
                }
                if exhausted && running.is_empty() {
                    return Err(Unanswered::AllFailed);
                }
                next_at = Instant::now() + after;
            }
        }
    }
}

/// What `ask` gives, which is asked again `pause` after all of its tries have failed, while there is time for that.
pub async fn again<T, F>(
    pause: Duration,
    deadline: Instant,
    mut ask: impl FnMut() -> F,
) -> Result<T, Unanswered>
where
    F: Future<Output = Result<T, Unanswered>>,
{
    loop {
        match ask().await {
            Err(Unanswered::AllFailed) if Instant::now() + pause < deadline => {
                tokio::time::sleep(pause).await;
            }
            answer => return answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AFTER: Duration = Duration::from_millis(30);

    async fn answer(wait_ms: u64, value: Option<u32>) -> Option<u32> {
        tokio::time::sleep(Duration::from_millis(wait_ms)).await;
        value
    }

    async fn run(tries: Vec<(u64, Option<u32>)>) -> (Result<(usize, u32), Unanswered>, u128) {
        within(tries, &RetryBudget::new()).await
    }

    async fn within(
        tries: Vec<(u64, Option<u32>)>,
        budget: &RetryBudget,
    ) -> (Result<(usize, u32), Unanswered>, u128) {
        let began = Instant::now();
        let tries = tries.into_iter().map(|(wait, value)| answer(wait, value));
        let result = first_of(tries, AFTER, began + Duration::from_millis(70), budget).await;
        (result, began.elapsed().as_millis())
    }

    #[tokio::test(start_paused = true)]
    async fn a_quick_first_try_stands_alone() {
        assert_eq!(run(vec![(5, Some(1)), (0, Some(2))]).await, (Ok((0, 1)), 5));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_first_try_is_overtaken() {
        let (result, took) = run(vec![(1000, Some(1)), (5, Some(2))]).await;
        assert_eq!(result, Ok((1, 2)));
        assert!((35..40).contains(&took), "{took} ms");
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_budget_a_slow_try_is_waited_for_and_a_failed_one_is_still_followed() {
        let budget = RetryBudget::new();
        while budget.spend() {}
        let slow = within(vec![(50, Some(1)), (1, Some(2))], &budget).await;
        assert_eq!(slow, (Ok((0, 1)), 50));
        let (failed, _) = within(vec![(5, None), (1, Some(2))], &budget).await;
        assert_eq!(failed, Ok((1, 2)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_first_try_goes_on_beside_the_second_to_the_end() {
        let (beside, took) = run(vec![(50, Some(1)), (1000, Some(2))]).await;
        assert_eq!((beside, took), (Ok((0, 1)), 50));
        let (alone, took) = run(vec![(50, Some(1)), (5, None)]).await;
        assert_eq!((alone, took), (Ok((0, 1)), 50));
    }

    /// Asks until number `at` succeeds; what became of it, and after how many milliseconds.
    async fn asked(at: u32, failure: Unanswered) -> (Result<u32, Unanswered>, u128) {
        let began = Instant::now();
        let mut asked = 0;
        let result = again(AFTER, began + Duration::from_millis(70), || {
            asked += 1;
            std::future::ready(if asked == at { Ok(asked) } else { Err(failure) })
        });
        (result.await, began.elapsed().as_millis())
    }

    #[tokio::test(start_paused = true)]
    async fn what_failed_is_asked_again_while_there_is_time() {
        assert_eq!(asked(1, Unanswered::AllFailed).await, (Ok(1), 0));
        assert_eq!(asked(3, Unanswered::AllFailed).await, (Ok(3), 60));
        let never = asked(4, Unanswered::AllFailed).await;
        assert_eq!(never, (Err(Unanswered::AllFailed), 60));
        for final_word in [Unanswered::Deadline, Unanswered::NothingToTry] {
            assert_eq!(asked(2, final_word).await, (Err(final_word), 0));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_try_is_followed_at_once() {
        let (result, took) = run(vec![(2, None), (2, None), (2, Some(3))]).await;
        assert_eq!(result, Ok((2, 3)));
        assert!(took < 12, "{took} ms");
    }

    #[tokio::test(start_paused = true)]
    async fn failures_and_silence_are_told_apart() {
        assert_eq!(run(vec![]).await.0, Err(Unanswered::NothingToTry));
        assert_eq!(
            run(vec![(1, None), (1, None)]).await.0,
            Err(Unanswered::AllFailed)
        );
        let silence = run(vec![(1000, Some(1)), (1000, Some(2))]).await;
        assert_eq!(silence, (Err(Unanswered::Deadline), 70));
    }
}
