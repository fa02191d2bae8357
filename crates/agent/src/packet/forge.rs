//! Packets that a peer would have sent: refusals and answers.

use std::net::Ipv4Addr;

use super::{Packet, TCP, UDP, checksum::checksum, mend, u32_at};

const ICMP: u8 = 1;
/// Flags of TCP.
const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;

/// What tells the sender of a packet at once that nobody takes it: a reset for TCP (RFC 9293, 3.5.2), port
/// unreachable for the rest (RFC 1122, 3.2.2.1). Nothing for what must not be answered: resets and ICMP.
pub(crate) fn refusal(packet: &Packet<'_>) -> Option<Vec<u8>> {
    match packet.protocol {
        TCP => reset(packet),
        ICMP => None,
        _ => Some(unreachable(packet)),
    }
}

fn reset(packet: &Packet<'_>) -> Option<Vec<u8>> {
    let tcp = packet.bytes.get(packet.header..)?;
    let (sequence, acknowledged, flags) = (u32_at(tcp, 4)?, u32_at(tcp, 8)?, *tcp.get(13)?);
    if flags & RST != 0 {
        return None;
    }
    let begin = packet.payload().unwrap_or(packet.bytes.len());
    let data = u32::try_from(packet.bytes.len() - begin).unwrap_or(0);
    let counted = data + u32::from(flags & SYN != 0) + u32::from(flags & FIN != 0);
    let (sequence, acknowledged, flags) = if flags & ACK != 0 {
        (acknowledged, 0, RST)
    } else {
        (0, sequence.wrapping_add(counted), RST | ACK)
    };
    let mut segment = Vec::with_capacity(20);
    segment.extend(packet.ports.1.to_be_bytes());
    segment.extend(packet.ports.0.to_be_bytes());
    segment.extend(sequence.to_be_bytes());
    segment.extend(acknowledged.to_be_bytes());
    segment.extend([5 << 4, flags, 0, 0, 0, 0, 0, 0]);
    Some(sealed(TCP, packet.destination, packet.source, &segment))
}

/// ICMP type 3, code 3, with the header and eight bytes of what it is about.
fn unreachable(packet: &Packet<'_>) -> Vec<u8> {
    let about = &packet.bytes[..packet.bytes.len().min(packet.header + 8)];
    let head = [3, 3, 0, 0, 0, 0, 0, 0];
    let sum = checksum(&[&head, about]).to_be_bytes();
    let message = [&[3, 3, sum[0], sum[1], 0, 0, 0, 0], about].concat();
    sealed(ICMP, packet.destination, packet.source, &message)
}

/// A UDP packet.
pub(super) fn datagram(from: (Ipv4Addr, u16), to: (Ipv4Addr, u16), payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len() + 8).unwrap_or(u16::MAX);
    let mut datagram = Vec::with_capacity(payload.len() + 8);
    for word in [from.1, to.1, length, 0xffff] {
        datagram.extend(word.to_be_bytes());
    }
    datagram.extend(payload);
    sealed(UDP, from.0, to.0, &datagram)
}

/// An IPv4 header in front, and every checksum right.
fn sealed(protocol: u8, from: Ipv4Addr, to: Ipv4Addr, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 20)
        .unwrap_or(u16::MAX)
        .to_be_bytes();
    let mut packet = vec![
        0x45, 0, length[0], length[1], 0, 0, 0x40, 0, 64, protocol, 0, 0,
    ];
    packet.extend(from.octets());
    packet.extend(to.octets());
    let sum = checksum(&[&packet]);
    packet[10..12].copy_from_slice(&sum.to_be_bytes());
    packet.extend(body);
    mend(&mut packet);
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(flags: u8, payload: &[u8]) -> Vec<u8> {
        let head = [
            3,
            232,
            21,
            56,
            0,
            0,
            0,
            9,
            0,
            0,
            0,
            7,
            5 << 4,
            flags,
            0,
            0,
            0,
            0,
            0,
            0,
        ];
        let (from, to) = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
        sealed(TCP, from, to, &[&head, payload].concat())
    }

    #[test]
    fn a_connect_is_answered_by_a_reset_that_the_client_takes() {
        let connect = tcp(SYN, b"");
        let refused = refusal(&Packet::read(&connect).unwrap()).unwrap();
        let packet = Packet::read(&refused).unwrap();
        assert_eq!(packet.ports, (5432, 1000));
        assert_eq!(packet.destination, Ipv4Addr::new(10, 0, 0, 1));
        assert_eq!(refused[33], RST | ACK);
        assert_eq!(u32_at(&refused, 28), Some(10), "acknowledges the connect");
    }

    #[test]
    fn live_data_is_answered_in_the_receivers_sequence() {
        let data = tcp(ACK, b"abc");
        let refused = refusal(&Packet::read(&data).unwrap()).unwrap();
        assert_eq!(refused[33], RST);
        assert_eq!(u32_at(&refused, 24), Some(7));
    }

    #[test]
    fn a_reset_and_icmp_are_not_answered() {
        assert_eq!(refusal(&Packet::read(&tcp(RST, b"")).unwrap()), None);
        let udp = super::super::tests::udp(b"x");
        let icmp = refusal(&Packet::read(&udp).unwrap()).unwrap();
        assert_eq!((icmp[9], icmp[20], icmp[21]), (ICMP, 3, 3));
        assert_eq!(checksum(&[&icmp[20..]]), 0);
        assert_eq!(refusal(&Packet::read(&icmp).unwrap()), None);
    }
}
