//! Networks and ranges of ports, as an order names them.

use std::{fmt, net::Ipv4Addr, str::FromStr};

use serde::{Deserialize, Serialize};

/// An IPv4 address or network, such as `10.0.0.2` or `10.0.0.0/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Net {
    address: Ipv4Addr,
    prefix: u8,
}

impl Net {
    /// One address.
    pub fn host(address: Ipv4Addr) -> Self {
        Self {
            address,
            prefix: 32,
        }
    }

    /// The address, when the network is only one.
    pub fn only(self) -> Option<Ipv4Addr> {
        (self.prefix == 32).then_some(self.address)
    }
}

impl FromStr for Net {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not an IPv4 address or network such as 10.0.0.0/24");
        let (address, prefix) = text.split_once('/').unwrap_or((text, "32"));
        let net = Self {
            address: address.parse().map_err(|_| wrong())?,
            prefix: prefix.parse().map_err(|_| wrong())?,
        };
        if net.prefix > 32 {
            Err(wrong())
        } else {
            Ok(net)
        }
    }
}

impl fmt::Display for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// One port or a range of them, such as `5432` or `8000-8010`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// One port.
    pub fn one(port: u16) -> Self {
        Self {
            first: port,
            last: port,
        }
    }

    /// The lowest port.
    pub fn first(self) -> u16 {
        self.first
    }

    /// The highest port.
    pub fn last(self) -> u16 {
        self.last
    }

    /// How many entries it takes in a rule.
    pub fn entries(&self) -> usize {
        if self.first == self.last { 1 } else { 2 }
    }
}

impl FromStr for PortRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a port or a range such as 8000-8010");
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let range = Self {
            first: first.parse().map_err(|_| wrong())?,
            last: last.parse().map_err(|_| wrong())?,
        };
        if range.first == 0 || range.first > range.last {
            return Err(wrong());
        }
        Ok(range)
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last {
            write!(f, "{}", self.first)
        } else {
            write!(f, "{}-{}", self.first, self.last)
        }
    }
}

/// Text both ways, for values that parse and print.
macro_rules! by_text {
    ($($kind:ty),*) => {$(
        impl TryFrom<String> for $kind {
            type Error = String;

            fn try_from(text: String) -> Result<Self, String> {
                text.parse()
            }
        }

        impl From<$kind> for String {
            fn from(value: $kind) -> Self {
                value.to_string()
            }
        }
    )*};
}

by_text!(Net, PortRange);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn mistakes_are_named() {
        for net in ["", "10.0.0", "10.0.0.0/33", "10.0.0.0/", "::1", "api-1"] {
            assert!(net.parse::<Net>().unwrap_err().contains("is not"), "{net}");
        }
        for range in ["", "0", "65536", "9-8", "8-", "http"] {
            assert!(range.parse::<PortRange>().unwrap_err().contains("is not"));
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_parses(address: u32, prefix in 0u8..=32, first in 1u16.., more: u16) {
            let net = Net { address: address.into(), prefix };
            prop_assert_eq!(net.to_string().parse::<Net>(), Ok(net));
            let range = PortRange { first, last: first.saturating_add(more) };
            prop_assert_eq!(range.to_string().parse::<PortRange>(), Ok(range));
        }

        #[test]
        fn no_text_panics(text: String) {
            let _ = (text.parse::<Net>(), text.parse::<PortRange>());
        }
    }
}
