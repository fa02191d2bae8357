//! Where a stay had no working stream, from the moments at which something came over one.

use std::time::Duration;

use timeline::{Offset, Span, SpanKind};

/// Silence after which a message is overdue. A ward's vital signs come every two seconds, and a stream that was silent for 2.5 s
/// is pinged: half a second later something has come, also in a ward where nobody is measured.
const OVERDUE: Duration = Duration::from_secs(3);
/// Time that the first opening of a stay may take: it connects, shakes hands and is greeted, at a busy hour, too.
const OPENING: Duration = Duration::from_secs(1);

/// How the stay stands with its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The first opening is due since then.
    Opening(Offset),
    /// The latest message came then.
    Heard(Offset),
    /// Without a stream since the first of these, for sure since the second.
    Gone(Offset, Offset),
}

/// The gaps of one stay of one follower.
#[derive(Debug)]
pub(crate) struct Gaps {
    user: u32,
    since: Offset,
    state: State,
}

impl Gaps {
    /// Of a stay whose first opening is due at `due`.
    pub(crate) fn new(user: u32, due: Offset) -> Self {
        Self {
            user,
            since: due,
            state: State::Opening(due),
        }
    }

    /// Something came over a stream; the gap that it ends, if there was one.
    pub(crate) fn heard(&mut self, now: Offset) -> Option<Span> {
        let gap = self.gap(now);
        self.state = State::Heard(now);
        gap
    }

    /// The stream broke, or could not be opened. What was overdue by then was missed earlier.
    pub(crate) fn broke(&mut self, now: Offset) {
        self.state = match self.state {
            State::Opening(due) => State::Gone(due, after(due, OPENING).min(now.max(due))),
            State::Heard(last) if now > after(last, OVERDUE) => {
                State::Gone(last, after(last, OVERDUE))
            }
            State::Heard(last) => State::Gone(now.max(last), now.max(last)),
            gone @ State::Gone(..) => gone,
        };
    }

    /// The stay is over; the gap that was still open, and the stay.
    pub(crate) fn over(self, now: Offset) -> (Option<Span>, Span) {
        let stay = self.span(SpanKind::Stay, self.since, self.since, now);
        (self.gap(now), stay)
    }

    /// The gap that lasts until now.
    fn gap(&self, now: Offset) -> Option<Span> {
        let (from, sure) = match self.state {
            State::Opening(due) => (due, after(due, OPENING)),
            State::Heard(last) => (last, after(last, OVERDUE)),
            State::Gone(from, sure) => (from, sure),
        };
        (sure < now).then(|| self.span(SpanKind::Gap, from, sure, now))
    }

    fn span(&self, kind: SpanKind, from: Offset, sure: Offset, until: Offset) -> Span {
        Span {
            user: self.user,
            kind,
            from,
            sure,
            until: until.max(sure),
        }
    }
}

fn after(at: Offset, time: Duration) -> Offset {
    Offset::from(at.as_duration() + time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: u64) -> Offset {
        Offset::from(Duration::from_millis(ms))
    }

    fn times(gap: Option<Span>) -> Option<(Offset, Offset, Offset)> {
        gap.map(|gap| (gap.from, gap.sure, gap.until))
    }

    #[test]
    fn messages_in_time_leave_no_gap() {
        let mut gaps = Gaps::new(1, at(0));
        let moments = [900, 2900, 5900, 6000];
        assert!(moments.iter().all(|ms| gaps.heard(at(*ms)).is_none()));
        let (gap, stay) = gaps.over(at(8000));
        assert_eq!(gap, None);
        assert_eq!((stay.from, stay.until), (at(0), at(8000)));
    }

    #[test]
    fn silence_is_a_gap_from_the_last_message_on() {
        let mut gaps = Gaps::new(1, at(0));
        assert_eq!(gaps.heard(at(100)), None);
        let silent = Some((at(100), at(3100), at(9000)));
        assert_eq!(times(gaps.heard(at(9000))), silent);
        assert_eq!(
            times(gaps.over(at(12_500)).0),
            Some((at(9000), at(12_000), at(12_500)))
        );
    }

    #[test]
    fn a_break_begins_a_gap_at_once_and_one_after_silence_began_earlier() {
        let mut gaps = Gaps::new(1, at(0));
        gaps.heard(at(100));
        gaps.broke(at(1000));
        gaps.broke(at(1500));
        assert_eq!(
            times(gaps.heard(at(2000))),
            Some((at(1000), at(1000), at(2000)))
        );
        gaps.broke(at(7000));
        assert_eq!(
            times(gaps.heard(at(7500))),
            Some((at(2000), at(5000), at(7500)))
        );
    }

    #[test]
    fn an_opening_that_fails_or_takes_long_is_a_gap_from_its_due_time_on() {
        let mut slow = Gaps::new(1, at(0));
        assert_eq!(
            times(slow.heard(at(1500))),
            Some((at(0), at(1000), at(1500)))
        );
        let mut failed = Gaps::new(1, at(0));
        failed.broke(at(20));
        assert_eq!(times(failed.heard(at(400))), Some((at(0), at(20), at(400))));
        assert_eq!(
            times(Gaps::new(1, at(0)).over(at(5000)).0),
            Some((at(0), at(1000), at(5000)))
        );
        assert_eq!(Gaps::new(1, at(0)).over(at(900)).0, None);
    }

    proptest! {
        #[test]
        fn gaps_lie_in_their_stay_one_after_the_other(
            steps in prop::collection::vec((0_u64..6000, any::<bool>()), 0..40),
        ) {
            let (mut gaps, mut now, mut all) = (Gaps::new(1, at(0)), 0, vec![]);
            for (wait, heard) in steps {
                now += wait;
                match heard {
                    true => all.extend(gaps.heard(at(now))),
                    false => gaps.broke(at(now)),
                }
            }
            let (last, stay) = gaps.over(at(now));
            all.extend(last);
            let mut before = stay.from;
            for gap in all {
                prop_assert!(before <= gap.from && gap.from <= gap.sure && gap.sure <= gap.until);
                before = gap.until;
            }
            prop_assert!(before <= stay.until);
        }
    }
}
