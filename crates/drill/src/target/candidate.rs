//! What a target is chosen by: the members of a topology, as far as a choice needs to know them.

use std::collections::BTreeMap;

use super::Component;

/// A member of a topology.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Service name, such as `api-1`.
    pub name: String,
    /// Component.
    pub component: Component,
    /// Zone, where the topology gives one; instruments have none.
    pub zone: Option<String>,
    /// Compose labels by name; empty where they are not known.
    pub labels: BTreeMap<String, String>,
}

impl Candidate {
    /// A member of which no more is known than its name; whoever is not named after a component is an
    /// instrument.
    pub fn named(name: String) -> Self {
        let component = Component::of_member(&name);
        Self {
            component: component.unwrap_or(Component::Instrument),
            name,
            zone: None,
            labels: BTreeMap::new(),
        }
    }
}

/// Everyone whom a fault may hit, by name: instruments never.
pub(crate) fn platform(candidates: &[Candidate]) -> Vec<&Candidate> {
    let mut platform: Vec<_> = candidates
        .iter()
        .filter(|candidate| candidate.component != Component::Instrument)
        .collect();
    platform.sort_by(|a, b| a.name.cmp(&b.name));
    platform.dedup_by(|a, b| a.name == b.name);
    platform
}

/// Values in order, each once, for messages that name what is allowed.
pub(super) fn listed<'a>(values: impl IntoIterator<Item = &'a str>) -> String {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_unstable();
    values.dedup();
    match values.is_empty() {
        true => "none".to_owned(),
        false => values.join(", "),
    }
}

/// Three `api` over the zones a, b and c, two `redis`, three `etcd`, two `postgres`, and the observer.
#[cfg(test)]
pub(super) fn sample() -> Vec<Candidate> {
    let places = [
        ("api-3", "c"),
        ("api-1", "a"),
        ("observer", ""),
        ("api-2", "b"),
        ("redis-1", "a"),
        ("redis-2", "b"),
        ("etcd-1", "b"),
        ("etcd-2", "c"),
        ("etcd-3", "a"),
        ("postgres-1", "a"),
        ("postgres-2", "b"),
    ];
    let candidate = |(name, zone): (&str, &str)| Candidate {
        zone: (!zone.is_empty()).then(|| zone.to_owned()),
        labels: [(
            "tier",
            if name.starts_with("api") {
                "front"
            } else {
                "back"
            },
        )]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into(),
        ..Candidate::named(name.to_owned())
    };
    places.map(candidate).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instruments_are_no_part_of_the_platform_and_order_is_by_name() {
        let sample = sample();
        let names: Vec<_> = platform(&sample).iter().map(|c| c.name.as_str()).collect();
        assert_eq!(names[..3], ["api-1", "api-2", "api-3"]);
        assert!(!names.contains(&"observer"));
        assert_eq!(names.len(), sample.len() - 1);
    }

    #[test]
    fn what_is_allowed_is_listed_once_and_in_order() {
        assert_eq!(listed(["b", "a", "b"]), "a, b");
        assert_eq!(listed([]), "none");
    }
}
