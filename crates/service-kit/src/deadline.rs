//! The time that is left for a request, told from hop to hop: nobody works on what nobody waits for any more.
//!
//! It is told as a duration, because clocks differ. What a request spends on its way is not taken off, and a load
//! balancer that repeats it repeats the number, too: the receiver's own limits stay, and the sooner of both counts.

use std::time::Duration;

use hyper::HeaderMap;
use hyper::header::HeaderValue;
use tokio::time::Instant;

/// How long the sender goes on waiting, in whole milliseconds.
pub const HEADER: &str = "x-deadline-ms";
/// Says that nobody asks once more.
pub const LAST_TRY: &str = "x-last-try";
/// What the way back of an answer takes, with a processor that is busy.
const WAY_BACK: Duration = Duration::from_millis(20);
/// With less than this left no answer comes in time: the quickest takes 3 ms.
pub const LEAST: Duration = Duration::from_millis(5);

/// There is less than [`LEAST`] left.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too little time is left")]
pub struct TooLate;

/// Until when the sender of a request that came at `came` waits; `None` when it does not say, or says it unreadably.
///
/// # Errors
/// When it is not worth beginning.
pub fn told(headers: &HeaderMap, came: Instant) -> Result<Option<Instant>, TooLate> {
    let left = headers.get(HEADER).and_then(|value| value.to_str().ok());
    let Some(left_ms) = left.and_then(|left| left.parse::<u32>().ok()) else {
        return Ok(None);
    };
    match Duration::from_millis(left_ms.into()) {
        left if left < LEAST => Err(TooLate),
        left => Ok(Some(came + left)),
    }
}

/// For how long to go on with a request that came at `came`: `usually` it is given up early, because another try may be quicker.
/// The last try takes all of the time that its sender waits.
pub fn patience(headers: &HeaderMap, came: Instant, usually: Duration) -> Duration {
    match told(headers, came) {
        Ok(Some(by)) if headers.contains_key(LAST_TRY) => {
            usually.max((by - came).saturating_sub(WAY_BACK))
        }
        _ => usually,
    }
}

/// Marks a request as the last try, or takes the mark away that somebody else has set.
pub fn mark(headers: &mut HeaderMap, last_try: bool) {
    match last_try {
        true => headers.insert(LAST_TRY, HeaderValue::from_static("1")),
        false => headers.remove(LAST_TRY),
    };
}

/// Tells the next hop, in place of what the headers said before.
///
/// # Errors
/// When it is not worth asking.
pub fn tell(headers: &mut HeaderMap, by: Instant) -> Result<(), TooLate> {
    let left = by.saturating_duration_since(Instant::now());
    if left < LEAST {
        return Err(TooLate);
    }
    let left_ms = u32::try_from(left.as_millis()).unwrap_or(u32::MAX);
    headers.insert(HEADER, HeaderValue::from(left_ms));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saying(left: &'static str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, HeaderValue::from_static(left));
        headers
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_told_is_heard() {
        let now = Instant::now();
        let mut headers = saying("9999");
        let by = now + Duration::from_micros(250_900);
        assert_eq!(tell(&mut headers, by), Ok(()));
        assert_eq!(headers[HEADER], "250");
        assert_eq!(headers.get_all(HEADER).iter().count(), 1);
        let heard = now + Duration::from_millis(250);
        assert_eq!(told(&headers, now), Ok(Some(heard)));
    }

    #[tokio::test(start_paused = true)]
    async fn too_little_is_neither_told_nor_begun() {
        let now = Instant::now();
        let mut headers = HeaderMap::new();
        assert_eq!(tell(&mut headers, now), Err(TooLate));
        assert_eq!(tell(&mut headers, now + LEAST / 2), Err(TooLate));
        assert!(headers.is_empty());
        assert_eq!(told(&saying("4"), now), Err(TooLate));
        assert_eq!(told(&saying("5"), now), Ok(Some(now + LEAST)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_try_takes_the_time_that_is_left() {
        const USUALLY: Duration = Duration::from_millis(90);
        let now = Instant::now();
        let mut headers = saying("400");
        assert_eq!(patience(&headers, now, USUALLY), USUALLY);
        mark(&mut headers, true);
        let left = Duration::from_millis(380);
        assert_eq!(patience(&headers, now, USUALLY), left);
        mark(&mut headers, false);
        assert_eq!(patience(&headers, now, USUALLY), USUALLY);
        for little in ["4", "50", "soon"] {
            let mut headers = saying(little);
            mark(&mut headers, true);
            assert_eq!(patience(&headers, now, USUALLY), USUALLY, "{little}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_says_nothing_readable_gets_no_deadline() {
        let now = Instant::now();
        assert_eq!(told(&HeaderMap::new(), now), Ok(None));
        for nonsense in ["", "-1", "1.5", "soon", "99999999999"] {
            assert_eq!(told(&saying(nonsense), now), Ok(None), "{nonsense}");
        }
    }
}
