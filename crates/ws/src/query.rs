//! What a client asks for in the address of its stream.

use wire::WARDS;

/// A stream's beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Within `1..=WARDS`.
    pub(crate) ward: u32,
    /// Alerts after this one are sent again.
    pub(crate) last_event_id: Option<i64>,
}

impl Wanted {
    /// Reads `ward=7&last_event_id=12`; an error says what is wrong.
    pub(crate) fn parse(query: Option<&str>) -> Result<Self, String> {
        let mut ward = None;
        let mut last_event_id = None;
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
                Some(("last_event_id", text)) => {
                    let number = text.parse().ok();
                    last_event_id = Some(
                        number
                            .filter(|id| *id >= 0)
                            .ok_or_else(|| format!("last_event_id is '{text}', not a number"))?,
                    );
                }
                _ => {}
            }
        }
        Ok(Self {
            ward: ward.ok_or("ward is missing")?,
            last_event_id,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ward_and_last_event_are_read() {
        let wanted = Wanted::parse(Some("ward=7&last_event_id=12")).unwrap();
        assert_eq!((wanted.ward, wanted.last_event_id), (7, Some(12)));
        assert_eq!(
            Wanted::parse(Some("x=1&ward=40")).unwrap().last_event_id,
            None
        );
    }

    #[test]
    fn nonsense_is_named() {
        for query in [
            None,
            Some(""),
            Some("ward=41"),
            Some("ward=0"),
            Some("ward=7&last_event_id=-1"),
        ] {
            assert!(Wanted::parse(query).is_err(), "{query:?}");
        }
    }
}
