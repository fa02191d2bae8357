//! Some members of a component, and how many.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Component;
use crate::draw::share;

/// Members of a component, drawn by seed: `{ component = "api" }` is one of them,
/// `{ component = "api", count = 2 }` two, `{ component = "api", percent = 50 }` half of them, rounded up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Keys", into = "Keys")]
pub struct AnyOf {
    /// The component.
    pub component: Component,
    /// How many of it.
    pub amount: Amount,
}

/// How many of those that there are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Amount {
    /// So many, at least 1.
    Count(usize),
    /// So many of a hundred, above 0 and at most 100; rounded up to whole members.
    Percent(f64),
}

impl Amount {
    /// Members, of so many that there are.
    pub fn of(self, members: usize) -> usize {
        match self {
            Self::Count(count) => count,
            Self::Percent(percent) => share(members, percent),
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => write!(f, "{count}"),
            Self::Percent(percent) => write!(f, "{percent} %"),
        }
    }
}

impl fmt::Display for AnyOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let component = self.component;
        match self.amount {
            Amount::Count(1) => f.pad(&format!("any {component}")),
            amount => f.pad(&format!("any {amount} {component}")),
        }
    }
}

/// The keys of the drill file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Keys {
    component: Component,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    count: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    percent: Option<f64>,
}

impl TryFrom<Keys> for AnyOf {
    type Error = String;

    fn try_from(keys: Keys) -> Result<Self, String> {
        let amount = match (keys.count, keys.percent) {
            (Some(_), Some(_)) => return Err("any takes count or percent, not both".into()),
            (Some(0), None) => return Err("count 0 is not at least 1".into()),
            // Written so that a NaN is refused, too.
            (None, Some(percent)) if !(percent > 0.0 && percent <= 100.0) => {
                return Err(format!("percent {percent} is not above 0 and at most 100"));
            }
            (None, Some(percent)) => Amount::Percent(percent),
            (count, None) => Amount::Count(count.unwrap_or(1)),
        };
        Ok(Self {
            component: keys.component,
            amount,
        })
    }
}

impl From<AnyOf> for Keys {
    fn from(any: AnyOf) -> Self {
        let (count, percent) = match any.amount {
            Amount::Count(count) => (Some(count), None),
            Amount::Percent(percent) => (None, Some(percent)),
        };
        Self {
            component: any.component,
            count,
            percent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<AnyOf, String> {
        toml::from_str(text).map_err(|error: toml::de::Error| error.message().to_owned())
    }

    #[test]
    fn one_is_drawn_where_no_number_is_given() {
        let any = read("component = \"api\"").unwrap();
        assert_eq!(any.amount, Amount::Count(1));
        assert_eq!(any.to_string(), "any api");
        let any = read("component = \"api\"\npercent = 50").unwrap();
        assert_eq!(any.amount.of(3), 2);
        assert_eq!(any.to_string(), "any 50 % api");
    }

    #[test]
    fn numbers_that_draw_nobody_or_too_many_are_refused() {
        let check = |numbers: &str, expected: &str| {
            let error = read(&format!("component = \"api\"\n{numbers}")).unwrap_err();
            assert!(error.contains(expected), "{error:?} lacks {expected:?}");
        };
        check("count = 0", "count 0 is not at least 1");
        check("count = -1", "integer `-1`, expected usize");
        check("percent = 0", "percent 0 is not above 0 and at most 100");
        check("percent = -0.5", "percent -0.5 is not above 0");
        check(
            "percent = 100.1",
            "percent 100.1 is not above 0 and at most 100",
        );
        check("percent = nan", "percent NaN is not above 0");
        check("percent = inf", "percent inf is not above 0");
        check("count = 1\npercent = 50", "count or percent, not both");
        check("share = 50", "unknown field `share`");
    }

    proptest! {
        #[test]
        fn whatever_is_accepted_round_trips_and_draws_somebody(
            percent in 0.001f64..=100.0,
            count in 1usize..1000,
            members in 1usize..1000,
        ) {
            for amount in [Amount::Percent(percent), Amount::Count(count)] {
                let any = AnyOf { component: Component::Api, amount };
                prop_assert_eq!(read(&toml::to_string(&any).unwrap()), Ok(any));
            }
            let drawn = Amount::Percent(percent).of(members);
            prop_assert!((1..=members).contains(&drawn));
        }
    }
}
