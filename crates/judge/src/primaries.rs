//! Who said of itself that it is the database's primary, and when two did.

use std::collections::{BTreeMap, BTreeSet};

use drill::{Component, Role};
use timeline::{MemberHealth, Offset};

/// Two or more primaries at the same time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Overlap {
    pub(crate) members: Vec<String>,
    pub(crate) from: Offset,
    pub(crate) lasted_s: f64,
}

/// Sights of primaries, folded as they come.
#[derive(Debug, Clone, Default)]
pub(crate) struct Primaries {
    now: BTreeMap<String, Offset>,
    seen: bool,
    /// Since when there are two or more.
    since: Option<Offset>,
    longest: Option<Overlap>,
    last: Offset,
    /// Members that do not answer and may run, each since when.
    dark: BTreeMap<String, Offset>,
    /// Members that the engine has reported dead or frozen: they take no writes.
    idle: BTreeSet<String>,
    /// The longest time in which a member could not be seen.
    unseen: Option<Overlap>,
}

impl Primaries {
    /// A member's health is new or has changed.
    pub(crate) fn see(&mut self, at: Offset, health: &MemberHealth) {
        let before: Vec<_> = self.now.keys().cloned().collect();
        self.last = self.last.max(at);
        self.look(at, health);
        if health.roles.contains(&Role::PostgresPrimary) {
            self.seen = true;
            self.now.entry(health.member.clone()).or_insert(at);
        } else {
            self.now.remove(&health.member);
        }
        match (self.since, self.now.len()) {
            (None, 2..) => self.since = Some(at),
            (Some(from), 0..2) => {
                self.since = None;
                self.keep(before, from, at);
            }
            _ => {}
        }
    }

    /// The engine reports what became of a container.
    pub(crate) fn hear(&mut self, at: Offset, member: &str, action: &str) {
        match action {
            // A signal alone ("kill") is no death. A frozen member runs nothing, so it writes nothing either.
            "die" | "stop" | "pause" => {
                self.idle.insert(member.to_owned());
                self.look_again(at, member);
            }
            "start" | "unpause" => {
                self.idle.remove(member);
            }
            _ => {}
        }
    }

    /// A database member answers, or not. One that runs and does not answer may be a primary.
    fn look(&mut self, at: Offset, health: &MemberHealth) {
        let may_run = !self.idle.contains(&health.member);
        if health.component == Component::Postgres && !health.answered && may_run {
            self.dark.entry(health.member.clone()).or_insert(at);
        } else {
            self.look_again(at, &health.member);
        }
    }

    /// A member is known again: the time in which it was not is over.
    fn look_again(&mut self, at: Offset, member: &str) {
        if let Some(from) = self.dark.remove(member) {
            let lasted_s = at.since(from).as_secs_f64();
            let longest = self.unseen.as_ref().map_or(0.0, |unseen| unseen.lasted_s);
            if lasted_s > longest {
                let members = vec![member.to_owned()];
                self.unseen = Some(Overlap {
                    members,
                    from,
                    lasted_s,
                });
            }
        }
    }

    /// The longest time in which a database member that the engine did not report dead could not be seen, up to `end`
    /// where it is not over.
    pub(crate) fn longest_unseen(&self, end: Offset) -> Option<Overlap> {
        let mut all = self.clone();
        for member in self.dark.keys() {
            all.look_again(end, member);
        }
        all.unseen
    }

    fn keep(&mut self, members: Vec<String>, from: Offset, until: Offset) {
        let lasted_s = until.since(from).as_secs_f64();
        if self
            .longest
            .as_ref()
            .is_none_or(|longest| lasted_s > longest.lasted_s)
        {
            self.longest = Some(Overlap {
                members,
                from,
                lasted_s,
            });
        }
    }

    /// Whether any primary was seen.
    pub(crate) fn were_seen(&self) -> bool {
        self.seen
    }

    /// The longest time with two or more, one that is not over at the last sight included.
    pub(crate) fn longest_overlap(&self) -> Option<Overlap> {
        let mut all = self.clone();
        if let Some(from) = self.since {
            all.keep(self.now.keys().cloned().collect(), from, self.last);
        }
        all.longest
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use drill::Component;

    use super::*;

    fn seen(changes: &[(u64, &str, bool)]) -> Primaries {
        let mut primaries = Primaries::default();
        for (seconds, member, primary) in changes {
            let roles = match primary {
                true => vec![Role::PostgresPrimary],
                false => vec![],
            };
            let health = MemberHealth {
                member: (*member).into(),
                component: Component::Postgres,
                healthy: true,
                answered: true,
                roles,
                detail: String::new(),
            };
            primaries.see(Offset::from(Duration::from_secs(*seconds)), &health);
        }
        primaries
    }

    #[test]
    fn one_after_the_other_is_no_overlap() {
        let primaries = seen(&[
            (0, "a", true),
            (9, "a", false),
            (20, "b", true),
            (21, "a", false),
        ]);
        assert!(primaries.were_seen());
        assert_eq!(primaries.longest_overlap(), None);
        assert!(!seen(&[(0, "a", false)]).were_seen());
    }

    #[test]
    fn the_longest_time_with_two_counts() {
        let changes = [
            (0, "a", true),
            (5, "b", true),
            (6, "a", false),
            (10, "a", true),
            (14, "b", false),
        ];
        let overlap = seen(&changes).longest_overlap().unwrap();
        assert_eq!((overlap.lasted_s, overlap.members.len()), (4.0, 2));
    }

    #[test]
    fn one_that_is_not_over_counts_up_to_the_last_sight() {
        let overlap = seen(&[(0, "a", true), (5, "b", true), (8, "c", false)]).longest_overlap();
        assert_eq!(overlap.unwrap().lasted_s, 3.0);
    }
}
