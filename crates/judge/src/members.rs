//! The members of the topology: where each stands, what it was, and which faults it suffered.

use drill::{Component, Role};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use timeline::Placed;

use crate::story::Story;

/// One member of the topology.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct MemberFigures {
    /// Service name, such as `api-1`.
    pub name: String,
    /// Component.
    pub component: Component,
    /// Zone, where the recording has it.
    pub zone: Option<String>,
    /// Roles that it played when it was first seen.
    pub roles: Vec<Role>,
    /// Episodes in which it suffered, as positions in the judgement's episodes.
    pub episodes: Vec<usize>,
}

/// Every member: of the header, or, in a recording without them there, everyone that was seen.
pub(crate) fn figures(story: &Story) -> Vec<MemberFigures> {
    let seen = story.sightings.iter().map(|(_, health)| Placed {
        name: health.member.clone(),
        component: health.component,
        zone: None,
    });
    let mut placed: Vec<Placed> = story.header.members.clone();
    if placed.is_empty() {
        placed.extend(seen);
    }
    placed.sort_by(|a, b| a.name.cmp(&b.name));
    placed.dedup_by(|a, b| a.name == b.name);
    placed
        .into_iter()
        .map(|member| row(story, member))
        .collect()
}

fn row(story: &Story, member: Placed) -> MemberFigures {
    let mut sightings = story.sightings.iter();
    let first = sightings.find(|(_, health)| health.member == member.name);
    let episodes = story.episodes.iter().enumerate();
    let suffered = episodes.filter(|(_, chapter)| chapter.members.contains(&member.name));
    MemberFigures {
        roles: first.map_or_else(Vec::new, |(_, health)| health.roles.clone()),
        episodes: suffered.map(|(episode, _)| episode).collect(),
        name: member.name,
        component: member.component,
        zone: member.zone,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Run;

    #[test]
    fn members_come_from_the_header_with_zone_and_faults() {
        let mut run = Run::healthy();
        let placed = |name: &str, component| Placed {
            name: name.into(),
            component,
            zone: Some("a".into()),
        };
        run.header().members = vec![
            placed("postgres-1", Component::Postgres),
            placed("api-2", Component::Api),
            placed("ws-1", Component::Ws),
        ];
        let members = run.judge().members;
        let row = |member: &MemberFigures| (member.name.clone(), member.episodes.clone());
        let rows: Vec<_> = members.iter().map(row).collect();
        let expected = [
            ("api-2", vec![0]),
            ("postgres-1", vec![1]),
            ("ws-1", vec![]),
        ];
        assert_eq!(rows, expected.map(|(name, hit)| (name.to_owned(), hit)));
        assert!(
            members
                .iter()
                .all(|member| member.zone.as_deref() == Some("a"))
        );
    }

    #[test]
    fn a_recording_without_members_shows_those_that_were_seen() {
        let names: Vec<_> = Run::healthy().judge().members;
        let names: Vec<_> = names.iter().map(|member| member.name.as_str()).collect();
        assert_eq!(names, ["api-2", "postgres-1", "postgres-2"]);
    }
}
