//! Address space for one run: three neighbouring /24 subnets that nobody else uses.

use std::{fmt, net::Ipv4Addr};

use crate::StageError;

/// Where subnets are looked for, as (first octet, second octets). 10.90 is left to topologies that are
/// raised by hand, with the defaults of the Compose files; the others come into play only where a route
/// covers the first, as that of a private network may.
const RANGES: [(u8, std::ops::RangeInclusive<u8>); 3] =
    [(10, 91..=127), (172, 20..=31), (192, 168..=168)];
const RANGES_TEXT: &str = "10.91.0.0-10.127.255.255, 172.20.0.0-172.31.255.255, 192.168.0.0/16";

/// Last octet of the virtual address on every network.
const VIP_OCTET: u8 = 100;
/// A CDN node's floating address lies this far above its own (`compose/images/varnish/entrypoint.sh`).
const FLOATING_ABOVE: u8 = 80;

/// The three networks of a topology: `edge`, `app` and `data`, a /24 each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subnets {
    first: [u8; 3],
}

impl Subnets {
    /// Chooses subnets that overlap none of `taken`. Where the search begins depends on the run, so that
    /// runs that start at the same moment rarely race for the same.
    ///
    /// # Errors
    /// When there is no room.
    pub(crate) fn choose(run: &str, taken: &[Block]) -> Result<Self, StageError> {
        let all: Vec<Self> = RANGES
            .into_iter()
            .map(|(first, seconds)| {
                let in_range: Vec<_> = seconds
                    .flat_map(|second| Self::within(first, second))
                    .collect();
                let begin = hash(run) % in_range.len();
                [&in_range[begin..], &in_range[..begin]].concat()
            })
            .collect::<Vec<_>>()
            .concat();
        all.into_iter()
            .find(|subnets| {
                let mut blocks = subnets.blocks().into_iter();
                blocks.all(|block| !taken.iter().any(|taken| taken.overlaps(block)))
            })
            .ok_or(StageError::NoSubnet { tried: RANGES_TEXT })
    }

    /// Every choice within one /16: the last three of each four neighbouring /24.
    fn within(first: u8, second: u8) -> impl Iterator<Item = Self> {
        (1..=253).step_by(4).map(move |third| Self {
            first: [first, second, third],
        })
    }

    /// The first three octets of the networks `edge`, `app` and `data`, such as `10.91.1`.
    pub fn prefixes(&self) -> [String; 3] {
        self.octets().map(|[a, b, c]| format!("{a}.{b}.{c}"))
    }

    /// The virtual address on the network `edge`, `app` or `data`; clients use that of the edge, which is
    /// also the answer for any other name.
    pub fn vip(&self, network: &str) -> Ipv4Addr {
        let [edge, app, data] = self.octets();
        let [a, b, c] = match network {
            "app" => app,
            "data" => data,
            _ => edge,
        };
        Ipv4Addr::new(a, b, c, VIP_OCTET)
    }

    /// The address by which clients know the CDN node at `own`: it moves to another node while that one is gone.
    pub fn floating(own: Ipv4Addr) -> Ipv4Addr {
        let [a, b, c, last] = own.octets();
        Ipv4Addr::new(a, b, c, last.saturating_add(FLOATING_ABOVE))
    }

    pub(crate) fn blocks(&self) -> [Block; 3] {
        self.octets().map(|[a, b, c]| Block {
            address: u32::from(Ipv4Addr::new(a, b, c, 0)),
            mask: 0xffff_ff00,
        })
    }

    fn octets(&self) -> [[u8; 3]; 3] {
        let [a, b, c] = self.first;
        [[a, b, c], [a, b, c + 1], [a, b, c + 2]]
    }
}

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    address: u32,
    mask: u32,
}

impl Block {
    /// Reads `10.90.1.0/24`; `None` for anything else, IPv6 included.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = text.split_once('/')?;
        let address: Ipv4Addr = address.parse().ok()?;
        let bits: u32 = bits.parse().ok().filter(|bits| *bits <= 32)?;
        Some(Self {
            address: address.into(),
            mask: u32::MAX.checked_shl(32 - bits).unwrap_or(0),
        })
    }

    pub(crate) fn overlaps(self, other: Self) -> bool {
        let shared = self.mask & other.mask;
        self.address & shared == other.address & shared
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}/{}",
            Ipv4Addr::from(self.address),
            self.mask.count_ones()
        )
    }
}

