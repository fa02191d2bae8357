//! IPv4 packets: read, spoiled, and made.

mod checksum;
mod dns;
mod forge;
mod inject;

use std::net::Ipv4Addr;

pub(crate) use self::{
    checksum::{flip, mend},
    dns::{Question, answer},
    forge::refusal,
    inject::{Injector, MARK},
};

/// Protocol numbers.
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;

/// The parts of a packet that decide what becomes of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packet<'a> {
    /// From the IP header on.
    pub(crate) bytes: &'a [u8],
    /// Length of the IP header.
    pub(crate) header: usize,
    pub(crate) protocol: u8,
    pub(crate) source: Ipv4Addr,
    pub(crate) destination: Ipv4Addr,
    /// Source and destination port of TCP and UDP; zero for the rest and for later fragments.
    pub(crate) ports: (u16, u16),
}

impl<'a> Packet<'a> {
    /// Reads the headers; nothing when these are not the bytes of an IPv4 packet.
    pub(crate) fn read(bytes: &'a [u8]) -> Option<Self> {
        let first = *bytes.first()?;
        let header = usize::from(first & 15) * 4;
        if first >> 4 != 4 || header < 20 || bytes.len() < header {
            return None;
        }
        let fragment = u16_at(bytes, 6)? & 0x1fff;
        let protocol = bytes[9];
        let ports = match protocol {
            TCP | UDP if fragment == 0 => (
                u16_at(bytes, header).unwrap_or(0),
                u16_at(bytes, header + 2).unwrap_or(0),
            ),
            _ => (0, 0),
        };
        Some(Self {
            bytes,
            header,
            protocol,
            source: address_at(bytes, 12)?,
            destination: address_at(bytes, 16)?,
            ports,
        })
    }

    /// Where the application's bytes begin, when there are any.
    pub(crate) fn payload(&self) -> Option<usize> {
        let begin = match self.protocol {
            UDP => self.header + 8,
            TCP => self.header + usize::from(self.bytes.get(self.header + 12)? >> 4) * 4,
            // The header of ICMP, and of most others, is 8 bytes long.
            _ => self.header + 8,
        };
        (begin < self.bytes.len()).then_some(begin)
    }

    /// What packets of one conversation in one direction have in common, the same in every run: the far end and the
    /// service's port, the lower of the two.
    pub(crate) fn flow(&self, inward: bool) -> u64 {
        let peer = if inward {
            self.source
        } else {
            self.destination
        };
        let service = self.ports.0.min(self.ports.1);
        u64::from(u32::from(peer)) << 32
            | u64::from(service) << 16
            | u64::from(self.protocol) << 1
            | u64::from(inward)
    }
}

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn address_at(bytes: &[u8], at: usize) -> Option<Ipv4Addr> {
    u32_at(bytes, at).map(Ipv4Addr::from)
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A UDP packet from 10.0.0.1:1000 to 10.0.0.2:53.
    pub(crate) fn udp(payload: &[u8]) -> Vec<u8> {
        forge::datagram(
            (Ipv4Addr::new(10, 0, 0, 1), 1000),
            (Ipv4Addr::new(10, 0, 0, 2), 53),
            payload,
        )
    }

    #[test]
    fn the_headers_are_read() {
        let bytes = udp(b"hello");
        let packet = Packet::read(&bytes).unwrap();
        assert_eq!(packet.ports, (1000, 53));
        assert_eq!(packet.payload(), Some(28));
        assert_ne!(packet.flow(true), packet.flow(false));
        assert_eq!(Packet::read(&udp(b"")).unwrap().payload(), None);
    }

    #[test]
    fn a_later_fragment_has_no_ports() {
        let mut bytes = udp(b"hello");
        bytes[7] = 1;
        assert_eq!(Packet::read(&bytes).unwrap().ports, (0, 0));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            if let Some(packet) = Packet::read(&bytes) {
                packet.payload();
                Question::read(&packet);
                refusal(&packet);
                let mut owned = bytes.clone();
                flip(&mut owned, 7);
                mend(&mut owned);
            }
        }
    }
}
