//! Who showed a fault without suffering it: by ill health of its own, or by taking over the victim's role.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    figures::figure,
    story::{Story, Stretch},
};

/// The first thing that a member other than the victims showed of a fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Witness {
    /// Position in the judgement's episodes.
    pub episode: usize,
    /// Service name.
    pub member: String,
    /// Time after the fault, in seconds.
    pub after_s: f64,
    /// What the member said of itself.
    pub said: String,
}

/// Every witness, in the order of time.
pub(crate) fn witnesses(story: &Story) -> Vec<Witness> {
    let stretches = story.stretches().into_iter();
    stretches.flat_map(|stretch| of(story, stretch)).collect()
}

fn of(story: &Story, stretch: Stretch) -> Vec<Witness> {
    let chapter = &story.episodes[stretch.episode];
    let mut known: BTreeSet<&str> = chapter.members.iter().map(String::as_str).collect();
    let mut witnesses = vec![];
    for (at, health) in &story.sightings {
        let during = (stretch.from..stretch.until).contains(at);
        let shows = !health.healthy || chapter.is_heir(health);
        if during && shows && known.insert(&health.member) {
            witnesses.push(Witness {
                episode: stretch.episode,
                member: health.member.clone(),
                after_s: figure(at.since(stretch.from).as_secs_f64()),
                said: health.detail.clone(),
            });
        }
    }
    witnesses
}

#[cfg(test)]
mod tests {
    use drill::Component;
    use timeline::{Event, MemberHealth};

    use crate::testing::Run;

    #[test]
    fn heirs_and_members_in_ill_health_are_witnesses_and_victims_are_not() {
        let mut run = Run::healthy();
        for (load_s, healthy) in [(5.0, false), (11.0, false), (12.0, false), (13.0, true)] {
            let health = MemberHealth {
                member: "haproxy-1".into(),
                component: Component::Haproxy,
                healthy,
                answered: true,
                roles: vec![],
                detail: "api-2 is DOWN".into(),
            };
            run.push(load_s, Event::Member(health));
        }
        let found = run.judge().witnesses;
        let found: Vec<_> = found
            .iter()
            .map(|w| (w.episode, w.member.as_str(), w.after_s))
            .collect();
        assert_eq!(found, [(0, "haproxy-1", 1.0), (1, "postgres-2", 2.0)]);
    }
}
