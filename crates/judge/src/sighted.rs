//! Whether the observer told of every member: of one that it never saw, nothing is known.

use std::collections::BTreeSet;

use crate::{evidence::doubt, judgement::Finding, story::Story};

/// Members of the topology that were never sighted. The observer tells of each when it begins to watch, so one that is
/// missing was taken out, or was never looked at.
pub(crate) fn never_seen(story: &Story) -> Option<Finding> {
    let sightings = story.sightings.iter();
    let seen: BTreeSet<_> = sightings.map(|(_, health)| &health.member).collect();
    let members = story.header.members.iter().map(|member| &member.name);
    let missing: Vec<_> = members.filter(|name| !seen.contains(name)).collect();
    let first = missing.first()?;
    let text = match missing.len() {
        1 => format!("no sighting of {first}"),
        many => format!("no sighting of {first}, and of {} more", many - 1),
    };
    let why = "Full health between the episodes is not established of a member that nobody saw.";
    Some(doubt("member never seen", text, missing.len() as f64, why))
}

#[cfg(test)]
mod tests {
    use drill::Component;
    use timeline::{Event, Placed};

    use super::*;
    use crate::testing::{Run, health};

    fn text(seen: &[&str]) -> Option<String> {
        let mut run = Run::healthy();
        run.header().members = ["redis-1", "redis-2", "redis-3"]
            .map(|name| Placed {
                name: name.into(),
                component: Component::Redis,
                zone: None,
            })
            .into();
        for name in seen {
            run.push(1.0, Event::Member(health(name, true, &[])));
        }
        let story = Story::new(&run.entries).unwrap();
        never_seen(&story).map(|finding| finding.measured.text)
    }

    #[test]
    fn a_member_without_a_sighting_is_named() {
        assert_eq!(text(&["redis-1", "redis-2", "redis-3"]), None);
        assert_eq!(
            text(&["redis-1", "redis-3"]).unwrap(),
            "no sighting of redis-2"
        );
        assert_eq!(text(&[]).unwrap(), "no sighting of redis-1, and of 2 more");
    }

    #[test]
    fn where_the_header_names_nobody_nobody_is_missed() {
        let run = Run::healthy();
        assert!(never_seen(&Story::new(&run.entries).unwrap()).is_none());
    }
}
