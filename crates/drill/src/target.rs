//! Who suffers a fault.

mod amount;
mod candidate;
mod check;
mod component;
mod members;
pub(crate) mod named;
mod role;
mod words;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use amount::{Amount, AnyOf};
pub use candidate::Candidate;
pub(crate) use candidate::platform;
pub(crate) use check::Offer;
pub use component::Component;
pub use members::{Parts, Unresolved};
pub use role::{Player, Players, Role, When};

/// Who suffers: in a drill file, one of these forms.
///
/// ```toml
/// target.container  = "api-1"
/// target.containers = ["api-1", "ws-1"]
/// target.role       = "postgres-primary"                            # whoever plays it when the fault is due
/// target.role       = { name = "postgres-primary", at = "start" }   # who played it when the load began
/// target.any        = { component = "api", count = 2 }              # one without a count
/// target.any        = { component = "api", percent = 50 }           # rounded up
/// target.all        = { component = "api" }
/// target.minority   = { component = "etcd" }
/// target.zone       = "b"
/// target.label      = { name = "gameday.zone", value = "a" }
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Target {
    /// One member, by its service name.
    Container(String),
    /// Several members, by their service names.
    Containers(Vec<String>),
    /// Whoever plays the role; one of them, drawn by seed, where several do.
    Role(Player),
    /// A number or a share of a component, drawn by seed.
    Any(AnyOf),
    /// Every member of a component.
    All(OfComponent),
    /// As many of a component as can be lost while a majority is left, drawn by seed.
    Minority(OfComponent),
    /// Every member of the platform in a zone.
    Zone(String),
    /// Every member of the platform with a Compose label.
    Label(Label),
}

/// Members of a component.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfComponent {
    /// The component.
    pub component: Component,
}

/// Members with a Compose label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Label {
    /// The label's name, such as `gameday.price`.
    pub name: String,
    /// The label's value.
    pub value: String,
    /// Who carries it: found in the topology when the drill is parsed, never written in a drill file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub members: Vec<String>,
}

impl Target {
    /// The component that every member of the target belongs to, as far as the target itself tells; for
    /// containers, by their service names up to the number.
    pub fn component(&self) -> Option<Component> {
        match self {
            Self::Container(name) => Component::of_member(name),
            Self::Containers(names) => {
                let first = Component::of_member(names.first()?);
                let same = |name: &String| Component::of_member(name) == first;
                first.filter(|_| names.iter().all(same))
            }
            Self::Role(player) => Some(player.role.component()),
            Self::Any(any) => Some(any.component),
            Self::All(of) | Self::Minority(of) => Some(of.component),
            Self::Zone(_) | Self::Label(_) => None,
        }
    }

    /// The role that the target is about.
    pub fn role(&self) -> Option<Role> {
        match self {
            Self::Role(player) => Some(player.role),
            _ => None,
        }
    }

    /// The role whose player at the beginning of the load the target stays with.
    pub fn pinned(&self) -> Option<Role> {
        match self {
            Self::Role(player) if player.at == When::Start => Some(player.role),
            _ => None,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Container(name) => f.pad(name),
            Self::Containers(names) => f.pad(&names.join(", ")),
            Self::Role(player) => player.fmt(f),
            Self::Any(any) => any.fmt(f),
            Self::All(of) => f.pad(&format!("all {}", of.component)),
            Self::Minority(of) => f.pad(&format!("a minority of {}", of.component)),
            Self::Zone(zone) => f.pad(&format!("zone {zone}")),
            Self::Label(label) => f.pad(&format!("{}={}", label.name, label.value)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Serialize, Deserialize)]
    struct Line {
        target: Target,
    }

    fn read(target: &str) -> Result<Target, String> {
        let line: Result<Line, _> = toml::from_str(&format!("target.{target}"));
        line.map(|line| line.target)
            .map_err(|error| error.message().to_owned())
    }

    #[test]
    fn every_form_reads_shows_and_round_trips() {
        let check = |text: &str, shown: &str, component: Option<Component>| {
            let target = read(text).unwrap();
            assert_eq!(target.to_string(), shown);
            assert_eq!(target.component(), component, "{text}");
            let again = toml::to_string(&Line { target }).unwrap();
            let line: Line = toml::from_str(&again).unwrap();
            assert_eq!(line.target, read(text).unwrap());
        };
        let api = Some(Component::Api);
        check("container = \"api-1\"", "api-1", api);
        check("containers = [\"api-1\", \"api-2\"]", "api-1, api-2", api);
        check("containers = [\"api-1\", \"ws-1\"]", "api-1, ws-1", None);
        check("containers = []", "", None);
        let redis = Some(Component::Redis);
        check("role = \"redis-master\"", "redis-master", redis);
        let pinned = "role = { name = \"redis-master\", at = \"start\" }";
        check(pinned, "redis-master at the start", redis);
        check("any = { component = \"api\" }", "any api", api);
        let two = "any = { component = \"api\", count = 2 }";
        check(two, "any 2 api", api);
        let share = "any = { component = \"api\", percent = 12.5 }";
        check(share, "any 12.5 % api", api);
        check("all = { component = \"api\" }", "all api", api);
        let minority = "minority = { component = \"etcd\" }";
        check(minority, "a minority of etcd", Some(Component::Etcd));
        check("zone = \"b\"", "zone b", None);
        let label = "label = { name = \"tier\", value = \"front\" }";
        check(label, "tier=front", None);
    }

    #[test]
    fn only_a_pinned_role_is_pinned() {
        let follows = Target::Role(Role::RedisMaster.into());
        assert_eq!(follows.role(), Some(Role::RedisMaster));
        assert_eq!(follows.pinned(), None);
        let at = When::Start;
        let role = Role::EtcdLeader;
        let pinned = Target::Role(Player { role, at });
        assert_eq!(pinned.pinned(), Some(role));
        assert_eq!(Target::Zone("b".into()).role(), None);
    }

    #[test]
    fn typos_are_refused_with_the_allowed_keys() {
        let check = |text: &str, expected: &str| {
            let error = read(text).unwrap_err();
            assert!(error.contains(expected), "{error:?} lacks {expected:?}");
        };
        check(
            "zon = \"b\"",
            "unknown variant `zon`, expected one of `container`, `containers`, `role`, `any`, `all`, \
             `minority`, `zone`, `label`",
        );
        check("all = \"api\"", "expected struct OfComponent");
        check(
            "all = { component = \"api\", count = 2 }",
            "unknown field `count`, expected `component`",
        );
        check("label = { name = \"tier\" }", "missing field `value`");
        check("containers = \"api-1\"", "expected a sequence");
        check("zone = 2", "expected a string");
    }
}
