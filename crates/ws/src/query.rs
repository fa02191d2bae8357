//! What a client asks for in the address of its stream.

use uuid::Uuid;
use wire::WARDS;

/// Alerts that a client may name as seen: more than a ward has within the overlap, and a short address still.
const MOST_SEEN: usize = 64;

/// A stream's beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Within `1..=WARDS`.
    pub(crate) ward: u32,
    /// Who comes back: the newest moment that it was told, in milliseconds since the Unix epoch. Alerts raised since a
    /// while before that are sent.
    pub(crate) since_ms: Option<i64>,
    /// Alerts that it was shown: not sent again.
    pub(crate) seen: Vec<Uuid>,
}

impl Wanted {
    /// Reads `ward=7&since_ms=1700000000000&seen=<id>,<id>`; an error says what is wrong.
    pub(crate) fn parse(query: Option<&str>) -> Result<Self, String> {
        let (mut ward, mut since_ms, mut seen) = (None, None, Vec::new());
        for pair in query.unwrap_or_default().split('&') {
            match pair.split_once('=') {
                Some(("ward", text)) => {
                    let number = text.parse().ok();
                    ward = Some(
                        number
                            .filter(|ward| (1..=WARDS).contains(ward))
                            .ok_or_else(|| format!("ward is '{text}', not within 1..={WARDS}"))?,
                    );
                }
                Some(("since_ms", text)) => {
                    let number = text.parse().ok();
                    since_ms = Some(
                        number
                            .filter(|ms| *ms >= 0)
                            .ok_or_else(|| format!("since_ms is '{text}', not a time"))?,
                    );
                }
                Some(("seen", text)) => seen = ids(text)?,
                _ => {}
            }
        }
        Ok(Self {
            ward: ward.ok_or("ward is missing")?,
            since_ms,
            seen,
        })
    }
}

fn ids(text: &str) -> Result<Vec<Uuid>, String> {
    let ids: Result<Vec<_>, _> = text.split(',').map(Uuid::parse_str).collect();
    match ids {
        Ok(ids) if ids.len() <= MOST_SEEN => Ok(ids),
        Ok(ids) => Err(format!("seen has {} ids, at most {MOST_SEEN}", ids.len())),
        Err(_) => Err(format!(
            "seen is '{text}', not ids of alerts with commas between"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ward_moment_and_alerts_seen_are_read() {
        let [one, two] = [1, 2].map(Uuid::from_u128);
        let query = format!("ward=7&since_ms=12&seen={one},{}", two.simple());
        let wanted = Wanted::parse(Some(&query)).unwrap();
        assert_eq!((wanted.ward, wanted.since_ms), (7, Some(12)));
        assert_eq!(wanted.seen, [one, two]);
        let first = Wanted::parse(Some("x=1&ward=40")).unwrap();
        assert_eq!((first.since_ms, first.seen.len()), (None, 0));
    }

    #[test]
    fn nonsense_is_named() {
        let many = vec![Uuid::nil().to_string(); MOST_SEEN + 1].join(",");
        let many = format!("ward=7&seen={many}");
        for query in [
            None,
            Some(""),
            Some("ward=41"),
            Some("ward=0"),
            Some("ward=7&since_ms=-1"),
            Some("ward=7&seen=77"),
            Some("ward=7&seen="),
            Some(many.as_str()),
        ] {
            assert!(Wanted::parse(query).is_err(), "{query:?}");
        }
    }
}