/// Destinations that the machine has a route to, from the text of `/proc/net/route`. The default route
/// leads everywhere and does not count.
pub(crate) fn routes(table: &str) -> Vec<Block> {
    let number = |text: &str| u32::from_str_radix(text, 16).ok().map(u32::swap_bytes);
    let block = |line: &str| {
        let fields: Vec<_> = line.split_ascii_whitespace().collect();
        let address = number(fields.get(1)?)?;
        let mask = number(fields.get(7)?)?;
        (mask != 0).then_some(Block { address, mask })
    };
    table.lines().skip(1).filter_map(block).collect()
}

/// FNV-1a: the same on every machine and in every version.
fn hash(text: &str) -> usize {
    let step = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    text.bytes().fold(0x811c_9dc5, step) as usize
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, prelude::*};

    use super::*;

    fn block(text: &str) -> Block {
        Block::parse(text).unwrap()
    }

    #[test]
    fn overlap_works_both_ways_and_for_any_size() {
        for (one, other, expected) in [
            ("10.0.0.0/8", "10.91.1.0/24", true),
            ("10.91.1.128/25", "10.91.1.0/24", true),
            ("0.0.0.0/0", "10.91.1.0/24", true),
            ("10.91.1.7/32", "10.91.1.0/24", true),
            ("10.91.2.0/24", "10.91.1.0/24", false),
            ("172.17.0.0/16", "10.91.1.0/24", false),
        ] {
            assert_eq!(block(one).overlaps(block(other)), expected, "{one} {other}");
            assert_eq!(block(other).overlaps(block(one)), expected, "{one} {other}");
        }
        for text in ["fd00::/64", "10.0.0.0", "10.0.0.0/33", "10.0.0/8", ""] {
            assert_eq!(Block::parse(text), None, "{text}");
        }
        assert_eq!(block("10.91.1.0/24").to_string(), "10.91.1.0/24");
    }

    #[test]
    fn routes_are_read_and_the_default_route_is_not() {
        let table = "\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
br-1\t00015A0A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
broken
";
        assert_eq!(routes(table), [block("10.90.1.0/24")]);
        assert_eq!(routes(""), []);
    }

    #[test]
    fn networks_and_virtual_addresses_are_neighbours() {
        let subnets = Subnets::choose("1123-231415-4711", &[]).unwrap();
        let [edge, app, data] = subnets.prefixes();
        assert_eq!(subnets.vip("edge").to_string(), format!("{edge}.100"));
        let floating = Subnets::floating(format!("{edge}.21").parse().unwrap());
        assert_eq!(floating.to_string(), format!("{edge}.101"));
        assert_eq!(subnets.vip("app").to_string(), format!("{app}.100"));
        assert_eq!(subnets.vip("data").to_string(), format!("{data}.100"));
        assert_ne!(Subnets::choose("another", &[]).unwrap(), subnets);
    }

    #[test]
    fn a_full_range_gives_way_to_the_next_and_a_full_machine_is_an_error() {
        let elsewhere = Subnets::choose("x", &[block("10.0.0.0/8")]).unwrap();
        assert!(elsewhere.prefixes()[0].starts_with("172."));
        let full = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"].map(block);
        let error = Subnets::choose("x", &full).unwrap_err();
        assert!(error.to_string().contains("docker network prune"));
    }

    proptest! {
        #[test]
        fn what_is_chosen_never_overlaps_what_is_taken(
            run in "[0-9-]{1,20}",
            taken in vec((any::<u16>(), 14u32..=32), 0..200),
        ) {
            let taken: Vec<Block> = taken
                .into_iter()
                .filter_map(|(low, bits)| {
                    let [b, c] = low.to_be_bytes();
                    Block::parse(&format!("10.{}.{c}.0/{bits}", 64 + b % 64))
                })
                .collect();
            let chosen = Subnets::choose(&run, &taken).unwrap().blocks();
            for block in chosen {
                prop_assert!(!taken.iter().any(|taken| taken.overlaps(block)), "{block}");
            }
            prop_assert!(!chosen[0].overlaps(chosen[1]) && !chosen[1].overlaps(chosen[2]));
        }
    }
}
